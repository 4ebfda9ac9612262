import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/zombie-pid.js'
import {addProcess, cure, find, found, leave, sceneOf, serviceMachine} from '../../fakes/fake-scene.js'
import type {FakeProcess} from '../../fakes/fake-process.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const HOME = '/home/user/.hermes'

/** A zombie that gateway.pid names, and its parent. */
function leaveZombie(machine: FakeSystemd, parent: Partial<FakeProcess> = {}): void {
  const {pid: parentPid = 60} = parent
  addProcess(machine, {pid: 77, startTime: 5, state: 'Z', parentPid, argv: []})
  addProcess(machine, {pid: parentPid, startTime: 3, argv: ['supervise', 'hermes'], ...parent})
  machine.host.put(`/proc/${parentPid}/comm`, 'supervise\n')
  leave(machine, 'gateway.pid', {pid: 77, start_time: 5})
}

const signals = ({host}: FakeSystemd) => host.changes.filter(({kind}) => kind === 'signal')

describe('a recorded zombie', () => {
  it('is found with its parent, and keeps what should run from running', async () => {
    const machine = serviceMachine()
    leaveZombie(machine)
    expect(await find(machine, check)).toMatchObject([
      {
        kind: 'recorded',
        severity: 'error',
        what: 'gateway.pid names a zombie: pid 77 has ended, but its parent has not reaped it',
        evidence: ['pid 77 is a zombie; its parent, pid 60 ("supervise"), has not reaped it'],
        isSafe: true,
      },
    ])
  })

  it('is a warning where nothing should run', async () => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    leaveZombie(machine)
    expect(await find(machine, check)).toMatchObject([{severity: 'warning'}])
  })

  it('is none if its parent reaps it a moment later, or if its number is of a later process', async () => {
    const machine = serviceMachine()
    leaveZombie(machine)
    machine.host.after(50, (host) => host.drop('/proc/77'))
    expect(await found(machine, check)).toEqual([])
    leaveZombie(machine)
    leave(machine, 'gateway.pid', {pid: 77, start_time: 4})
    expect(await found(machine, check)).toEqual([])
  })

  it('is found in gateway_state.json too', async () => {
    const machine = serviceMachine()
    leaveZombie(machine)
    machine.host.drop(`${HOME}/gateway.pid`)
    leave(machine, 'gateway_state.json', {pid: 77, start_time: 5, gateway_state: 'running'})
    expect(await found(machine, check)).toEqual([expect.stringMatching(/^recorded error: gateway_state\.json names a zombie/)])
  })

  it('is released from both files, and is none in a state file that says stopped', async () => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    leaveZombie(machine)
    leave(machine, 'gateway_state.json', {pid: 77, start_time: 5, gateway_state: 'running', desired_state: 'stopped'})
    await cure(machine, check)
    expect(machine.host.readText(`${HOME}/gateway_state.json`)).toContain('"stopped"')
    expect(await found(machine, check)).toEqual([])
  })

  it('is released: its parent is asked, the record goes, and the service starts', async () => {
    const machine = serviceMachine()
    leaveZombie(machine)
    await cure(machine, check)
    expect(signals(machine)).toEqual([{kind: 'signal', pid: 60, signal: 'SIGCHLD', as: 'user'}])
    expect(machine.verbs).toContain('start --no-block')
    expect(await found(machine, check)).toEqual([])
  })

  it.each([
    ["another user's", {uid: 0}],
    ['the first process', {pid: 1}],
  ])('leaves a parent alone that is %s', async (_name, parent) => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    leaveZombie(machine, parent)
    await cure(machine, check)
    expect(signals(machine)).toEqual([])
    expect(machine.host.lstat(`${HOME}/gateway.pid`)).toBeUndefined()
    expect(machine.verbs).toEqual([])
  })

  it('has nobody asked whose number went to another process meanwhile', async () => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    leaveZombie(machine)
    await cure(machine, check, {}, () => addProcess(machine, {pid: 60, startTime: 4, argv: ['editor']}))
    expect(signals(machine)).toEqual([])
  })
})

describe('a supervised zombie', () => {
  it('is found, and the service is restarted', async () => {
    const machine = serviceMachine()
    const pid = machine.comesUp()
    addProcess(machine, {pid, startTime: pid * 10, state: 'Z', argv: [], cgroup: '/s/hermes.service'})
    machine.host.drop(`/proc/${pid}/fd`)
    expect(await found(machine, check)).toEqual([
      `supervised error: the main process of the service (pid ${pid}) is a zombie: it has ended, but its parent has not reaped it`,
    ])
    await cure(machine, check)
    expect(machine.verbs).toContain('restart --no-block')
    expect(await found(machine, check)).toEqual([])
  })
})

describe('children that are not reaped', () => {
  const withZombies = (count: number, isInit = false) => {
    const machine = serviceMachine()
    const pid = machine.comesUp()
    for (let index = 0; index < count; index++) addProcess(machine, {pid: 600 + index, state: 'Z', parentPid: pid, argv: []})
    if (isInit) machine.host.put(`/proc/${pid}/status`, `NSpid:\t${pid}\t1\n`)
    return machine
  }

  it('are found where there are many, and cured by a restart that a person decides on', async () => {
    expect(await found(withZombies(9), check)).toEqual([])
    const machine = withZombies(10)
    expect(await find(machine, check)).toMatchObject([
      {kind: 'children', severity: 'warning', what: expect.stringMatching(/^10 child processes of the gateway \(pid 501\)/) as string},
    ])
    expect((await find(machine, check))[0]?.cure).toEqual(['hermes-svc restart'])
    expect((await check.examine(await sceneOf(machine))).plan).toBeUndefined()
  })

  it('need an init where the gateway is the first process of a container', async () => {
    expect((await find(withZombies(12, true), check))[0]?.cure).toEqual(['hermes-svc restart', expect.stringContaining('--init')])
  })
})
