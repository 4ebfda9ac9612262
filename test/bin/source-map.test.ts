import fs from 'node:fs'
import {SourceMap, type SourceMapPayload} from 'node:module'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {describe, expect, it} from 'vitest'

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))

/** Where a text of a bundle stands in the source, by the bundle's map. */
function sourceOf(bundle: string, text: string): {file: string; line: string} {
  const before = fs.readFileSync(path.join(DIST, bundle), 'utf8').split(text)[0] ?? ''
  const lines = before.split('\n')
  const map = new SourceMap(JSON.parse(fs.readFileSync(path.join(DIST, `${bundle}.map`), 'utf8')) as SourceMapPayload)
  const entry = map.findEntry(lines.length - 1, lines.at(-1)?.length ?? 0)
  if (!('originalSource' in entry)) throw new Error(`${bundle}: nothing is known of ${text}`)
  const file = path.resolve(DIST, entry.originalSource)
  return {file: path.relative(path.dirname(DIST), file), line: fs.readFileSync(file, 'utf8').split('\n')[entry.originalLine] ?? ''}
}

describe.each(['cli.cjs', 'doctor.cjs', 'look.cjs'])('the source map of %s', (bundle) => {
  it.each([
    ['function usageError(', 'src/errors.ts'],
    ['function onlineSentence(', 'src/ui/online-text.ts'],
    ['function parseStat(', 'src/gateway/process-linux.ts'],
  ])('leads from "%s" to its line in %s', (text, file) => {
    const found = sourceOf(bundle, text)
    expect(found.file).toBe(file)
    expect(found.line).toContain(text)
  })

  it('carries no source text, and is not named in the bundle, which would start slower', () => {
    expect(JSON.parse(fs.readFileSync(path.join(DIST, `${bundle}.map`), 'utf8'))).not.toHaveProperty('sourcesContent')
    expect(fs.readFileSync(path.join(DIST, bundle), 'utf8')).not.toContain('sourceMappingURL=')
  })
})
