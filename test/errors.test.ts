import fs from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import {describe, expect, it} from 'vitest'

const SOURCE = path.join(import.meta.dirname, '..', 'src')

/** Where the message itself says what to install, and where nothing is left to type. */
const WITHOUT_NEXT = ['cancelled', 'no-python', 'no-machine', 'smoke-failed', 'machine-failed', 'machine-gone', 'smoke-timeout']

interface Thrown {
  readonly where: string
  /** The words of the source, since some decide between two. */
  readonly code: string
  readonly hasNext: boolean
}

/** Every `new ServiceError(message, {…})` of the source. */
function thrown(): Thrown[] {
  const files = fs.readdirSync(SOURCE, {recursive: true, encoding: 'utf8'}).filter((file) => file.endsWith('.ts'))
  return files.flatMap((file) => {
    const source = ts.createSourceFile(file, fs.readFileSync(path.join(SOURCE, file), 'utf8'), ts.ScriptTarget.Latest, true)
    const found: Thrown[] = []
    const visit = (node: ts.Node): void => {
      if (ts.isNewExpression(node) && node.expression.getText() === 'ServiceError') {
        const text = node.arguments?.[1]?.getText() ?? ''
        const where = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
        found.push({where, code: /\bcode\b(?:: ([^,\n]+))?/.exec(text)?.[1] ?? text, hasNext: /\bnext\b(?!: \[\])/.test(text)})
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
    return found
  })
}

describe('every failure that is foreseen', () => {
  const all = thrown()

  it('says what to type next, where there is something to type', () => {
    expect(all.length).toBeGreaterThan(40)
    const mute = all.filter(({hasNext, code}) => !hasNext && !WITHOUT_NEXT.some((known) => code.includes(`'${known}'`)))
    expect(mute).toEqual([])
  })

  it('has a stable code in kebab-case', () => {
    for (const {where, code} of all.filter(({code}) => code.startsWith("'")))
      expect([where, code]).toEqual([where, expect.stringMatching(/^'[a-z]+(-[a-z0-9]+)*'$/)])
  })
})
