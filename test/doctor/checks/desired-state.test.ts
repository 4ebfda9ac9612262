import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/desired-state.js'
import {type FakeService, find, found, leave, sceneOf, serviceMachine, cure} from '../../fakes/fake-scene.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const HOME = '/home/user/.hermes'
const RECORD = `${HOME}/.hermes-svc.json`
const says = (machine: FakeSystemd, gatewayState: string, more: object = {}) =>
  leave(machine, 'gateway_state.json', {pid: 77, start_time: 5, gateway_state: gatewayState, ...more})
const ended = (machine: FakeSystemd, code: string, status: string, activeState = 'inactive') => {
  machine.shown = {
    ...machine.shown,
    ActiveState: activeState,
    SubState: activeState === 'failed' ? 'failed' : 'dead',
    ExecMainCode: code,
    ExecMainStatus: status,
  }
}

/** A service in a state, and what is found of it. */
const combinations: [name: string, service: FakeService, bring: (machine: FakeSystemd) => void, expected: string[]][] = [
  ['should run, runs', {}, (machine) => machine.comesUp(), []],
  [
    'should run, and whoever holds the lock cannot be seen',
    {},
    (machine) => {
      const pid = machine.comesUp()
      machine.host.drop(`/proc/${pid}`)
      machine.host.put(`${HOME}/gateway.lock`, {text: '', mode: 0, uid: 0})
    },
    ['untold unknown: the service should be running, but hermes-svc cannot tell whether its gateway works'],
  ],
  ['should run, failed', {}, (machine) => ended(machine, '1', '1', 'failed'), ['down error: the service should be running, but is failed']],
  ['should run, was killed', {}, (machine) => ended(machine, '2', '9'), ['down error: the service should be running, but is stopped']],
  ['should run, was never started since the boot', {}, () => undefined, ['down error: the service should be running, but is stopped']],
  [
    'should run, was told to stop by another tool',
    {},
    (machine) => {
      ended(machine, '1', '0')
      says(machine, 'stopped')
    },
    ['stopped-elsewhere warning: the service should be running, but somebody stopped it without hermes-svc'],
  ],
  [
    'should run, was disabled by another tool and is down since the boot',
    {enabled: false},
    (machine) => says(machine, 'stopped'),
    ['stopped-elsewhere warning: the service should be running, but somebody stopped it without hermes-svc'],
  ],
  [
    'should run, ended with 0 without having been told to stop',
    {},
    (machine) => {
      ended(machine, '1', '0')
      says(machine, 'running')
    },
    ['down error: the service should be running, but is stopped'],
  ],
  [
    'should run, is about to be started again',
    {},
    (machine) => {
      machine.shown = {...machine.shown, ActiveState: 'activating', SubState: 'auto-restart'}
    },
    [],
  ],
  [
    'should run, its service is down, and somebody who cannot be seen holds the lock',
    {},
    (machine) => {
      leave(machine, 'gateway.lock', '')
      machine.host.put('/proc/locks', `1: FLOCK  ADVISORY  WRITE 0 00:29:${machine.host.stat(`${HOME}/gateway.lock`)?.inode} 0 EOF\n`)
    },
    ['down unknown: the service should be running, but is stopped; hermes-svc cannot tell whether a gateway runs elsewhere'],
  ],
  ['should be stopped, is', {desired: 'stopped', enabled: false}, () => undefined, []],
  ['should be stopped, failed', {desired: 'stopped', enabled: false}, (machine) => ended(machine, '1', '1', 'failed'), []],
  [
    'should be stopped, runs',
    {desired: 'stopped', enabled: false},
    (machine) => machine.comesUp(),
    ['up warning: the service should be stopped, but is running'],
  ],
  [
    'should be stopped, starts at boot',
    {desired: 'stopped'},
    () => undefined,
    ['enabled warning: the service should be stopped, but starts at the next boot'],
  ],
  ['should be stopped until the boot, is', {stoppedInBoot: 'this-boot'}, () => undefined, []],
  ['should be stopped until the boot, runs after it', {stoppedInBoot: 'that-boot'}, (machine) => machine.comesUp(), []],
  [
    'should be stopped until the boot, is down after it',
    {stoppedInBoot: 'that-boot'},
    () => undefined,
    ['down error: the service should be running, but is stopped'],
  ],
  [
    'nobody asked for anything, runs',
    {desired: null},
    (machine) => machine.comesUp(),
    ['unrecorded warning: no desired state is recorded'],
  ],
  [
    "nobody asked for anything of another tool's",
    {desired: null, isOwn: false},
    () => undefined,
    ['unrecorded info: no desired state is recorded'],
  ],
  [
    "nobody asked for anything of another tool's, which has failed",
    {desired: null, isOwn: false},
    (machine) => ended(machine, '1', '1', 'failed'),
    ['unrecorded warning: no desired state is recorded'],
  ],
  [
    "upstream's own commands said that it should run, runs",
    {desired: null},
    (machine) => {
      const pid = machine.comesUp()
      leave(machine, 'gateway_state.json', {pid, start_time: pid * 10, gateway_state: 'running', desired_state: 'running'})
    },
    [],
  ],
  [
    "upstream's own commands said that it should run, is down",
    {desired: null},
    (machine) => {
      ended(machine, '1', '1', 'failed')
      says(machine, 'running', {desired_state: 'running'})
    },
    ['down error: the service should be running, but is failed'],
  ],
  [
    'should run, and the mirror says otherwise',
    {},
    (machine) => {
      const pid = machine.comesUp()
      leave(machine, 'gateway_state.json', {pid, start_time: pid * 10, gateway_state: 'running', desired_state: 'stopped'})
    },
    ['mirror warning: the service should be running, but gateway_state.json says that it should be stopped'],
  ],
]

describe('where each boot of a container decides', () => {
  it('that nobody has recorded anything is no fault', async () => {
    const machine = serviceMachine({desired: null})
    machine.comesUp()
    const scene = await sceneOf(machine)
    const bootReason = 'gateway_state.json does not exist and no desired state is recorded, so it starts'
    const seen = {...scene.seen, manager: {...scene.seen.manager, bootReason}}
    const {findings} = await check.examine({...scene, seen})
    expect(findings).toMatchObject([{kind: 'unrecorded', severity: 'info', what: expect.stringContaining(bootReason)}])
  })
})

describe('desired, actual and enabled', () => {
  it.each(combinations)('%s', async (_name, service, bring, expected) => {
    const machine = serviceMachine(service)
    bring(machine)
    expect(await found(machine, check)).toEqual(expected)
  })

  it('are compared once the service has come to rest', async () => {
    const machine = serviceMachine()
    ended(machine, '1', '1', 'failed')
    machine.shown = {...machine.shown, StateChangeTimestampMonotonic: String((machine.host.monotonicMs() - 1000) * 1000)}
    expect(await found(machine, check)).toEqual([])
  })

  it('differ where a gateway goes on starting for minutes, or the service has none', async () => {
    const machine = serviceMachine()
    machine.comesUp('starting')
    expect(await found(machine, check)).toEqual([])
    await machine.host.sleep(400_000)
    expect(await found(machine, check)).toEqual(['not-up error: the gateway has been starting for 7 min'])
    const wrapper = serviceMachine()
    wrapper.comesUp('running', {argv: ['wrapper'], open: {}})
    for (const name of ['gateway.pid', 'gateway_state.json', 'gateway.lock']) wrapper.host.drop(`${HOME}/${name}`)
    await wrapper.host.sleep(400_000)
    expect(await found(wrapper, check)).toEqual(['not-up error: the service has been up for 7 min, but no gateway runs in it'])
  })
})

describe('unasked', () => {
  it.each([
    ['starts one that is down against its wish', {}, (machine: FakeSystemd) => ended(machine, '1', '1', 'failed'), true],
    [
      'never starts what somebody stopped',
      {},
      (machine: FakeSystemd) => {
        ended(machine, '1', '0')
        says(machine, 'stopped')
      },
      false,
    ],
    ['stops nothing', {desired: 'stopped', enabled: false} as const, (machine: FakeSystemd) => machine.comesUp(), false],
    ['decides nothing', {desired: null}, () => undefined, false],
  ])('%s', async (_name, service, bring, isSafe) => {
    const machine = serviceMachine(service)
    bring(machine)
    expect(await find(machine, check)).toMatchObject([{isSafe}])
  })
})

describe('the fix', () => {
  it('starts what should run, what a dead gateway left set right first', async () => {
    const machine = serviceMachine({enabled: false})
    ended(machine, '1', '1', 'failed')
    leave(machine, 'gateway.pid', {pid: 77, start_time: 5})
    says(machine, 'running')
    let pidAtStart = true
    machine.onStart = () => {
      pidAtStart = machine.host.lstat(`${HOME}/gateway.pid`) !== undefined
      machine.comesUp()
    }
    await cure(machine, check)
    expect(machine.verbs).toEqual(['enable', 'reset-failed', 'start --no-block'])
    expect(pidAtStart).toBe(false)
    expect(await found(machine, check)).toEqual([])
  })

  it('stops what should be stopped, and keeps it down', async () => {
    const machine = serviceMachine({desired: 'stopped', enabled: true})
    machine.comesUp()
    await cure(machine, check)
    expect(machine.verbs.slice(0, 2)).toEqual(['disable', 'stop --no-block'])
    expect(await found(machine, check)).toEqual([])
  })

  it('takes what is so for what is wanted, if it is told to', async () => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    machine.comesUp()
    await cure(machine, check, {desired: 'running'})
    expect(machine.verbs).toEqual(['enable'])
    expect(JSON.parse(machine.host.texts()[RECORD] ?? '')).toMatchObject({desiredState: 'running'})
    expect(await found(machine, check)).toEqual([])
  })

  it('asks where nobody has recorded anything', async () => {
    await expect(cure(serviceMachine({desired: null}), check)).rejects.toMatchObject({exitStatus: 2, next: expect.any(Array) as string[]})
  })

  it('takes the copy of a damaged record', async () => {
    const machine = serviceMachine()
    const pid = machine.comesUp()
    leave(machine, 'gateway_state.json', {pid, start_time: pid * 10, gateway_state: 'running', desired_state: 'running'})
    leave(machine, '.hermes-svc.json', '{"schema')
    expect(await find(machine, check)).toMatchObject([{kind: 'damaged', isSafe: true}])
    await cure(machine, check)
    expect(JSON.parse(machine.host.texts()[RECORD] ?? '')).toMatchObject({desiredState: 'running'})
  })

  it('asks where a damaged record has no copy', async () => {
    const machine = serviceMachine()
    leave(machine, '.hermes-svc.json', '{"schema')
    expect(await find(machine, check)).toMatchObject([{kind: 'damaged', isSafe: false}])
    await expect(cure(machine, check)).rejects.toMatchObject({exitStatus: 2})
  })

  it('is none for a record that may not be read', async () => {
    const machine = serviceMachine()
    machine.host.put(RECORD, {text: '{}', uid: 0, mode: 0o600})
    expect(await find(machine, check)).toMatchObject([{kind: 'unreadable', severity: 'unknown', isFixable: false}])
  })

  it('sets the mirror of a gateway that runs in place', async () => {
    const machine = serviceMachine()
    const pid = machine.comesUp()
    leave(machine, 'gateway_state.json', {pid, start_time: pid * 10, gateway_state: 'running', desired_state: 'stopped'})
    await cure(machine, check)
    expect(await found(machine, check)).toEqual([])
    expect(machine.verbs).toEqual([])
  })
})
