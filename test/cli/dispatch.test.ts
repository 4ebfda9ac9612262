import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {run} from '../../src/cli.js'
import {BaseCommand, type CommandResult} from '../../src/commands/base.js'
import type {CommandModules} from '../../src/commands/index.js'
import {ExitStatus} from '../../src/errors.js'

/** Commands that say which one they are and what they were given. */
function command(summary: string) {
  return class extends BaseCommand<typeof BaseCommand> {
    static override strict = false
    static override summary = summary

    protected override execute(): Promise<CommandResult> {
      this.print(`${summary} as ${this.ctor.id} in ${this.config.root}: ${this.argv.join(' ')}`)
      return Promise.resolve({exitStatus: ExitStatus.ok, json: undefined})
    }
  }
}

const commands: CommandModules = {
  status: () => Promise.resolve({default: command('the status')}),
  start: () => Promise.resolve({default: command('the start')}),
  'fix:zombie-pid': () => Promise.resolve({default: command('the fix')}),
}

let stdout = ''
let stderr = ''

beforeEach(() => {
  stdout = ''
  stderr = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((stdout += String(text))))
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((stderr += String(text))))
})
afterEach(() => {
  vi.restoreAllMocks()
})

const dispatch = (...argv: string[]) => run(argv, {packageRoot: '/package', commands})

describe('the dispatcher', () => {
  it('runs a command with the arguments after its name', async () => {
    expect(await dispatch('status', 'a', '-p', 'b')).toBe(0)
    expect(stdout).toBe('the status as status in /package: a -p b\n')
  })

  it.each([[['fix', 'zombie-pid', 'x']], [['fix:zombie-pid', 'x']]])('runs a command of a topic for %j', async (argv) => {
    expect(await dispatch(...argv)).toBe(0)
    expect(stdout).toBe('the fix as fix:zombie-pid in /package: x\n')
  })

  it('leaves what follows -- to the command', async () => {
    expect(await dispatch('status', '--', '--help')).toBe(0)
    expect(stdout).toContain(': -- --help')
  })

  it.each([
    ['enable', 'hermes-svc start'],
    ['disable', 'hermes-svc stop'],
    ['reload', 'hermes-svc restart'],
    ['info', 'hermes-svc status'],
    ['remove', 'hermes-svc uninstall'],
    ['update', 'hermes-svc fix outdated --all'],
    ['upgrade', 'hermes-svc fix outdated --all'],
  ])('says what to type for %s, which other programs know', async (word, next) => {
    expect(await dispatch(word)).toBe(2)
    expect(stderr).toBe(`hermes-svc: unknown command: ${word}\nNext: ${next}\n`)
  })

  it.each([
    [['statsu'], 'unknown command: statsu (did you mean status?)'],
    [['frobnicate'], 'unknown command: frobnicate'],
    [['fix', 'zombie-pdi'], 'unknown command: fix zombie-pdi (did you mean fix zombie-pid?)'],
    [['--json', '--banana', 'status'], 'type the command before its flags, not --json first'],
    [['fxi'], 'unknown command: fxi (did you mean fix?)'],
    [['fxi', 'zombie-pid'], 'unknown command: fxi (did you mean fix zombie-pid?)'],
    [['zombie-pid'], 'unknown command: zombie-pid (did you mean fix zombie-pid?)'],
    [['hlep'], 'unknown command: hlep (did you mean help?)'],
    [['--hepl'], 'type the command before its flags, not --hepl first (did you mean --help?)'],
    [['constructor'], 'unknown command: constructor'],
    [['statsu', '--help'], 'unknown command: statsu (did you mean status?)'],
    [['help', 'statsu'], 'unknown command: statsu (did you mean status?)'],
    [[''], 'unknown command: '],
  ])('refuses %j in one line', async (argv, message) => {
    const json = argv.includes('--json')
    expect(await dispatch(...argv)).toBe(2)
    const error = {code: 'usage', message, next: ['hermes-svc --help'], evidence: []}
    if (json) expect(JSON.parse(stdout)).toEqual({schemaVersion: 1, ok: false, error})
    else expect({stdout, stderr}).toEqual({stdout: '', stderr: `hermes-svc: ${message}\nNext: hermes-svc --help\n`})
  })
})
