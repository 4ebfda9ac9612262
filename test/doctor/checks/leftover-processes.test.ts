import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/leftover-processes.js'
import {addProcess, cure, find, found, serviceMachine} from '../../fakes/fake-scene.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const GROUP = '/user.slice/user-1000.slice/user@1000.service/app.slice/hermes-gateway.service'

function inGroup(machine: FakeSystemd, pids: readonly number[], place = `/sys/fs/cgroup${GROUP}`): void {
  machine.host.put(`${place}/cgroup.procs`, pids.map((pid) => `${pid}\n`).join(''))
}

describe('processes in the control group', () => {
  it.each([
    ['of a machine with control groups of version 2', `/sys/fs/cgroup${GROUP}`],
    ['of one with both versions', `/sys/fs/cgroup/unified${GROUP}`],
    ['of one with version 1', `/sys/fs/cgroup/systemd${GROUP}`],
  ])('are left while the service is down: %s', async (_name, place) => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    addProcess(machine, {pid: 700, startTime: 5, argv: ['adb', 'server']})
    inGroup(machine, [700], place)
    expect(await find(machine, check)).toMatchObject([
      {
        kind: 'down',
        severity: 'warning',
        what: '1 process of an earlier gateway still runs while the service is down',
        evidence: ['pid 700 (uid 1000): adb server'],
        isSafe: false,
      },
    ])
  })

  it('are left beside a gateway only if they are older than it', async () => {
    const machine = serviceMachine()
    const pid = machine.comesUp()
    addProcess(machine, {pid: 700, startTime: pid * 10 + 1, argv: ['tool']})
    inGroup(machine, [pid, 700], '/sys/fs/cgroup/s/hermes.service')
    expect(await found(machine, check)).toEqual([])
    addProcess(machine, {pid: 701, startTime: pid * 10 - 1, argv: ['tool']})
    inGroup(machine, [pid, 700, 701], '/sys/fs/cgroup/s/hermes.service')
    expect(await found(machine, check)).toEqual([
      'former warning: 1 process of an earlier gateway still runs beside the gateway that runs now',
    ])
  })

  it('are none while the service stops, or if they have ended', async () => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    addProcess(machine, {pid: 700, startTime: 5, argv: ['tool']})
    inGroup(machine, [700])
    machine.shown = {...machine.shown, ActiveState: 'deactivating', SubState: 'final-sigterm'}
    expect(await found(machine, check)).toEqual([])
    machine.shown = {...machine.shown, ActiveState: 'inactive', SubState: 'dead'}
    addProcess(machine, {pid: 700, startTime: 5, state: 'Z', argv: []})
    expect(await found(machine, check)).toEqual([])
  })
})

describe('the fix', () => {
  const left = () => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    addProcess(machine, {pid: 700, startTime: 5, argv: ['adb']})
    inGroup(machine, [700])
    return machine
  }

  it('asks each to end, and kills one that does not', async () => {
    const machine = left()
    const sent: unknown[] = []
    machine.host.signal = (pid, signal) => {
      sent.push([pid, signal])
      if (signal === 'SIGKILL') machine.host.drop('/proc/700')
      return true
    }
    await cure(machine, check)
    expect(sent).toEqual([
      [700, 'SIGTERM'],
      [700, 'SIGKILL'],
    ])
  })

  it('hits no other process of that number', async () => {
    const machine = left()
    await cure(machine, check, {}, () => addProcess(machine, {pid: 700, startTime: 6}))
    expect(machine.host.changes.filter(({kind}) => kind === 'signal')).toEqual([])
  })

  it('fails where one survives', async () => {
    await expect(cure(left(), check)).rejects.toThrow(/pid 700 still exists after SIGKILL/)
  })
})
