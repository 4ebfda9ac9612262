import {execFileSync, spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {PACKAGE_ROOT} from '../support/built.js'

const TEXT = fs.readFileSync(path.join(PACKAGE_ROOT, 'CONTRIBUTING.md'), 'utf8')
/** What is no part of the tree, and what the build makes. */
const LEFT_OUT = ['.git', 'coverage', 'dist', 'node_modules']

/** A text that is to be put into a file: as its whole, or as a line before the one that begins with `before`. */
interface Sample {
  readonly file: string
  readonly before: string | undefined
  readonly text: string
}

function samples(): Sample[] {
  const block = /^ *<!-- sample(?: line)?: (\S+?)(?:, before: (.*))? -->\n( *)```\w+\n([^]*?)^ *```$/gm
  return [...TEXT.matchAll(block)].map(([, file = '', before, indent = '', body = '']) => ({
    file,
    before,
    text: body
      .split('\n')
      .map((line) => line.slice(indent.length))
      .join('\n'),
  }))
}

describe('a check that is written as CONTRIBUTING.md says', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-contributing-'))
  afterAll(() => fs.rmSync(root, {recursive: true, force: true}))

  beforeAll(() => {
    for (const name of fs.readdirSync(PACKAGE_ROOT).filter((entry) => !LEFT_OUT.includes(entry))) {
      fs.cpSync(path.join(PACKAGE_ROOT, name), path.join(root, name), {recursive: true})
    }
    fs.symlinkSync(path.join(PACKAGE_ROOT, 'node_modules'), path.join(root, 'node_modules'))
  })

  const run = (...args: string[]) => {
    const {status, stdout, stderr} = spawnSync(process.execPath, args, {cwd: root, encoding: 'utf8'})
    return {status, output: stdout + stderr}
  }

  it('is a command of fix, passes its test, has its rows in the tables, and its types fit', {timeout: 240_000}, () => {
    const all = samples()
    expect(all.map(({file}) => file)).toEqual([
      'src/doctor/checks/core-dump.ts',
      'src/doctor/checks/ids.ts',
      'src/doctor/checks/index.ts',
      'README.md',
      'docs/doctor.md',
      'test/doctor/checks/core-dump.test.ts',
    ])
    const put = ({file, before, text}: Sample) => {
      const place = path.join(root, file)
      if (before === undefined) return fs.writeFileSync(place, text)
      const lines = fs.readFileSync(place, 'utf8').split('\n')
      const at = lines.findIndex((line) => line.startsWith(before))
      expect({file, before, found: at >= 0}).toMatchObject({found: true})
      lines.splice(at, 0, /^ */.exec(lines[at] ?? '')?.[0] + text.trimEnd())
      return fs.writeFileSync(place, lines.join('\n'))
    }
    for (const sample of all) put(sample)

    execFileSync(process.execPath, ['bin/build/index.mjs'], {cwd: root, stdio: ['ignore', 'ignore', 'inherit']})
    expect(run('bin/hermes-svc.cjs', 'fix', '--help').output).toContain('fix core-dump')
    expect(run('bin/hermes-svc.cjs', 'fix', 'core-dump', '--help').output).toMatch(/Cure a core dump that a crash left in the home/)

    const {status, output} = run(
      'node_modules/vitest/vitest.mjs',
      ...['run', '--project', 'unit', 'test/readme.test.ts', 'test/doctor/checks/core-dump.test.ts'],
    )
    expect({status, output}).toMatchObject({status: 0})
    const types = run('node_modules/typescript/bin/tsc', '-p', '.', '--noEmit')
    expect(types).toEqual({status: 0, output: ''})
  })
})
