import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import Health from '../../src/commands/health.js'
import type {HealthPayload} from '../../src/observe/health-payload.js'
import {formatTimestamp} from '../../src/gateway/python-values.js'
import type {Host, RunResult} from '../../src/host/host.js'
import {lightConfig} from '../../src/light-config.js'
import {FakeHost, type FakeFile, type FakeMachine} from '../fakes/fake-host.js'
import {GATEWAY_ARGV, processFiles} from '../fakes/fake-process.js'
import {ALWAYS_SHOWN} from '../fakes/systemctl.js'

const ROOT = '/home/user/.hermes'
const WORK = `${ROOT}/profiles/work`
const PID = 4711
const START_TIME = 5000
const NOW_MS = Date.UTC(2026, 4, 1, 12)
const NOW = formatTimestamp(NOW_MS)

type Unit = Readonly<Record<string, string>>
type Files = Readonly<Record<string, string | FakeFile>>

/** A machine whose systemd, if it has one, knows the units given. `shows` counts how often it was asked. */
class Machine extends FakeHost {
  shows = 0

  constructor(
    machine: FakeMachine,
    private readonly units: Readonly<Record<string, Unit>> | 'silent',
  ) {
    super({nowMs: NOW_MS, env: {HOME: '/home/user'}, ...machine})
  }

  override read(argv: readonly string[]): RunResult {
    expect(argv.slice(0, 3)).toEqual(['systemctl', '--user', 'show'])
    this.shows++
    if (this.units === 'silent') return {argv, code: 1, signal: null, stdout: '', stderr: 'Failed to connect to bus: Connection refused'}
    const {units} = this
    const blocks = argv.slice(argv.indexOf('--') + 1).map((name) =>
      Object.entries({...ALWAYS_SHOWN, ...units[name]})
        .map(([property, value]) => `${property}=${value}`)
        .join('\n'),
    )
    return {argv, code: 0, signal: null, stdout: `${blocks.join('\n\n')}\n`, stderr: ''}
  }
}

interface Scene {
  readonly files?: Files
  /** State of the unit of the root home, which is on disk; no unit if undefined. */
  readonly unit?: Unit | 'silent'
  readonly env?: Readonly<Record<string, string>>
  /** No service manager at all, as in a container. */
  readonly bare?: boolean
}

const UNIT_FILE = '/home/user/.config/systemd/user/hermes-gateway.service'
const INACTIVE: Unit = {ActiveState: 'inactive', SubState: 'dead'}
const ACTIVE: Unit = {ActiveState: 'active', SubState: 'running'}

function machineOf({files = {}, unit, env, bare = false}: Scene): Machine {
  const systemd: Files = {'/run/systemd/system': {folder: true}, '/run/user/1000/bus': {kind: 'socket', uid: 1000}}
  const loaded = {LoadState: 'loaded', FragmentPath: UNIT_FILE, Environment: `HERMES_HOME=${ROOT}`, ...(unit === 'silent' ? {} : unit)}
  return new Machine(
    {
      ...(env && {env}),
      files: {'/proc/locks': '', [ROOT]: {folder: true}, ...(bare ? {} : systemd), ...(unit && {[UNIT_FILE]: '[Service]\n'}), ...files},
    },
    unit === 'silent' ? unit : {'hermes-gateway.service': loaded},
  )
}

const state = (fields: object) => JSON.stringify({gateway_state: 'running', updated_at: NOW, ...fields})
const record = (fields: object = {}) => JSON.stringify({pid: PID, kind: 'hermes-gateway', argv: [], start_time: START_TIME, ...fields})
const process_ = (rest: Partial<Parameters<typeof processFiles>[0]> = {}) =>
  processFiles({pid: PID, startTime: START_TIME, env: {HERMES_HOME: ROOT}, argv: GATEWAY_ARGV, ...rest})

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

interface Outcome {
  readonly exitStatus: number
  readonly payload: HealthPayload
  readonly asked: number
}

async function run(scene: Scene | Machine, args: readonly string[] = []): Promise<Outcome> {
  const machine = scene instanceof Machine ? scene : machineOf(scene)
  class OnMachine extends Health {
    protected override createHost(): Host {
      return machine
    }
  }
  OnMachine.id = 'health'
  const exitStatus = await new OnMachine([...args], lightConfig('/package')).run()
  expect(machine.changes).toEqual([])
  return {
    exitStatus,
    get payload() {
      expect(stdout).toMatch(/^\{.*\}\n$/)
      expect(stderr).toBe('')
      return JSON.parse(stdout) as HealthPayload
    },
    asked: machine.shows,
  }
}

const short = ({exitStatus, payload: {alive, details}, asked}: Outcome) => [exitStatus, alive, details.reason, asked]
const UP = [0, true, undefined]
const DOWN = [1, false, 'gateway_not_running']
const FRESH = [0, true, 'cross_container_freshness']
const NOT_CONFIGURED = [4, null, 'gateway_not_configured']

const LIVE: Files = {[`${ROOT}/gateway.pid`]: record(), [`${ROOT}/gateway_state.json`]: state({pid: PID, active_agents: 1}), ...process_()}
const DEAD: Files = {[`${ROOT}/gateway.pid`]: record(), [`${ROOT}/gateway_state.json`]: state({pid: PID})}

describe('health', () => {
  it('prints the payload and nothing else, with --json and without', async () => {
    const expected = {alive: true, checked_at: NOW, details: {state: 'alive', gateway_state: 'running', updated_at: NOW, active_agents: 1}}
    expect((await run({files: LIVE})).payload).toEqual(expected)
    stdout = ''
    expect((await run({files: LIVE}, ['--json'])).payload).toEqual(expected)
  })

  it('asks no manager about a gateway that is proved alive', async () => {
    expect(short(await run({files: LIVE, unit: ACTIVE}))).toEqual([...UP, 0])
  })

  it('sees a gateway in a container without any manager', async () => {
    expect(short(await run({files: LIVE, bare: true}))).toEqual([...UP, 0])
  })

  it('is down, however fresh the file, if the service is one of this machine and its process is gone', async () => {
    expect(short(await run({files: DEAD, unit: INACTIVE}))).toEqual([...DOWN, 1])
  })

  it('is down if the service was installed and never ran', async () => {
    expect(short(await run({unit: INACTIVE}))).toEqual([...DOWN, 1])
  })

  it('goes by the file if the profile has no service here, and asks nobody', async () => {
    expect(short(await run({files: DEAD}))).toEqual([...FRESH, 0])
    stdout = ''
    expect(short(await run({files: DEAD, bare: true}))).toEqual([...FRESH, 0])
  })

  it('goes by the file if the service of that name runs another home', async () => {
    expect(short(await run({files: DEAD, unit: {...INACTIVE, Environment: 'HERMES_HOME=/srv/other'}}))).toEqual([...FRESH, 1])
  })

  it('goes by the file if the manager does not answer', async () => {
    expect(short(await run({files: DEAD, unit: 'silent'}))).toEqual([...FRESH, 1])
  })

  it('goes by the file while the service has just been started', async () => {
    expect(short(await run({files: DEAD, unit: {...ACTIVE, MainPID: '99'}}))).toEqual([...FRESH, 1])
  })

  it('finds a gateway whose files are gone by the main process of its service', async () => {
    const gone = {[`${ROOT}/gateway.lock`]: '', ...process_({open: {3: {path: `${ROOT}/gateway.lock`, isLocked: true}}})}
    expect(short(await run({files: gone, unit: {...ACTIVE, MainPID: String(PID)}}))).toEqual([...UP, 1])
  })

  it('is down for a zombie with the recorded start time, without any manager', async () => {
    expect(short(await run({files: {...DEAD, ...process_({state: 'Z', argv: []})}, bare: true}))).toEqual([...DOWN, 0])
  })

  it('goes by the file for a zombie that may be another process', async () => {
    const files = {...DEAD, [`${ROOT}/gateway.pid`]: record({start_time: null}), ...process_({state: 'Z', argv: []})}
    expect(short(await run({files, bare: true}))).toEqual([...FRESH, 0])
  })

  it('is down for a gateway that a signal has stopped', async () => {
    expect(short(await run({files: {...LIVE, ...process_({state: 'T'})}, bare: true}))).toEqual([...DOWN, 0])
  })

  it('is not configured in an empty home, and in none', async () => {
    expect(short(await run({}))).toEqual([...NOT_CONFIGURED, 0])
    stdout = ''
    expect(short(await run({}, ['--home', '/srv/none']))).toEqual([...NOT_CONFIGURED, 0])
  })

  it('takes a state file that cannot be read for none', async () => {
    expect(short(await run({files: {[`${ROOT}/gateway_state.json`]: {text: state({}), mode: 0}}}))).toEqual([...NOT_CONFIGURED, 0])
  })

  it.each<[string, Files, string[]]>([
    ['the files of a home', {[`${ROOT}/gateway.pid`]: {mode: 0}, [`${ROOT}/gateway_state.json`]: {mode: 0}}, []],
    ['a home', {[ROOT]: {folder: true, mode: 0}}, []],
    ['what is above a home', {'/srv/closed': {folder: true, mode: 0}, '/srv/closed/home': {folder: true}}, ['--home', '/srv/closed/home']],
  ])('cannot tell if %s may not be accessed', async (_, files, args) => {
    const {exitStatus, payload} = await run({files}, args)
    expect({exitStatus, payload}).toEqual({
      exitStatus: 4,
      payload: {alive: null, checked_at: NOW, details: {state: 'unknown', reason: 'gateway_status_unavailable', error: 'PermissionError'}},
    })
  })
})

describe('the home that health looks at', () => {
  const files = {...LIVE, [`${WORK}/gateway_state.json`]: state({gateway_state: 'draining'})}
  const env = {HOME: '/home/user', HERMES_HOME: WORK}

  it('is the root home, though HERMES_HOME names a profile', async () => {
    expect((await run({files, env})).payload.details.gateway_state).toBe('running')
    stdout = ''
    expect((await run({files, env, bare: true})).payload.details.gateway_state).toBe('running')
  })

  it.each([[['-p', 'work']], [['--home', WORK]]])('is a profile that is asked for: %o', async (args) => {
    for (const bare of [false, true]) {
      stdout = ''
      expect((await run({files, bare}, args)).payload.details.gateway_state).toBe('draining')
    }
  })

  it('is the root home that HERMES_HOME names', async () => {
    const other = {'/opt/data/gateway_state.json': state({gateway_state: 'draining'})}
    for (const HERMES_HOME of ['/opt/data', '/opt/data/profiles/work']) {
      stdout = ''
      expect((await run({files: other, env: {HERMES_HOME}, bare: true})).payload.details.gateway_state).toBe('draining')
    }
  })
})

describe('health --probe', () => {
  const probe = async (kind: string, scene: Scene) => {
    const {exitStatus, payload} = await run(scene, ['--probe', kind])
    return [exitStatus, payload.details.state]
  }
  const desired = (desiredState: string) => ({
    [`${ROOT}/.hermes-svc.json`]: JSON.stringify({schemaVersion: 1, desiredState, since: NOW, by: 'start'}),
  })

  it.each<[string, Scene, number]>([
    ['succeeds for a living gateway', {files: LIVE}, 0],
    ['fails for one that should run and is dead', {files: {...DEAD, ...desired('running')}, unit: INACTIVE}, 1],
    ['fails for one that should run and is frozen', {files: {...LIVE, ...process_({state: 'T'}), ...desired('running')}}, 1],
    ['fails for one that left no record and was running', {files: DEAD, unit: INACTIVE}, 1],
    ['succeeds for one that was stopped', {files: {...DEAD, ...desired('stopped')}, unit: INACTIVE}, 0],
    ['succeeds if it is not known what was wanted', {files: {...DEAD, [`${ROOT}/.hermes-svc.json`]: '{'}, unit: INACTIVE}, 0],
    ['succeeds for one that was never configured', {}, 0],
    ['succeeds while the service has just been started', {files: {...DEAD, ...desired('running')}, unit: {...ACTIVE, MainPID: '99'}}, 0],
  ])('liveness %s', async (_, scene, exitStatus) => {
    expect((await probe('liveness', scene))[0]).toBe(exitStatus)
  })

  it('prints the payload too, with --json and without', async () => {
    const {payload} = await run({files: LIVE}, ['--probe', 'liveness'])
    stdout = ''
    expect((await run({files: LIVE}, ['--probe', 'liveness', '--json'])).payload).toEqual(payload)
  })

  it.each<[string, Scene, number]>([
    ['succeeds for a gateway that is alive and running', {files: LIVE}, 0],
    ['fails for one that is alive and starting', {files: {...LIVE, [`${ROOT}/gateway_state.json`]: state({gateway_state: 'starting'})}}, 1],
    ['fails for one that is down', {files: DEAD, unit: INACTIVE}, 1],
    ['fails where it cannot be told', {}, 1],
  ])('readiness %s', async (_, scene, exitStatus) => {
    expect((await probe('readiness', scene))[0]).toBe(exitStatus)
  })
})

describe('health --prometheus', () => {
  const others = {
    [`${WORK}/gateway_state.json`]: state({gateway_state: 'stopped', updated_at: 'never'}),
    [`${ROOT}/profiles/play/gateway_state.json`]: state({}),
  }
  const up = () => stdout.match(/^hermes_gateway_up\{.*$/gm)

  it('prints the gateways of all profiles, with one call of the manager for those in doubt', async () => {
    const machine = machineOf({files: {...DEAD, ...others}, unit: INACTIVE})
    machine.put('/home/user/.config/systemd/user/hermes-gateway-work.service', '[Service]\n')
    const {exitStatus, asked} = await run(machine, ['--prometheus'])
    expect({exitStatus, asked, stderr}).toEqual({exitStatus: 0, asked: 1, stderr: ''})
    expect(up()).toEqual([
      'hermes_gateway_up{user="user",profile="default"} 0',
      'hermes_gateway_up{user="user",profile="play"} 1',
      'hermes_gateway_up{user="user",profile="work"} 0',
    ])
    expect(stdout).toMatch(/[^\n]\n$/)
  })

  it('begins at the root home, though HERMES_HOME or --home names a profile, and needs no manager', async () => {
    for (const [env, args] of [
      [{HERMES_HOME: WORK}, []],
      [{HOME: '/home/user'}, ['--home', WORK]],
    ] as const) {
      stdout = ''
      await run({files: {...LIVE, ...others}, env, bare: true}, ['--prometheus', ...args])
      expect(up()?.[0]).toBe('hermes_gateway_up{user="user",profile="default"} 1')
    }
  })

  it('prints the root home alone if the profiles may not be looked at', async () => {
    await run({files: {...LIVE, [`${ROOT}/profiles`]: {folder: true, mode: 0}}}, ['--prometheus'])
    expect(up()).toEqual(['hermes_gateway_up{user="user",profile="default"} 1'])
  })

  it('says why if nothing may be looked at', async () => {
    const files = {'/srv/closed': {folder: true as const, mode: 0}}
    expect((await run({files}, ['--prometheus', '--home', '/srv/closed/home'])).exitStatus).toBe(0)
    expect(stdout).toContain(
      '{user="user",profile="default",state="unknown",verdict="unknown",reason="gateway_status_unavailable",gateway_state=""} 1\n',
    )
  })
})

describe('a wrong use of health', () => {
  it.each([
    [['--probe', 'startup']],
    [['--prometheus', '-p', 'work']],
    [['--prometheus', '--probe', 'liveness']],
    [['-p', '../work']],
    [['--home', 'relative']],
    [['--manager', 'none']],
  ])('ends with 2 and prints no payload: %o', async (args) => {
    expect((await run({files: LIVE}, args)).exitStatus).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^hermes-svc: /)
  })
})
