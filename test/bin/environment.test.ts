import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {inCampaign} from '../support/campaign.js'
import {PACKAGE_ROOT} from '../support/built.js'
import {describeUnless} from '../support/describe-unless.js'

const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups', '--']

let scratch: string
let entry: string

// A copy, so that another account can read it, wherever this one lies.
beforeAll(() => {
  scratch = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-environment-')))
  fs.chmodSync(scratch, 0o755)
  for (const part of ['bin/hermes-svc.cjs', 'dist', 'templates', 'package.json'])
    fs.cpSync(path.join(PACKAGE_ROOT, part), path.join(scratch, 'package', part), {recursive: true})
  entry = path.join(scratch, 'package', 'bin', 'hermes-svc.cjs')
})
afterAll(() => fs.rmSync(scratch, {recursive: true}))

/** Runs a line of sh in which `$0` is node and `$1` the program, without HOME and the like unless they are given. */
function sh(line: string, env: Readonly<Record<string, string>> = {}, before: readonly string[] = []) {
  const [program = 'sh', ...args] = [...before, 'sh', '-c', line, process.execPath, entry]
  const {status, stdout, stderr} = spawnSync(program, args, {encoding: 'utf8', cwd: scratch, env: {PATH: process.env.PATH, ...env}})
  expect(stdout + stderr).not.toMatch(/^\s+at /m)
  expect(stdout + stderr).not.toContain('bug in hermes-svc')
  return {status, stdout, stderr}
}

/** s6 is taken for granted where it is asked for, so that these run on any machine. */
const COMMANDS = ['status', 'list', 'doctor', 'render', 'logs', 'start --dry-run', 'heartbeat', 'boot --dry-run'].map(
  (command) => `${command} --manager s6`,
)

/** One of each bundle, and what starts programs; what the others do in another place is what these do. */
const OF_EACH_KIND = inCampaign(
  COMMANDS,
  COMMANDS.filter((command) => /^(status|doctor|render|logs) /.test(command)),
)

describe('the program', () => {
  it.each(['--version', '--help', 'health', 'health --prometheus', 'nonsense --json'])(
    'says in one line that a disk is full: %s',
    (args) => {
      const {status, stderr} = sh(`"$0" "$1" ${args} >/dev/full`)
      // Where even the error has no place, there is only the exit status.
      if (args.includes('--json')) expect([status, stderr]).toEqual([2, ''])
      else if (!args.includes('prometheus'))
        expect([status, stderr.split('\n')[0]]).toEqual([1, 'hermes-svc: cannot write to stdout: ENOSPC'])
    },
  )

  it('ends as it would where stderr is full or closed', () => {
    expect(sh('"$0" "$1" nonsense 2>/dev/full').status).toBe(2)
    expect(sh('"$0" "$1" nonsense 2>&-').status).toBe(2)
    expect(sh('"$0" "$1" --version >&-').status).toBe(0)
  })

  // With a home, the rows of a damaged one have none either.
  it.each(inCampaign(COMMANDS, ['status --manager s6']))('needs no HOME: %s', (command) => {
    const {status, stderr} = sh(`"$0" "$1" ${command} --home '${scratch}/none'`)
    expect([0, 1, 2, 4]).toContain(status)
    if (stderr !== '') expect(stderr).toMatch(/^(hermes-svc: |Nothing of )/)
  })

  it.each(['--version', 'status --help --json', ...OF_EACH_KIND])('can be run in a folder that is gone: %s', (command) => {
    const gone = path.join(scratch, 'gone')
    fs.mkdirSync(gone)
    const {status} = sh(`cd '${gone}' && rmdir '${gone}' && "$0" "$1" ${command}`, {HOME: scratch, HERMES_HOME: path.join(scratch, 'none')})
    expect([0, 1, 2, 4]).toContain(status)
  })

  it('says which variable is no home', () => {
    expect(sh('"$0" "$1" status --manager s6', {HERMES_HOME: 'relative'})).toEqual({
      ...{status: 2, stdout: ''},
      stderr: 'hermes-svc: HERMES_HOME must be an absolute path, not "relative"\nNext: hermes-svc status --help\n',
    })
  })

  it.each(COMMANDS)('needs no HOME, and reads on where every file of the home is damaged: %s', (command) => {
    const home = fs.mkdtempSync(path.join(scratch, 'home-'))
    for (const name of [
      'gateway_state.json',
      'gateway.pid',
      'gateway.lock',
      '.hermes-svc.json',
      'config.yaml',
      'processes.json',
      '.hermes-svc/settings.json',
    ]) {
      fs.mkdirSync(path.dirname(path.join(home, name)), {recursive: true})
      fs.writeFileSync(path.join(home, name), '{"half": \u0000')
    }
    expect([0, 1, 2, 4]).toContain(sh(`"$0" "$1" ${command} --home '${home}'`).status)
  })
})

const reason =
  process.geteuid?.() !== 0
    ? 'it needs root'
    : spawnSync('setpriv', [...NOBODY, process.execPath, '-e', '0']).status === 0
      ? undefined
      : 'another account cannot run node here'

describeUnless(reason, 'the program, for an account that may not read the home', () => {
  it.each(OF_EACH_KIND.filter((command) => !/^(render|start|heartbeat)/.test(command)))('says so, and what to type: %s', (command) => {
    const home = path.join(scratch, 'closed')
    fs.mkdirSync(home, {recursive: true, mode: 0o700})
    const {status, stdout, stderr} = sh(`"$0" "$1" ${command} --home '${home}'`, {HOME: scratch}, ['setpriv', ...NOBODY])
    expect([1, 4]).toContain(status)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^hermes-svc: .*EACCES\nNext: run the same command as a user with permission, for example with sudo\n$/)
  })
})
