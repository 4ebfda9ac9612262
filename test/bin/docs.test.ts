import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {PACKAGE_ROOT} from '../support/built.js'
import {describeUnless} from '../support/describe-unless.js'

const MAN = path.join(PACKAGE_ROOT, 'man', 'hermes-svc.1')
const run = (program: string, ...args: string[]) => spawnSync(program, args, {encoding: 'utf8', cwd: PACKAGE_ROOT})
const isThere = (program: string) => run('sh', '-c', `command -v ${program}`).status === 0

describe('the reference in docs/commands.md and the man page', () => {
  it('are as the commands are: else run `npm run docs`', () => {
    expect(run(process.execPath, 'bin/docs.mjs', '--check')).toMatchObject({status: 0, stderr: ''})
  })

  it('come with the package', () => {
    const {stdout} = run('npm', 'pack', '--dry-run', '--ignore-scripts', '--json')
    const [packed] = JSON.parse(stdout) as {files: {path: string}[]}[]
    expect(packed?.files.map((file) => file.path)).toContain('man/hermes-svc.1')
    expect(JSON.parse(fs.readFileSync(path.join(PACKAGE_ROOT, 'package.json'), 'utf8'))).toMatchObject({man: ['./man/hermes-svc.1']})
  })
})

describeUnless(isThere('mandoc') ? undefined : 'there is no mandoc', 'the man page, as mandoc reads it', () => {
  it('has nothing to warn of', () => {
    expect(run('mandoc', '-Tlint', '-W', 'warning', MAN)).toMatchObject({status: 0, stdout: '', stderr: ''})
  })

  it('says of every command what its help says', () => {
    const text = run('mandoc', '-Tutf8', '-O', 'width=1000', MAN).stdout.replaceAll(/.\u0008/g, '')
    const {commands} = JSON.parse(fs.readFileSync(path.join(PACKAGE_ROOT, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, {id: string; summary: string; flags: Record<string, {description: string}>}>
    }
    const told = text.replaceAll(/\s+/g, ' ')
    for (const {id, summary, flags} of Object.values(commands)) {
      expect(told).toContain(id.replace(':', ' '))
      expect(told).toContain(summary.replaceAll('`', ''))
      for (const [name, {description}] of Object.entries(flags)) {
        expect(told).toMatch(new RegExp(`--(\\[no-\\])?${name}\\b`))
        expect(told).toContain(description)
      }
    }
  })
})

describeUnless(isThere('man') && isThere('groff') ? undefined : 'there is no man or groff', 'the man page, as man shows it', () => {
  it('has nothing to warn of', () => {
    const {status, stderr} = spawnSync('man', ['--warnings', '-l', MAN], {
      encoding: 'utf8',
      env: {...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80'},
    })
    expect({status, stderr}).toEqual({status: 0, stderr: ''})
  })
})
