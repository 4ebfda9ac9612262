import {describe, expect, it} from 'vitest'
import {planRestart} from '../../src/lifecycle/restart.js'
import {idleStep, untilIdle} from '../../src/lifecycle/when-idle.js'
import type {FakeSystemd} from '../fakes/fake-systemd.js'
import {addProcess} from '../fakes/fake-scene.js'
import {installed, wants} from '../fakes/scene.js'

const HOME = '/home/user/.hermes'
const REQUEST = `${HOME}/.drain_request.json`
const STATE = `${HOME}/gateway_state.json`
const limitMs = 60_000

const says = (machine: FakeSystemd, fields: object) =>
  machine.host.put(STATE, JSON.stringify({...(JSON.parse(machine.host.texts()[STATE] ?? '{}') as object), ...fields}))

/** A gateway that heeds the request, as one does that looks each second; `unseen`: work that it counts only then, by the look. */
async function heeding(unseen: readonly number[] = []): Promise<{machine: FakeSystemd; asked: () => number}> {
  const machine = await installed()
  let [asked, drains] = [0, false]
  const look = () => {
    const isAsked = machine.host.texts()[REQUEST] !== undefined
    if (isAsked !== drains) {
      drains = isAsked
      says(
        machine,
        drains ? {gateway_state: 'draining', active_agents: unseen[asked++] ?? 0} : {gateway_state: 'running', active_agents: 0},
      )
    }
    machine.host.after(1000, look)
  }
  machine.host.after(1000, look)
  return {machine, asked: () => asked}
}

const wait = (machine: FakeSystemd, within = limitMs, progress: (text: string) => void = () => undefined) =>
  untilIdle(machine.target, {limitMs: within, progress})

describe('a restart that waits until nothing is in hand', () => {
  it('has the gateway take no more, sees that it has none, and lets it go on if nothing comes of it', async () => {
    const {machine} = await heeding()
    const quiet = await wait(machine)
    expect(JSON.parse(machine.host.texts()[REQUEST] ?? '')).toMatchObject({
      action: 'drain',
      principal: 'hermes-svc',
      epoch: expect.any(String) as string,
    })
    expect(JSON.parse(machine.host.texts()[STATE] ?? '')).toMatchObject({gateway_state: 'draining'})
    quiet?.release()
    expect(machine.host.texts()[REQUEST]).toBeUndefined()
    expect(() => quiet?.release()).not.toThrow()
  })

  it('waits for turns without asking, since it would refuse what people write', async () => {
    const {machine, asked} = await heeding()
    says(machine, {active_agents: 2})
    machine.host.after(20_000, () => says(machine, {active_agents: 0}))
    const seen: string[] = []
    const before = machine.host.monotonicMs()
    const quiet = await wait(machine, limitMs, (text) => {
      if (machine.host.monotonicMs() - before < 19_000) seen.push(`${asked()} ${text}`)
    })
    expect(quiet).toBeDefined()
    expect([...new Set(seen)]).toEqual(['0 2 units of work'])
  })

  it('lets a gateway go on whose cron job it did not see, and asks once more later', async () => {
    const {machine, asked} = await heeding([1, 1, 0])
    const before = machine.host.monotonicMs()
    expect(await wait(machine, 600_000)).toBeDefined()
    expect(asked()).toBe(3)
    expect(machine.host.monotonicMs() - before).toBeGreaterThan(60_000)
  })

  it('takes no number for true that was left behind: the job is done, and nothing was written since', async () => {
    const {machine, asked} = await heeding()
    says(machine, {active_agents: 1})
    const before = machine.host.monotonicMs()
    expect(await wait(machine, 600_000)).toBeDefined()
    expect(asked()).toBe(1)
    expect(machine.host.monotonicMs() - before).toBeLessThan(70_000)
  })

  it('fails after its time with what is in hand, and has left nothing', async () => {
    const {machine} = await heeding([1, 1, 1, 1])
    says(machine, {active_work: [{kind: 'cron', job_id: 'news', elapsed_s: 12}]})
    await expect(wait(machine, 40_000)).rejects.toMatchObject({
      code: 'not-idle',
      exitStatus: 1,
      message: expect.stringMatching(/was busy all the time: cron news for 12 s. Nothing was changed$/) as string,
    })
    expect(machine.host.texts()[REQUEST]).toBeUndefined()
  })

  it('cannot tell of a gateway that does not heed the request, and takes it back', async () => {
    const machine = await installed()
    await expect(wait(machine)).rejects.toMatchObject({code: 'cannot-tell-idle', exitStatus: 4})
    expect(machine.host.texts()[REQUEST]).toBeUndefined()
  })

  it('leaves the request of somebody else where it is', async () => {
    const {machine} = await heeding()
    machine.host.put(REQUEST, '{}')
    const quiet = await wait(machine)
    quiet?.release()
    expect(machine.host.texts()[REQUEST]).toBe('{}')
  })

  it('takes it back when its own process is ended in the midst of what follows, and then no more', async () => {
    const {machine} = await heeding()
    const quiet = await wait(machine)
    machine.host.exit()
    expect(machine.host.texts()[REQUEST]).toBeUndefined()
    machine.host.put(REQUEST, '{}')
    quiet?.release()
    machine.host.exit()
    expect(machine.host.texts()[REQUEST]).toBe('{}')
  })

  it('takes over the request of a hermes-svc that was killed, and leaves that of one that lives', async () => {
    const {machine} = await heeding()
    addProcess(machine, {pid: machine.host.pid, startTime: 7})
    await wait(machine)
    const left = machine.host.texts()[REQUEST] ?? ''
    const another = await wait(machine)
    another?.release()
    expect(machine.host.texts()[REQUEST]).toBe(left)
    // The number of the one that wrote it is another process's by now.
    addProcess(machine, {pid: machine.host.pid, startTime: 8})
    const next = await wait(machine)
    expect(machine.host.texts()[REQUEST]).not.toBe(left)
    next?.release()
    expect(machine.host.texts()[REQUEST]).toBeUndefined()
  })

  it('takes it back when it is cancelled in the midst of it', async () => {
    const machine = await installed()
    const cancelled = new Error('cancelled')
    const cancel = () => {
      if (machine.host.texts()[REQUEST] !== undefined) throw cancelled
    }
    await expect(wait(machine, limitMs, cancel)).rejects.toBe(cancelled)
    expect(machine.host.texts()[REQUEST]).toBeUndefined()
  })

  it('has nothing to wait for where no gateway lives, and fails where it ends meanwhile', async () => {
    const {machine} = await heeding()
    says(machine, {active_agents: 1})
    machine.host.after(5000, () => machine.goesDown())
    await expect(wait(machine)).rejects.toMatchObject({code: 'not-idle', exitStatus: 1})
    expect(await wait(machine)).toBeUndefined()
  })

  it('leaves one alone that was stopped on purpose, and starts one that only is down', async () => {
    const {machine} = await heeding()
    machine.goesDown()
    const options = {force: false, timeoutMs: undefined, wedgeWindowMs: 1000, times: {}, onlyIfRunning: true}
    expect((await planRestart(machine.target, options)).steps).not.toEqual([])
    wants(machine, 'stopped')
    expect(await planRestart(machine.target, options)).toMatchObject({
      steps: [],
      outcome: expect.stringContaining('stopped on purpose') as string,
    })
    expect((await planRestart(machine.target, {...options, onlyIfRunning: false})).steps).not.toEqual([])
  })

  it('lets it take work again at the end of the step, which the restart follows', async () => {
    const {machine} = await heeding()
    const step = idleStep(machine.target, limitMs)
    if (step.kind !== 'wait-until') expect.unreachable()
    expect(await step.until(() => undefined)).toBe(true)
    expect(machine.host.texts()[REQUEST]).toBeUndefined()
  })
})
