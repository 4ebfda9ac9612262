import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/stale-marker.js'
import {addProcess, cure, find, found, leave, serviceMachine} from '../../fakes/fake-scene.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const HOME = '/home/user/.hermes'
const PLANNED = '.gateway-planned-stop.json'

const up = () => {
  const machine = serviceMachine()
  return {machine, pid: machine.comesUp()}
}
const at = ({host}: FakeSystemd, agoMs: number) => new Date(host.nowMs() - agoMs).toISOString().replace('Z', '+00:00')

describe('a marker', () => {
  it('for a gateway that lives is heeded for a minute', async () => {
    const {machine, pid} = up()
    const marker = (agoMs: number) => ({target_pid: pid, target_start_time: pid * 10, written_at: at(machine, agoMs)})
    leave(machine, PLANNED, marker(50_000), 50_000)
    expect(await found(machine, check)).toEqual([])
    leave(machine, PLANNED, marker(200_000), 200_000)
    expect(await find(machine, check)).toMatchObject([
      {kind: 'planned-stop', severity: 'warning', evidence: ['it is 3 min old, but is valid for 60 s only'], isSafe: true},
    ])
  })

  it.each([
    ['is gone', () => undefined],
    ['has become a zombie', (machine: FakeSystemd) => addProcess(machine, {pid: 77, startTime: 5, state: 'Z'})],
    ['is a later one', (machine: FakeSystemd) => addProcess(machine, {pid: 77, startTime: 6})],
  ])('for a pid that %s is stale', async (_name, bring) => {
    const {machine} = up()
    bring(machine)
    leave(machine, '.gateway-takeover.json', {target_pid: 77, target_start_time: 5, written_at: at(machine, 10_000)})
    expect(await found(machine, check)).toEqual(['takeover warning: .gateway-takeover.json was left behind'])
  })

  it('that was written a moment ago is none, nor one while the service stops or the gateway drains', async () => {
    const {machine, pid} = up()
    leave(machine, PLANNED, {target_pid: 77}, 1000)
    expect(await found(machine, check)).toEqual([])
    leave(machine, PLANNED, {target_pid: 77})
    machine.shown = {...machine.shown, ActiveState: 'deactivating', SubState: 'stop-sigterm'}
    expect(await found(machine, check)).toEqual([])
    machine.shown = {...machine.shown, ActiveState: 'active', SubState: 'running'}
    leave(machine, 'gateway_state.json', {pid, start_time: pid * 10, gateway_state: 'draining'})
    expect(await found(machine, check)).toEqual([])
  })

  it('without a time goes by that of its file', async () => {
    const {machine} = up()
    leave(machine, '.drain_request.json', {}, 1_800_000)
    expect(await found(machine, check)).toEqual([])
    leave(machine, '.drain_request.json', 'no JSON', 7_200_000)
    expect(await found(machine, check)).toEqual(['drain-request warning: .drain_request.json was left behind'])
  })

  it('that may not be read is cannot tell', async () => {
    const {machine} = up()
    machine.host.put(HOME, {folder: true, mode: 0o000})
    expect(await find(machine, check)).toMatchObject([{severity: 'unknown'}])
  })
})

describe('the fix', () => {
  it('removes what is left behind', async () => {
    const {machine} = up()
    leave(machine, PLANNED, {target_pid: 77})
    leave(machine, '.drain_request.json', {}, 7_200_000)
    await cure(machine, check)
    expect(await found(machine, check)).toEqual([])
  })

  it('removes none that was written meanwhile', async () => {
    const {machine, pid} = up()
    leave(machine, PLANNED, {target_pid: 77})
    await cure(machine, check, {}, () => leave(machine, PLANNED, {target_pid: pid, written_at: at(machine, 0)}, 0))
    expect(machine.host.lstat(`${HOME}/${PLANNED}`)).toBeDefined()
  })
})
