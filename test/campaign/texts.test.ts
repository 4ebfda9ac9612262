import {execFileSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, describe, expect, it} from 'vitest'
import {commandModules} from '../../src/commands/index.js'
import {loadChecks} from '../../src/doctor/checks/index.js'
import {PACKAGE_ROOT} from '../support/built.js'

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-texts-'))
afterAll(() => fs.rmSync(scratch, {recursive: true}))

describe('the texts that people meet', () => {
  it('are in one file: each command, each check, and the messages of the source', async () => {
    const file = path.join(scratch, 'texts.txt')
    execFileSync(process.execPath, ['bin/texts.mjs', file], {cwd: PACKAGE_ROOT, stdio: 'ignore'})
    const text = fs.readFileSync(file, 'utf8')
    const wanted = [
      ...Object.keys(commandModules).map((id) => `\n## ${id.replaceAll(':', ' ')}\n`),
      ...(await loadChecks()).flatMap(({title, why}) => [title, why]),
      ...['\n# Tables of the documents\n', '\n## README.md\n| ', '\n## docs/doctor.md\n| '],
      // One of each kind: an error, a finding, a step.
      ...['- --watch needs a terminal\n', 'is stopped by a signal and cannot answer', 'check that it worked'],
    ]
    expect(wanted.filter((one) => !text.includes(one))).toEqual([])
  })
})
