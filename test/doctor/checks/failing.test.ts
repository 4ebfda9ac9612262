import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {loadChecks} from '../../../src/doctor/checks/index.js'
import {check as crashLoop} from '../../../src/doctor/checks/crash-loop.js'
import {check as fatalConfig} from '../../../src/doctor/checks/fatal-config.js'
import {examine} from '../../../src/doctor/examine.js'
import {cure, type FakeService, find, found, leave, sceneOf, serviceMachine} from '../../fakes/fake-scene.js'
import {type FakeSystemd, LOG_LINE} from '../../fakes/fake-systemd.js'

const FAILURES = '/run/user/1000/hermes-svc-hermes-gateway/failures'

/** A service that waits for its next start, or does something else, after its gateway has ended somehow. */
function after(failures: number, shown: Record<string, string> = {}, service: FakeService = {}): FakeSystemd {
  const machine = serviceMachine(service)
  machine.host.put(path.dirname(FAILURES), {folder: true, uid: 1000, gid: 1000})
  if (failures > 0) machine.host.put(FAILURES, `${failures}\n`)
  machine.shown = {
    ...machine.shown,
    ...{ActiveState: 'activating', SubState: 'auto-restart', ExecMainCode: '1', ExecMainStatus: '1', NRestarts: String(failures)},
    ...shown,
  }
  return machine
}
const failed = (status: number) => after(0, {ActiveState: 'failed', SubState: 'failed', ExecMainStatus: String(status)})

describe('crash-loop', () => {
  it('is three failures in a row, with how it ended and the end of the log', async () => {
    expect(await found(after(2), crashLoop)).toEqual([])
    expect(await find(after(3), crashLoop)).toMatchObject([
      {
        kind: 'failing',
        severity: 'error',
        what: 'the gateway fails again and again: 3 failures in a row',
        evidence: ['it ended with 1', 'the service is waiting now, after 3 restarts', LOG_LINE],
        isSafe: false,
      },
    ])
  })

  it('is one that has come up a moment ago, and none that has been up for longer', async () => {
    const machine = after(4)
    machine.comesUp()
    expect(await found(machine, crashLoop)).toHaveLength(1)
    await machine.host.sleep(60_000)
    expect(await found(machine, crashLoop)).toEqual([])
  })

  it("is told by systemd's own count where nobody else counts, unless the end was meant", async () => {
    const theirs = {isOwn: false}
    expect(await found(after(0, {NRestarts: '3'}, theirs), crashLoop)).toEqual([
      'failing error: the gateway fails again and again: 3 restarts',
    ])
    expect(await found(after(0, {NRestarts: '9', ExecMainStatus: '75'}, theirs), crashLoop)).toEqual([])
    expect(await found(after(0, {NRestarts: '9'}), crashLoop)).toEqual([])
  })

  it('reads no log where it is one of all', async () => {
    const {findings} = await examine(await sceneOf(after(3), false), [crashLoop])
    expect(findings[0]?.evidence).not.toContain(LOG_LINE)
  })

  it('is over once the gateway stays up', async () => {
    const machine = after(3)
    machine.onStart = () => {
      machine.host.drop(FAILURES)
      machine.comesUp()
    }
    await cure(machine, crashLoop)
    expect(machine.verbs).toContain('restart --no-block')
    expect(await found(machine, crashLoop)).toEqual([])
  })

  it('is not over if the gateway that came up ends again', async () => {
    const machine = after(3)
    machine.onStart = () => {
      machine.comesUp()
      machine.host.after(5000, () => machine.goesDown('activating', 'auto-restart', 1))
    }
    await expect(cure(machine, crashLoop)).rejects.toThrow(/started and failed again/)
  })
})

describe('fatal-config', () => {
  it('is an end with 78, with the reason that the gateway gave', async () => {
    const machine = failed(78)
    leave(machine, 'gateway_state.json', {pid: 77, start_time: 5, gateway_state: 'startup_failed', exit_reason: 'no platforms'})
    expect(await find(machine, fatalConfig)).toMatchObject([
      {kind: 'exit-78', severity: 'error', evidence: ['the reason that the gateway gave: no platforms', LOG_LINE], isSafe: false},
    ])
    expect(await found(failed(1), fatalConfig)).toEqual([])
  })

  it('is none of one that should be stopped, or that runs again', async () => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    machine.shown = {...machine.shown, ActiveState: 'failed', SubState: 'failed', ExecMainCode: '1', ExecMainStatus: '78'}
    expect(await found(machine, fatalConfig)).toEqual([])
    const again = failed(78)
    again.comesUp()
    expect(await found(again, fatalConfig)).toEqual([])
  })

  it('starts it once, and fails with it if it ends with 78 again', async () => {
    const machine = failed(78)
    machine.onStart = () => {
      machine.comesUp()
      machine.goesDown('failed', 'failed', 78)
    }
    await expect(cure(machine, fatalConfig)).rejects.toThrow(/it ended with 78/)
    expect(machine.verbs.filter((verb) => verb.startsWith('restart'))).toHaveLength(1)
    machine.onStart = () => machine.comesUp()
    await cure(machine, fatalConfig)
    expect(await found(machine, fatalConfig)).toEqual([])
  })
})

it.each([
  ['78', failed(78), 'fatal-config'],
  ['78, again and again under a unit that does not mind', after(5, {ExecMainStatus: '78'}), 'fatal-config'],
  ['1, again and again', after(5), 'crash-loop'],
])('names one finding of a gateway that ends with %s, whatever else it leaves behind', async (_name, machine, id) => {
  leave(machine, 'gateway.pid', {pid: 77, start_time: 5})
  leave(machine, 'gateway_state.json', {pid: 77, start_time: 5, gateway_state: 'running'})
  leave(machine, '.gateway-planned-stop.json', {target_pid: 77, target_start_time: 5})
  const ids = [
    'orphan-gateway',
    'zombie-pid',
    'fatal-config',
    'crash-loop',
    'missing-heartbeat',
    'stale-state',
    'stale-marker',
    'desired-state',
  ]
  const {findings} = await examine(await sceneOf(machine), await loadChecks(ids))
  expect(findings.map((finding) => finding.id)).toEqual([id])
})
