import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/stale-marker.js'
import {drainRequest} from '../../../src/lifecycle/drain-request.js'
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

  it('by which a hermes-svc that was killed has the gateway refuse everybody is found though the gateway drains, and by its own fix goes', async () => {
    const {machine, pid} = up()
    const [drain, own] = ['.drain_request.json', machine.host.pid]
    const request = drainRequest(machine.target)
    leave(machine, 'gateway_state.json', {pid, start_time: pid * 10, gateway_state: 'draining'})
    // Nobody says of this one that it may go: what drains may be what it is for.
    leave(machine, PLANNED, {target_pid: 77})
    leave(machine, drain, request)
    expect(await found(machine, check)).toEqual([])
    addProcess(machine, {pid: own, startTime: 1})
    expect(await find(machine, check)).toMatchObject([
      {
        kind: 'drain-request',
        severity: 'error',
        why: 'The file asks the gateway to accept no more work, and it does not until the file is gone.',
        evidence: [`hermes-svc (pid ${own}) wrote it, and is gone`],
        isSafe: true,
      },
    ])
    await cure(machine, check)
    expect(machine.host.lstat(`${HOME}/${drain}`)).toBeUndefined()
    expect(machine.host.lstat(`${HOME}/${PLANNED}`)).toBeDefined()
  })

  it.each([
    ['somebody else wrote', {principal: 'dashboard'}, {}],
    ['was written in another container', {}, {namespace: 'pid:[1]'}],
    ['was written before a boot', {}, {boot: 'another-boot'}],
    ['names no process', {}, {pid: -1}],
    ['a process wrote that only others may see', {}, {pid: 78}],
  ])('to take no more work that %s is left to who wrote it', async (_name, request, requester) => {
    const {machine} = up()
    machine.host.setAlive(78, true)
    const written = JSON.parse(drainRequest(machine.target)) as {requester: object}
    leave(machine, '.drain_request.json', {...written, ...request, requester: {...written.requester, pid: 77, ...requester}})
    expect(await found(machine, check)).toEqual([])
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
