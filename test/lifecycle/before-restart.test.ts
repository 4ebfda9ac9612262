import {describe, expect, it} from 'vitest'
import {planInstall} from '../../src/lifecycle/install.js'
import {planRestart} from '../../src/lifecycle/restart.js'
import {planStart} from '../../src/lifecycle/start.js'
import type {FakeSystemd} from '../fakes/fake-systemd.js'
import {processFiles} from '../fakes/fake-process.js'
import {runPlan} from '../fakes/run-plan.js'
import {installed} from '../fakes/scene.js'

const HOME = '/home/user/.hermes'
const CONFIG = `${HOME}/config.yaml`
const BROKEN = 'model:\n  default: x\n bad\n'
const timeoutMs = 10_000

const restart = (machine: FakeSystemd, options: {force?: boolean; evenBroken?: boolean} = {}) =>
  planRestart(machine.target, {force: false, timeoutMs, wedgeWindowMs: 1000, times: {}, ...options})
const install = (machine: FakeSystemd, options: {force?: boolean; evenBroken?: boolean} = {}) =>
  planInstall(machine.target, {environment: new Map([['X', '1']]), policy: {}, heartbeat: {}, timeoutMs, force: false, ...options})

async function withBroken(): Promise<FakeSystemd> {
  const machine = await installed()
  machine.host.put(CONFIG, BROKEN)
  return machine
}

describe('before a restart ends a gateway that works', () => {
  it.each([
    ['restart', restart],
    ['the restart of a fix, which does not wait for its work', (machine: FakeSystemd) => restart(machine, {force: true})],
    ['an install that restarts', install],
  ])('%s refuses a configuration that cannot be read, with its place, and nothing is done', async (_, plan) => {
    const machine = await withBroken()
    const {changes, verbs} = {changes: machine.host.changes.length, verbs: machine.verbs.length}
    await expect(plan(machine)).rejects.toMatchObject({code: 'config-broken', exitStatus: 1})
    const failure = (await plan(machine).catch((error: unknown) => error)) as {message: string; next: string[]}
    expect(failure.message).toMatch(
      /^hermes-gateway\.service keeps running \(pid \d+\), because .*: \/home\/user\/\.hermes\/config\.yaml:3:\d+: /,
    )
    expect(failure.next[0]).toBe(`\${EDITOR:-nano} ${CONFIG}`)
    expect(failure.next[1]).toMatch(/^hermes-svc fix config /)
    expect(failure.next.at(-1)).toMatch(/ --force {3}# restarts it anyway$/)
    expect([machine.host.changes.length, machine.verbs.length]).toEqual([changes, verbs])
  })

  it('--force does it all the same, and says what is wrong', async () => {
    const machine = await withBroken()
    const plan = await restart(machine, {force: true, evenBroken: true})
    expect(plan.warnings).toEqual([
      expect.stringMatching(/^The gateway cannot load its configuration and uses its defaults: .*config\.yaml:3:/),
    ])
    expect((await install(machine, {force: true})).warnings).toHaveLength(1)
    expect((await install(machine, {evenBroken: true})).warnings).toHaveLength(1)
  })

  it('an install that restarts nothing has nothing to refuse', async () => {
    const machine = await withBroken()
    const plan = await planInstall(machine.target, {environment: new Map(), policy: {}, heartbeat: {}, timeoutMs, force: false})
    expect([plan.steps, plan.warnings]).toEqual([[], []])
  })

  it('one that is dead is restarted, since there is nothing to lose', async () => {
    const machine = await withBroken()
    machine.goesDown()
    expect((await restart(machine)).warnings).toHaveLength(1)
  })

  it('start of one that is down warns, and goes on; of one that runs it has nothing to say', async () => {
    const machine = await withBroken()
    expect((await planStart(machine.target, {timeoutMs})).warnings ?? []).toEqual([])
    machine.goesDown()
    const plan = await planStart(machine.target, {timeoutMs})
    expect(plan.warnings).toEqual([expect.stringMatching(/config\.yaml:3:\d+: /)])
    await runPlan(machine.host, plan)
    expect(machine.shown.ActiveState).toBe('active')
  })

  it('a program that does not start any more is no program to restart onto, unless it did not answer within time', async () => {
    const machine = await installed()
    const run = machine.host.run.bind(machine.host)
    const answer = (result: object) => {
      machine.host.run = (argv, options) =>
        argv.at(-1) === '--version' ? Promise.resolve({argv, code: 1, signal: null, stdout: '', stderr: '', ...result}) : run(argv, options)
    }
    answer({stderr: "ModuleNotFoundError: No module named 'yaml'\n"})
    await expect(restart(machine)).rejects.toMatchObject({
      code: 'gateway-command',
      message: expect.stringContaining('the Python module yaml is missing') as string,
    })
    expect((await restart(machine, {evenBroken: true})).warnings).toEqual([])
    answer({code: null, failure: 'TIMEOUT'})
    expect((await restart(machine)).warnings).toEqual([expect.stringContaining('did not answer within 30 s')])
  })

  it('an update that is under way is waited for', async () => {
    const machine = await installed()
    for (const [file, text] of Object.entries(processFiles({pid: 900, startTime: 9000}))) machine.host.put(file, text)
    machine.host.setAlive(900, true)
    machine.host.put(`${HOME}/.hermes-update-in-progress`, `900\n${machine.host.nowMs() / 1000}\n`)
    await expect(restart(machine)).rejects.toMatchObject({
      code: 'update-under-way',
      next: expect.arrayContaining(['run the same command again after the update']) as string[],
    })
  })
})
