import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/missing-heartbeat.js'
import {examine} from '../../../src/doctor/examine.js'
import {addProcess, cure, type FakeService, find, found, leave, sceneOf, serviceMachine} from '../../fakes/fake-scene.js'
import type {FakeSystemd} from '../../fakes/fake-systemd.js'

const HOME = '/home/user/.hermes'
const HOUR_MS = 3_600_000

/** A gateway that has been up for some time, and wrote its state some time ago. */
async function living({
  upMs = HOUR_MS,
  updatedMs = HOUR_MS,
  service = {},
}: {
  upMs?: number
  updatedMs?: number
  service?: FakeService
} = {}) {
  const machine = serviceMachine(service)
  const pid = machine.comesUp()
  const {host} = machine
  await host.sleep(upMs)
  updatedAt(machine, pid, host.nowMs() - updatedMs)
  return {machine, pid}
}
function updatedAt(machine: FakeSystemd, pid: number, ms: number): void {
  const updated_at = new Date(ms).toISOString().replace('Z', '000+00:00')
  leave(machine, 'gateway_state.json', {pid, start_time: pid * 10, gateway_state: 'running', updated_at})
}
/** The tick ended some time ago by the clock that does not jump, when the wall clock said that. */
function ticked(machine: FakeSystemd, agoMs: number, wallMs: number): void {
  const [date = '', time = ''] = new Date(wallMs).toISOString().split('T')
  machine.lastTick = {wall: `Thu ${date} ${time.slice(0, 8)} UTC`, monotonic: (machine.host.monotonicMs() - agoMs) * 1000}
}

describe('off', () => {
  const OFF = 'off warning: the heartbeat of hermes-gateway.service does not run: hermes-svc-heartbeat.timer'

  it.each([
    ['enabled', {isEnabled: false, isActive: true}],
    ['active', {isEnabled: true, isActive: false}],
  ])('is a timer that is not %s, before the timestamp is old', async (word, timer) => {
    const {machine} = await living({updatedMs: 1000})
    expect(await found(machine, check)).toEqual([])
    Object.assign(machine.timer, timer)
    expect(await found(machine, check)).toEqual([`${OFF} is not ${word}`])
    await cure(machine, check)
    expect(machine.timer).toEqual({isEnabled: true, isActive: true})
    expect(await found(machine, check)).toEqual([])
  })

  it('is nothing of a service that wants no tick', async () => {
    const {machine} = await living({
      updatedMs: 1000,
      service: {settings: {heartbeat: {enabled: false, intervalSec: 60, watchdogTicks: null}}},
    })
    Object.assign(machine.timer, {isEnabled: false, isActive: false})
    expect(await found(machine, check)).toEqual([])
  })
})

describe('stale', () => {
  it('is a timestamp older than monitors allow, of a gateway that is as old', async () => {
    const {machine} = await living()
    expect(await found(machine, check)).toEqual(['stale warning: the gateway is alive, but its timestamp is 60 min old'])
    expect(await found((await living({updatedMs: 119_000})).machine, check)).toEqual([])
    expect(await found((await living({upMs: 100_000})).machine, check)).toEqual([])
  })

  it('is no timestamp ahead of the clock', async () => {
    expect(await found((await living({updatedMs: -HOUR_MS})).machine, check)).toEqual([])
  })

  it('is nothing that was fresh at the last tick, a moment ago: the clock was set', async () => {
    const {machine} = await living()
    const {host} = machine
    ticked(machine, 30_000, host.nowMs() - HOUR_MS)
    expect(await found(machine, check)).toEqual([])
    // The tick runs, and does nothing for this one.
    ticked(machine, 30_000, host.nowMs() - 30_000)
    expect(await found(machine, check)).toHaveLength(1)
    // It did, and does no more.
    ticked(machine, 300_000, host.nowMs() - HOUR_MS)
    expect((await find(machine, check))[0]?.evidence.at(-1)).toBe('the heartbeat last ran 5 min ago')
  })

  it('is cured by starting the tick, and ticking at once', async () => {
    const {machine} = await living()
    Object.assign(machine.timer, {isEnabled: false, isActive: false})
    await cure(machine, check)
    expect(machine.timer).toEqual({isEnabled: true, isActive: true})
    expect(await found(machine, check)).toEqual([])
  })

  it.each([
    ['off by its settings', {settings: {heartbeat: {enabled: false, intervalSec: 60, watchdogTicks: null}}}],
    ["another tool's service", {isOwn: false}],
  ])('is for a person where the tick is %s', async (_name, service) => {
    const {machine} = await living({service})
    expect(await find(machine, check)).toMatchObject([{kind: 'stale', isFixable: false, cure: ['hermes-svc install --heartbeat on']}])
  })

  it('is not cured by a tick that can do nothing', async () => {
    const {machine, pid} = await living()
    machine.host.put(`${HOME}/state.json`, machine.host.texts()[`${HOME}/gateway_state.json`] ?? '')
    machine.host.put(`${HOME}/gateway_state.json`, {link: `${HOME}/state.json`})
    await expect(cure(machine, check)).rejects.toThrow(
      /could not refresh the timestamp of hermes-gateway\.service: gateway_state\.json is a symbolic link/,
    )
    expect(pid).toBe(501)
  })
})

describe("the gateway's own heartbeat", () => {
  const beat = (machine: FakeSystemd, pid: number, agoSec: number, more: object = {}) =>
    leave(machine, 'state/gateway.heartbeat', {
      pid,
      monotonic: machine.host.monotonicMs() / 1000 - agoSec,
      updated_at: new Date(machine.host.nowMs() - agoSec * 1000).toISOString(),
      loop_tick_socket: false,
      ...more,
    })

  it('is late if nobody has written it for three beats, and for a person to decide on', async () => {
    const {machine, pid} = await living({updatedMs: 1000})
    beat(machine, pid, 60)
    expect(await found(machine, check)).toEqual([])
    beat(machine, pid, 300)
    expect(await find(machine, check)).toMatchObject([
      {kind: 'late', severity: 'warning', what: 'the gateway is alive, but its heartbeat file is 5 min old', isSafe: false},
    ])
    machine.host.setClock(machine.host.nowMs() + HOUR_MS)
    beat(machine, pid, 60, {updated_at: '2025-12-31T00:00:00Z'})
    expect(await found(machine, check)).not.toContain(expect.stringMatching(/^late/))
  })

  it('is foreign if another one wrote it, once the gateway has had the time to', async () => {
    const young = await living({upMs: 60_000, updatedMs: 1000})
    beat(young.machine, 77, 300)
    expect(await found(young.machine, check)).toEqual([])
    const {machine} = await living({updatedMs: 1000})
    beat(machine, 77, 300)
    expect(await found(machine, check)).toEqual([
      'foreign warning: state/gateway.heartbeat belongs to pid 77, but the running gateway is pid 501',
    ])
    await cure(machine, check)
    expect(machine.host.lstat(`${HOME}/state/gateway.heartbeat`)).toBeUndefined()
  })

  it('stays if it is of a second gateway that lives, or if the right one has written it meanwhile', async () => {
    const {machine, pid} = await living({updatedMs: 1000})
    beat(machine, 77, 300)
    await cure(machine, check, {}, () => beat(machine, pid, 0))
    expect(machine.host.lstat(`${HOME}/state/gateway.heartbeat`)).toBeDefined()
    beat(machine, 77, 300)
    addProcess(machine, {pid: 77, env: {HERMES_HOME: HOME}})
    await expect(cure(machine, check)).rejects.toThrow(/which is another gateway of the same home/)
  })

  it('is known by the number that a gateway in a container has there', async () => {
    const {machine, pid} = await living({updatedMs: 1000})
    machine.host.put(`/proc/${pid}/status`, `NSpid:\t${pid}\t7\n`)
    beat(machine, 7, 10)
    expect(await found(machine, check)).toEqual([])
  })
})

describe('wedged', () => {
  it('is an error, and restarted unasked: that ends nothing that works', async () => {
    const {machine, pid} = await living({updatedMs: 1000})
    machine.host.put(`/proc/${pid}/task/${pid}/wchan`, 'hrtimer_nanosleep')
    expect(await find(machine, check)).toMatchObject([{kind: 'wedged', severity: 'error', isSafe: true}])
    machine.host.signal = (_pid, signal) => {
      if (signal === 'SIGKILL') machine.goesDown('activating', 'auto-restart')
      return true
    }
    await cure(machine, check)
    expect(await found(machine, check)).toEqual([])
  })

  it('is a stopped process too, which somebody may want to continue', async () => {
    const {machine, pid} = await living({updatedMs: 1000})
    addProcess(machine, {pid, startTime: pid * 10, state: 'T', env: {HERMES_HOME: HOME}, cgroup: '/s/hermes.service'})
    expect(await find(machine, check)).toMatchObject([
      {kind: 'wedged', isSafe: false, cure: ['hermes-svc fix missing-heartbeat', expect.stringContaining(`kill -CONT ${pid}`)]},
    ])
  })
})

it('interrupts nothing where a tick is all that is missing', async () => {
  const {machine, pid} = await living()
  expect([...(await examine(await sceneOf(machine), [check])).interrupting]).toEqual([])
  machine.host.put(`/proc/${pid}/task/${pid}/wchan`, 'hrtimer_nanosleep')
  expect([...(await examine(await sceneOf(machine), [check])).interrupting]).toEqual(['missing-heartbeat'])
})

it('says nothing of a gateway that is gone, or outside its service', async () => {
  expect(await found(serviceMachine(), check)).toEqual([])
  const machine = serviceMachine()
  machine.putProcess({pid: 900, startTime: 9, env: {HERMES_HOME: HOME}, cgroup: '/user.slice'}, 'running')
  expect(await found(machine, check)).toEqual([])
})
