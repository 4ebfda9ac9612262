import {targetKey} from '../../src/notify/target-key.js'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import type {BaseCommand} from '../../src/commands/base.js'
import {commandModules} from '../../src/commands/index.js'
import type {AttachOptions, Host} from '../../src/host/host.js'
import {lightConfig} from '../../src/light-config.js'
import {addProcess, serviceMachine} from '../fakes/fake-scene.js'
import type {FakeSystemd} from '../fakes/fake-systemd.js'
import {UNPRINTABLE} from '../support/unprintable.js'

/** Steers a terminal, begins a line and a command to a CI server, and turns the text. WORD tells that it was shown. */
const WORD = 'forged'
const HOSTILE = `\u001b]0;PWNED\u0007\u001b[2J\u009b31m\n::error::${WORD}\r\n##[error]${WORD}\u202e\u2028${WORD}`

let stdout = ''
let stderr = ''
beforeEach(() => {
  ;[stdout, stderr] = ['', '']
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((stdout += String(text))))
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((stderr += String(text))))
})
afterEach(() => void vi.restoreAllMocks())

/** A machine on which all that others write is hostile: the gateway's files, our record, processes of others, the unit, what programs say. */
function hostileMachine(gateway: 'runs' | 'failed'): FakeSystemd {
  const machine = serviceMachine()
  const {host, home} = machine
  if (gateway === 'runs') machine.comesUp(HOSTILE)
  else machine.goesDown('failed', 'failed', 78)
  const record = {
    pid: Number(machine.shown.MainPID) || 77,
    kind: 'hermes-gateway',
    argv: [HOSTILE],
    start_time: (Number(machine.shown.MainPID) || 77) * 10,
  }
  const platforms = {[HOSTILE]: {state: 'fatal', error_code: HOSTILE, error_message: HOSTILE}}
  const state = {...record, gateway_state: gateway === 'runs' ? 'running' : HOSTILE, exit_reason: HOSTILE, platforms, updated_at: HOSTILE}
  host.put(`${home}/gateway_state.json`, JSON.stringify(state))
  host.put(`${home}/.hermes-svc.json`, JSON.stringify({schemaVersion: 1, desiredState: 'running', since: HOSTILE, by: HOSTILE}))
  host.put(`${home}/logs/gateway.log`, `${HOSTILE}\n`)
  host.put(`${home}/.gateway.pid.${HOSTILE.replaceAll('/', '')}.hermes-svc-tmp`, '')
  addProcess(machine, {pid: 4444, startTime: 4, argv: ['hermes', 'gateway', 'run', HOSTILE], env: {HERMES_HOME: home}})
  host.put(`/home/user/.config/systemd/user/other.service`, `[Service]\nExecStart=/usr/bin/hermes gateway run "${HOSTILE}"\n`)
  const [read, run] = [host.read.bind(host), host.run.bind(host)]
  host.read = (argv) => (argv[0] === 'journalctl' ? {argv, code: 0, signal: null, stdout: HOSTILE, stderr: HOSTILE} : read(argv))
  host.run = async (argv, options) => ({...(await run(argv, options)), stderr: HOSTILE})
  host.attach = (argv: readonly string[], {onLine}: AttachOptions = {}) => {
    // Its own JSON has its own escapes.
    if (argv.includes('json')) return Promise.resolve(0)
    if (!onLine) throw new Error('a program of others writes to our own terminal')
    for (const line of HOSTILE.split('\n')) onLine(line)
    return Promise.resolve(0)
  }
  return machine
}

interface Case {
  readonly args?: readonly string[]
  readonly gateway?: 'runs' | 'failed'
  /** The text of others reaches what this command prints. */
  readonly shows: boolean
  readonly prepare?: (machine: FakeSystemd) => void
}

const failing = (verb: string) => (machine: FakeSystemd) => void machine.failing.set(verb, {code: 1, stderr: HOSTILE})
/** Each command that prints, with a case that brings the text of others to where it prints. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  apply: [
    {shows: true, args: [`/home/user/${HOSTILE}`]},
    {
      shows: true,
      args: ['/doc.yaml', '--timeout', '1s'],
      prepare: ({host}) => host.put('/doc.yaml', `schemaVersion: 1\nservices: [{profile: default, account: ${JSON.stringify(HOSTILE)}}]`),
    },
    {
      shows: true,
      args: ['/doc.yaml'],
      prepare: ({host}) => host.put('/doc.yaml', `${JSON.stringify(HOSTILE)}: 1`),
    },
    {
      shows: true,
      args: ['/doc.yaml', '--timeout', '1s'],
      prepare: (machine) => {
        machine.host.put('/doc.yaml', 'schemaVersion: 1\nservices: [{profile: default}]')
        failing('daemon-reload')(machine)
      },
    },
  ],
  config: [{shows: false}],
  'config:get': [
    {shows: false, args: ['watchdog']},
    {shows: true, args: [HOSTILE]},
  ],
  'config:set': [
    {shows: true, args: [`${HOSTILE}=1`]},
    {shows: true, args: [`heartbeat=${HOSTILE}`]},
  ],
  'config:unset': [{shows: true, args: [HOSTILE]}],
  diff: [{shows: true, prepare: ({host}) => host.put('/home/user/.config/hermes-svc/hermes-gateway/service-helper.sh', HOSTILE)}],
  doctor: [
    {shows: true, gateway: 'runs'},
    {shows: true, gateway: 'failed'},
    {shows: true, args: ['--annotations', 'github']},
    {shows: true, args: ['--verbose']},
    {shows: true, args: ['--json', '--annotations', 'github']},
    {shows: true, args: ['--fix', '--timeout', '1s'], prepare: failing('start')},
    {shows: true, args: ['--only', HOSTILE]},
    {shows: true, args: [HOSTILE, HOSTILE]},
    {shows: true, args: ['--home', `/home/user/${HOSTILE}`]},
  ],
  export: [
    {
      shows: true,
      prepare: ({host}) => {
        const file = '/home/user/.config/hermes-svc/hermes-gateway/settings.json'
        const settings = JSON.parse(host.readText(file) ?? '') as object
        host.put(file, JSON.stringify({...settings, command: [`/bin/${HOSTILE}`], commandIsGiven: true}))
      },
    },
  ],
  fix: [
    {shows: true, gateway: 'failed'},
    {shows: true, args: [HOSTILE]},
  ],
  health: [
    {
      shows: true,
      args: ['--prometheus'],
      prepare: ({host, home}) =>
        host.put(`${home}/gateway_state.json`, JSON.stringify({gateway_state: HOSTILE, platforms: {a: {state: HOSTILE}}})),
    },
  ],
  heartbeat: [{shows: false}, {shows: true, args: [HOSTILE]}],
  history: [
    {shows: false},
    {
      shows: true,
      prepare: ({host, home}) => {
        const entry = {
          time: new Date(host.nowMs()).toISOString(),
          command: HOSTILE,
          service: '',
          outcome: 'failed',
          error: HOSTILE,
          steps: [],
        }
        host.put(`${home}/logs/hermes-svc.jsonl`, `${JSON.stringify(entry)}\n`)
      },
    },
  ],
  install: [
    {shows: true, args: ['--timeout', '1s'], prepare: failing('daemon-reload')},
    {
      shows: true,
      args: ['--dry-run'],
      prepare: ({host}) => host.put('/home/user/.config/hermes-svc/hermes-gateway/service-helper.sh', HOSTILE),
    },
    {shows: true, args: ['--command', HOSTILE]},
    {shows: true, args: ['--env', HOSTILE]},
  ],
  list: [{shows: false}, {shows: true, args: ['--home', `/home/user/${HOSTILE}`]}],
  logs: [{shows: true}, {shows: true, args: ['-f']}, {shows: false, args: ['-n', '5', '--json']}],
  render: [{shows: true, args: ['--run-as', HOSTILE]}],
  'notify:add': [{shows: false, args: [HOSTILE]}],
  'notify:list': [
    {
      shows: true,
      prepare: ({host, home}) => {
        host.put(`${home}/.hermes-svc-notify.json`, JSON.stringify({schemaVersion: 1, targets: [`exec:/bin/${WORD}`, HOSTILE]}))
        const fault = {failures: 1, sinceMs: 0, untilMs: 0, why: HOSTILE}
        const key = targetKey(HOSTILE)
        host.put(`${home}/.hermes-svc-notify-state.json`, JSON.stringify({schemaVersion: 1, outbox: {waiting: [], faults: {[key]: fault}}}))
      },
    },
  ],
  // What has a colon may be a secret.
  'notify:remove': [
    {shows: false, args: [HOSTILE]},
    {shows: true, args: [HOSTILE.replaceAll(':', ';')]},
  ],
  'notify:test': [
    {
      shows: true,
      prepare: ({host, home}) => {
        host.put(`${home}/.hermes-svc-notify.json`, JSON.stringify({schemaVersion: 1, targets: [`exec:'/bin/${HOSTILE}'`]}))
      },
    },
  ],
  restart: [{shows: true, args: ['--timeout', '1s', '--force'], gateway: 'failed', prepare: failing('restart')}],
  run: [{shows: true, args: ['--command', HOSTILE], gateway: 'failed'}],
  setup: [{shows: true, args: ['--yes', '--timeout', '1s'], prepare: failing('daemon-reload')}],
  start: [{shows: true, args: ['--timeout', '1s'], gateway: 'failed', prepare: failing('start')}],
  status: [{shows: false}, {shows: true, args: ['--home', `/home/user/${HOSTILE}`]}, {shows: true, args: [HOSTILE]}],
  stop: [{shows: true, args: ['--timeout', '1s'], prepare: failing('stop')}],
  uninstall: [{shows: true, args: ['--yes', '--timeout', '1s'], prepare: failing('disable')}],
  'fix:stale-state': [{shows: true, args: ['--profile', HOSTILE]}],
}
/** Why a command is not among them. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  autocomplete: 'prints our own script',
  boot: 'needs s6; its lines are those of test/lifecycle/boot-report.test.ts',
  smoke: 'prints what our own commands have printed',
}

async function run(id: string, {args = [], gateway = 'runs', prepare}: Case): Promise<void> {
  const machine = hostileMachine(gateway)
  prepare?.(machine)
  const load = commandModules[id]
  if (!load) throw new Error(`no command ${id}`)
  const Command = (await load()).default as unknown as new (argv: string[], config: object) => BaseCommand<never>
  class OnMachine extends (Command as unknown as {new (argv: string[], config: object): {run(): Promise<number>}}) {
    protected createHost(): Host {
      return machine.host
    }
  }
  // oclif takes only those that are a class's own.
  const {args: own, strict} = Command as unknown as {args?: object; strict?: boolean}
  Object.assign(OnMachine, {id, args: own, strict})
  await new OnMachine([...args], lightConfig('/package')).run()
}

const cases = Object.entries(CASES).flatMap(([id, all]) =>
  all.map((one) => [`${id} ${JSON.stringify(one.args ?? [])} ${one.gateway ?? ''}`, id, one] as const),
)

describe('the text of others', () => {
  it.each(cases)('neither steers the terminal nor forges a line: %s', async (_, id, one) => {
    await run(id, one)
    const isJson = one.args?.includes('--json') === true
    for (const line of [...(isJson ? [] : stdout.split('\n')), ...stderr.split('\n')]) {
      expect(line).not.toMatch(UNPRINTABLE)
      expect(line).not.toMatch(new RegExp(`^\\s*::error::${WORD}|^${WORD}`))
      expect(line).not.toContain(`##[error]${WORD}`)
    }
    if (one.shows) expect(stdout + stderr).toContain(WORD)
    expect(stderr).not.toContain('this is a bug')
  })

  it('is tried with every command that prints', () => {
    const known = Object.keys(commandModules).filter((id) => !id.startsWith('fix:') || id === 'fix:stale-state')
    expect(known.filter((id) => !(id in CASES) && !(id in LEFT_OUT))).toEqual([])
  })

  it('would be noticed in what goes around the door', () => {
    process.stdout.write(HOSTILE)
    expect(stdout).toMatch(UNPRINTABLE)
  })
})
