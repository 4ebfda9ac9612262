import {describe, expect, it} from 'vitest'
import {loadChecks} from '../../src/doctor/checks/index.js'
import {examine} from '../../src/doctor/examine.js'
import type {Scene} from '../../src/doctor/scene.js'
import {observeWith} from '../../src/observe/look.js'
import {addProcess, leave, sceneOf, serviceMachine} from '../fakes/fake-scene.js'
import type {FakeSystemd} from '../fakes/fake-systemd.js'
import {SERVICE} from '../fakes/settings.js'
import {homeRows} from '../support/doctor-home-rows.js'
import {
  RECORDED_MANAGERS,
  RECORDED_STATES,
  type RecordedManager,
  recordedObservation,
  type RecordedState,
} from '../support/recorded-observations.js'

// What is broken in a home is the same under every manager. Each row is broken and cured on a real systemd (test/integration/doctor-state); what
// is found is seen here by what each manager said of such a service (test/campaign/observations).

const FOLDER = '/home/user/.local/state/hermes/gateway-locks'
const STATE = {pid: 77, start_time: 5}
const RECORD = {...STATE, kind: 'hermes-gateway', argv: ['gateway', 'run']}
const A_MINUTE_MS = 60_000

interface Broken {
  /** Of a service that was stopped, or of one that runs. */
  readonly service: RecordedState
  readonly how: (machine: FakeSystemd) => void
}

const stopped = (how: Broken['how']): Broken => ({service: 'stopped', how})
const running = (how: Broken['how']): Broken => ({service: 'running', how})
const drop = (name: string) => running((machine) => machine.host.drop(`${machine.home}/${name}`))
const init = (machine: FakeSystemd) => addProcess(machine, {pid: 1, startTime: 1, argv: ['/sbin/init']})
const tokenLock = (machine: FakeSystemd, file: string, record: object) =>
  machine.host.put(file, {text: JSON.stringify({hermes_home: machine.home, ...record}), modifiedMs: machine.host.nowMs() - A_MINUTE_MS})

/** As the row of doctor-home-rows breaks it, by its id and kind. */
const BROKEN: Readonly<Record<string, Broken>> = {
  'stale-state pid-gone': stopped((machine) => {
    leave(machine, 'gateway.pid', RECORD)
    leave(machine, 'gateway_state.json', {...STATE, gateway_state: 'running', desired_state: 'stopped'})
  }),
  'stale-state pid-recycled': stopped((machine) => {
    init(machine)
    leave(machine, 'gateway.pid', {...RECORD, pid: 1, start_time: 10})
  }),
  'stale-state pid-other-program': stopped((machine) => {
    init(machine)
    leave(machine, 'gateway.pid', '1')
  }),
  'stale-state pid-damaged': stopped((machine) => leave(machine, 'gateway.pid', '{"pid": 4')),
  'stale-state state': stopped((machine) => leave(machine, 'gateway_state.json', {...STATE, gateway_state: 'draining'})),
  'stale-state pid-missing': drop('gateway.pid'),
  'stale-state pid-other': running((machine) => leave(machine, 'gateway.pid', RECORD)),
  'stale-state pid-unusable': running((machine) => leave(machine, 'gateway.pid', '')),
  'stale-state state-damaged': running((machine) => leave(machine, 'gateway_state.json', '{"gateway_state": "runn')),
  'stale-state state-missing': drop('gateway_state.json'),
  'stale-state lock-deleted': running((machine) => {
    machine.host.put(`/proc/${machine.shown.MainPID}/fd/3`, {link: `${machine.home}/gateway.lock (deleted)`})
    machine.host.drop(`${machine.home}/gateway.lock`)
  }),
  'desired-state mirror': running((machine) => {
    const text = machine.host.texts()[`${machine.home}/gateway_state.json`] ?? ''
    leave(machine, 'gateway_state.json', {...(JSON.parse(text) as object), desired_state: 'stopped'})
  }),
  'desired-state damaged': running((machine) => leave(machine, '.hermes-svc.json', '{"schemaVer')),
  'desired-state unrecorded': drop('.hermes-svc.json'),
  'stale-marker planned-stop': running((machine) =>
    leave(machine, '.gateway-planned-stop.json', {target_pid: 4_000_000, target_start_time: 7, written_at: machine.host.nowMs() / 1000}),
  ),
  'stale-marker takeover': running((machine) =>
    leave(machine, '.gateway-takeover.json', {target_pid: 4_000_000, written_at: '2026-01-01T00:00:00+00:00'}, 2 * A_MINUTE_MS),
  ),
  'stale-marker drain-request': running((machine) => leave(machine, '.drain_request.json', {}, 120 * A_MINUTE_MS)),
  'stale-token-lock gone': running((machine) =>
    tokenLock(machine, `${FOLDER}/telegram-bot-token-0123456789abcdef.lock`, {pid: 4_000_000, start_time: 7, scope: 'telegram-bot-token'}),
  ),
  'stale-token-lock recycled': running((machine) => {
    init(machine)
    tokenLock(machine, '/var/tmp/locks/slack.lock', {pid: 1, start_time: 999_999_999, scope: 'slack-app-token'})
  }),
  'config unparsable': running((machine) => machine.host.put(`${machine.home}/config.yaml`, 'model:\n  default: good\n bad\n')),
  'config wrong-type': running((machine) => machine.host.put(`${machine.home}/config.yaml`, '- a\n')),
  'config unreadable': running((machine) => machine.host.put(`${machine.home}/.env`, {text: 'A=1\n', uid: 0, gid: 0, mode: 0o600})),
}

/** What doctor sees where the manager says what it once said of a service in this state, and all else is as on the fake machine. */
async function replayed(manager: RecordedManager, {service: state, how}: Broken, lockFolder: boolean): Promise<Scene> {
  const machine = serviceMachine({desired: state})
  const pid = state === 'running' ? machine.comesUp() : undefined
  how(machine)
  const scene = await sceneOf(machine)
  const recorded = recordedObservation(manager, state)
  const sinceMs = machine.host.monotonicMs() - A_MINUTE_MS
  const told = {
    ...recorded,
    service: SERVICE,
    mainPid: recorded.mainPid === undefined ? undefined : pid,
    startedAtMs: recorded.startedAtMs === undefined ? undefined : sinceMs,
    changedAtMs: recorded.changedAtMs === undefined ? undefined : sinceMs,
    controlGroup: recorded.controlGroup === undefined ? undefined : scene.seen.manager.controlGroup,
    home: machine.home,
    environment: [...recorded.environment, ...(lockFolder ? ['HERMES_GATEWAY_LOCK_DIR=/var/tmp/locks'] : [])],
  }
  return {...scene, seen: observeWith(machine.target, told)}
}

describe('what is broken in a home', () => {
  it('is replayed for every row that is seen on a real systemd', () => {
    expect(Object.keys(BROKEN).sort()).toEqual([...new Set(homeRows.map(({id, kind}) => `${id} ${kind}`))].sort())
  })

  describe.each(RECORDED_MANAGERS)('under %s', (manager) => {
    it.each(homeRows)('is found by doctor as $id $kind and nothing else: $how', async ({id, kind, severity, what, install = []}) => {
      const broken = BROKEN[`${id} ${kind}`]
      if (!broken) throw new Error('it is not replayed')
      const checks = await loadChecks([
        'zombie-pid',
        'orphan-gateway',
        'stale-state',
        'stale-marker',
        'stale-token-lock',
        'desired-state',
        'config',
      ])
      const {findings} = await examine(await replayed(manager, broken, install.length > 0), checks)
      expect(findings).toMatchObject([{id, kind, severity, what: expect.stringMatching(what) as string}])
    })

    it.each(RECORDED_STATES)('is nothing where a service is %s as it should be', async (service) => {
      const scene = await replayed(manager, {service, how: () => undefined}, false)
      expect(
        (await examine(scene, await loadChecks(['zombie-pid', 'orphan-gateway', 'stale-state', 'stale-marker', 'desired-state']))).findings,
      ).toEqual([])
    })
  })
})
