import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {commandModules} from '../../src/commands/index.js'
import {checkModules} from '../../src/doctor/checks/index.js'
import {PACKAGE_ROOT, runBuilt} from '../support/built.js'

let home: string

beforeAll(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-complete-'))
})
afterAll(() => fs.rmSync(home, {recursive: true}))

const ask = (...args: string[]) =>
  runBuilt(['__complete', ...args], {HOME: home, XDG_CACHE_HOME: home, HERMES_HOME: path.join(home, 'hermes')})

describe('what the completion scripts ask', () => {
  it('is answered with a kind, the word under the cursor, and what could stand there', () => {
    expect(ask('bash', 'hermes-svc sta')).toEqual({status: 0, stdout: 'words\tsta\nstart\nstatus\n', stderr: ''})
    expect(ask('bash', 'hermes-svc status --home ')).toEqual({status: 0, stdout: 'folders\t\n', stderr: ''})
  })

  it('is answered for zsh with all that could stand there, and what it means', () => {
    const {stdout} = ask('zsh', 'sta')
    const found = stdout
      .split('\n')
      .slice(1, -1)
      .map((line) => line.split('\t'))
    const first = new Set(Object.keys(commandModules).map((id) => id.split(':')[0]))
    expect(found.map(([word]) => word)).toEqual([...first, 'help'].sort())
    for (const [, about] of found) expect(about).toMatch(/^\S.+/)
  })

  it('is answered for the findings with what each is about, and not with what its fix does', () => {
    const about = (line: string) => line.split('\t')[1]
    const lines = ask('zsh', 'doctor', '--only', '').stdout.split('\n').slice(1, -1)
    expect(lines.map((line) => line.split('\t')[0]).sort()).toEqual(Object.keys(checkModules).sort())
    expect(lines.map(about)).toContain('a service that differs from its desired state, or that has no desired state on record')
    for (const line of lines) expect(about(line)).not.toMatch(/^(?:Fix|Say) /)
  })

  it('is answered in silence, or with nothing, whatever is asked', () => {
    fs.writeFileSync(path.join(home, 'file'), '')
    for (const args of [
      [],
      ['bash'],
      ['fish', 'x'],
      ['bash', "hermes-svc status --home '/no\n"],
      ['zsh', 'status', '--home', 'relative', '-p', ''],
    ]) {
      expect(ask(...args)).toMatchObject({status: 0, stderr: ''})
    }
    expect(ask('zsh', 'status', '--home', path.join(home, 'file'), '-p', '')).toMatchObject({status: 0, stderr: ''})
    expect(ask('zsh', 'status', '--run-as', 'nobody-of-that-name', '-p', '')).toEqual({status: 0, stdout: 'words\t\n', stderr: ''})
  })

  it('offers no word that would need quotes', () => {
    for (const name of ['work', 'a b', "it's", '$(reboot)']) fs.mkdirSync(path.join(home, 'hermes', 'profiles', name), {recursive: true})
    expect(ask('bash', 'hermes-svc status -p ').stdout).toBe('words\t\ndefault\nwork\n')
  })

  it('writes nothing, no code cache either', () => {
    const folder = fs.mkdtempSync(path.join(home, 'empty-'))
    runBuilt(['__complete', 'bash', 'hermes-svc status -p '], {HOME: folder, XDG_CACHE_HOME: folder, HERMES_HOME: folder})
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('is made from the commands as they are', () => {
    const tree = JSON.parse(fs.readFileSync(path.join(PACKAGE_ROOT, 'dist', 'completion.json'), 'utf8')) as {commands: object}
    expect(Object.keys(tree.commands).sort()).toEqual(Object.keys(commandModules).sort())
  })
})
