import type {Config} from '@oclif/core/config'
import * as Flags from '@oclif/core/flags'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {allFlag, BaseCommand, type CommandResult, timeoutFlag} from '../../src/commands/base.js'
import {ExitStatus, ServiceError, usageError} from '../../src/errors.js'
import {type Host, HostError} from '../../src/host/host.js'
import {lightConfig} from '../../src/light-config.js'
import {cancelledError} from '../../src/ui/failure.js'
import {FakeHost} from '../fakes/fake-host.js'

type Body = (command: Fixture) => Promise<CommandResult> | CommandResult

/** A command with flags of every kind whose body is given by the test. */
class Fixture extends BaseCommand<typeof Fixture> {
  static override id = 'fixture'
  static override flags = {...allFlag, ...timeoutFlag, count: Flags.integer({default: 3}), tag: Flags.string({multiple: true})}
  body: Body = () => ({exitStatus: ExitStatus.ok, json: {flags: this.flags}})

  protected override async execute(): Promise<CommandResult> {
    return this.body(this)
  }

  protected override createHost(): Host {
    return new FakeHost({
      commands: [{argv: ['curl', '-H', 'Authorization: Bearer abcdef', 'https://me:word@example.org'], times: Infinity}],
    })
  }

  reads(argv: readonly string[]): void {
    this.host.read(argv)
  }

  say(line: string): void {
    this.print(line)
    this.note(`note: ${line}`)
  }

  get signalOfCancel(): AbortSignal {
    return this.cancelSignal
  }
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

async function run(args: readonly string[], body?: Body, config: Config = lightConfig('/package')): Promise<ExitStatus> {
  const command = new Fixture([...args], config)
  if (body) command.body = body
  return command.run()
}

const json = () => JSON.parse(stdout) as unknown

describe('a command', () => {
  it('gives the flags of every command and its own, parsed', async () => {
    expect(await run(['-p', 'work', '--home=/h', '--scope', 'user', '--timeout', '2m', '--tag', 'a', '--tag', 'b', '--json'])).toBe(0)
    expect(json()).toEqual({
      schemaVersion: 1,
      ok: true,
      flags: {profile: 'work', home: '/h', scope: 'user', json: true, timeout: 120_000, count: 3, tag: ['a', 'b']},
    })
    expect(stderr).toBe('')
  })

  it('prints its lines to stdout and its notes to stderr', async () => {
    expect(await run([], (command) => (command.say('line'), {exitStatus: ExitStatus.notRunning, json: {}}))).toBe(3)
    expect({stdout, stderr}).toEqual({stdout: 'line\n', stderr: 'note: line\n'})
  })

  it('prints one document and nothing else to stdout with --json', async () => {
    await run(['--json'], (command) => (command.say('line'), {exitStatus: ExitStatus.ok, json: {answer: 42}}))
    expect(json()).toEqual({schemaVersion: 1, ok: true, answer: 42})
    expect(stderr).toBe('note: line\n')
  })

  it('prints no document if it has printed its own output', async () => {
    await run(['--json'], () => ({exitStatus: ExitStatus.ok, json: undefined}))
    expect(stdout).toBe('')
  })

  const failure = new ServiceError('it does not work', {
    code: 'broken',
    exitStatus: ExitStatus.cannotTell,
    next: ['try this', 'or that'],
    evidence: ['a line of a log'],
  })

  it('tells a foreseen failure with what to do next, and without a stack', async () => {
    expect(await run([], () => Promise.reject(failure))).toBe(4)
    expect({stdout, stderr}).toEqual({
      stdout: '',
      stderr: 'hermes-svc: it does not work\n    a line of a log\nNext: try this\n      or that\n',
    })
  })

  it('tells of the programs that it runs on stderr with --verbose, without secrets', async () => {
    const argv = ['curl', '-H', 'Authorization: Bearer abcdef', 'https://me:word@example.org']
    const body: Body = (command) => {
      command.reads(argv)
      return {exitStatus: ExitStatus.ok, json: {}}
    }
    expect(await run(['--json', '--verbose'], body)).toBe(0)
    expect(json()).toEqual({schemaVersion: 1, ok: true})
    expect(stderr).toMatch(/^\+ curl -H 'Authorization: <hidden>  \(exit 0, \d+ ms\)\n$/)
    expect(stderr).not.toMatch(/abcdef|word/)
    stderr = ''
    await run([], body)
    expect(stderr).toBe('')
  })

  it('tells a failure as a document with --json', async () => {
    expect(await run(['--json'], () => Promise.reject(failure))).toBe(4)
    expect(json()).toEqual({
      schemaVersion: 1,
      ok: false,
      error: {code: 'broken', message: 'it does not work', next: ['try this', 'or that'], evidence: ['a line of a log']},
    })
    expect(stderr).toBe('')
  })

  it('tells of a failed system call without a stack', async () => {
    expect(await run([], () => Promise.reject(new HostError('EACCES', '/etc/x', 'cannot write')))).toBe(1)
    expect(stderr).toMatch(/^hermes-svc: cannot write \/etc\/x: EACCES\nNext: .+\n$/)
  })

  it('shows the stack of what nobody foresaw, and says that it is a bug', async () => {
    expect(await run([], () => Promise.reject(new TypeError('oops')))).toBe(1)
    expect(stderr).toMatch(/^hermes-svc: TypeError: oops \(this is a bug in hermes-svc\)\n {4}at .*base-command\.test/)
    expect(await run(['--json'], () => Promise.reject(new TypeError('oops')))).toBe(1)
    expect(json()).toMatchObject({ok: false, error: {code: 'bug'}})
  })

  it('takes a prompt that the user left as cancelled', async () => {
    const left = Object.assign(new Error('User force closed the prompt with SIGINT'), {name: 'ExitPromptError'})
    expect(await run([], () => Promise.reject(left))).toBe(130)
    expect(stderr).toBe('hermes-svc: cancelled\n')
  })

  it.each([
    [['--jsno'], 'unknown flag: --jsno (did you mean --json?)'],
    [['--wibble', '-z'], 'unknown flag: --wibble, -z'],
    [['extra'], 'Unexpected argument: extra'],
    [['--home'], 'Flag --home expects a value'],
    [['--home', ''], '--home needs a value, but the value is empty'],
    [['--jsno=1'], 'unknown flag: --jsno=1 (did you mean --json?)'],
    [['--scope', 'all'], 'Expected --scope=all to be one of: user, system'],
    [['--scope', 'sytem'], 'Expected --scope=sytem to be one of: user, system (did you mean system?)'],
    [['--manager', 'system'], 'Expected --manager=system to be one of: systemd, launchd, s6, run (did you mean systemd?)'],
    [['--count', 'x'], 'Expected an integer but received: x'],
    [['--timeout', '0'], '--timeout "0": must be a time such as 500ms, 30s (or 30), 2m or 1h, from 1ms to 24h'],
    [['-p', 'a', '-p', 'b'], 'Flag --profile can only be specified once'],
  ])('refuses %j in one line', async (args, message) => {
    expect(await run(args)).toBe(2)
    expect({stdout, stderr}).toEqual({stdout: '', stderr: `hermes-svc: ${message}\nNext: hermes-svc fixture --help\n`})
  })

  it('refuses flags that exclude each other', async () => {
    expect(await run(['--all', '--profile', 'x'])).toBe(2)
    expect(stderr).toContain('--profile=x cannot also be provided when using --all')
  })

  it('names its help where wrong usage says nothing else to type', async () => {
    expect(await run([], () => Promise.reject(usageError('these two do not go together')))).toBe(2)
    expect(stderr).toBe('hermes-svc: these two do not go together\nNext: hermes-svc fixture --help\n')
    stderr = ''
    await run([], () => Promise.reject(usageError('it is not there', ['hermes-svc list'])))
    expect(stderr).toBe('hermes-svc: it is not there\nNext: hermes-svc list\n')
  })

  it('tells a usage error as a document with --json', async () => {
    expect(await run(['--json', '--wibble'])).toBe(2)
    expect(json()).toEqual({
      schemaVersion: 1,
      ok: false,
      error: {code: 'usage', message: 'unknown flag: --wibble', next: ['hermes-svc fixture --help'], evidence: []},
    })
  })

  // What lightConfig is built on: a newer oclif that asks for more must not go unnoticed.
  it('asks nothing of its configuration but what the light one has', async () => {
    const strict = new Proxy(lightConfig('/package'), {
      get(target, property) {
        if (!(property in target)) throw new Error(`oclif asks for config.${String(property)}`)
        return Reflect.get(target, property) as unknown
      },
    })
    expect(await run(['--json', '--tag', 'a', '--timeout', '5', '-p', 'x'], undefined, strict)).toBe(0)
    expect(await run(['--wibble'], undefined, strict)).toBe(2)
    expect(await run(['--count', 'x'], undefined, strict)).toBe(2)
    expect(stderr).not.toContain('oclif asks')
  })
})

describe('a command that is cancelled', () => {
  it('can end in good order on the first signal', async () => {
    const status = run([], async ({signalOfCancel}) => {
      process.emit('SIGINT')
      if (signalOfCancel.aborted) throw cancelledError()
      return {exitStatus: ExitStatus.ok, json: undefined}
    })
    expect(await status).toBe(130)
    expect(stderr).toBe('hermes-svc: cancelled\n')
  })

  it('ends at once on the second', async () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never)
    await run(['--json'], ({signalOfCancel}) => {
      process.emit('SIGTERM', 'SIGTERM')
      // As timeout(1) does: to the command, and to its group.
      process.emit('SIGTERM', 'SIGTERM')
      expect({aborted: signalOfCancel.aborted, exits: exit.mock.calls}).toEqual({aborted: true, exits: []})
      process.emit('SIGINT', 'SIGINT')
      return {exitStatus: ExitStatus.ok, json: undefined}
    })
    expect(exit.mock.calls).toEqual([[130]])
    expect(json()).toMatchObject({ok: false, error: {code: 'cancelled'}})
  })

  it('leaves signals alone where nobody asks for them, and after it has ended', async () => {
    const listeners = () => ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal))
    const before = listeners()
    await run([], () => {
      expect(listeners()).toEqual(before)
      return {exitStatus: ExitStatus.ok, json: undefined}
    })
    await run([], ({signalOfCancel}) => {
      expect(signalOfCancel.aborted).toBe(false)
      expect(listeners()).toEqual(before.map((count) => count + 1))
      return {exitStatus: ExitStatus.ok, json: undefined}
    })
    expect(listeners()).toEqual(before)
  })

  it('keeps SIGHUP ignored under nohup', async () => {
    class Ignoring extends Fixture {
      protected override createHost(): Host {
        return new FakeHost({files: {'/proc/self/status': 'Name:\tnode\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n'}})
      }
    }
    const before = process.listenerCount('SIGHUP')
    const command = new Ignoring([], lightConfig('/package'))
    command.body = ({signalOfCancel}) => {
      expect(signalOfCancel.aborted).toBe(false)
      expect(process.listenerCount('SIGHUP')).toBe(before)
      return {exitStatus: ExitStatus.ok, json: undefined}
    }
    expect(await command.run()).toBe(0)
  })
})
