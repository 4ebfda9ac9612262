import {describe, expect, it} from 'vitest'
import {planInstall} from '../../src/lifecycle/install.js'
import {observe} from '../../src/lifecycle/observe.js'
import {planRestart} from '../../src/lifecycle/restart.js'
import {planStart} from '../../src/lifecycle/start.js'
import {assess} from '../../src/lifecycle/status.js'
import {planStop} from '../../src/lifecycle/stop.js'
import type {Target} from '../../src/lifecycle/target.js'
import {planUninstall} from '../../src/lifecycle/uninstall.js'
import {type ApplyListener, applyPlan} from '../../src/plan/apply.js'
import type {Plan} from '../../src/plan/plan.js'
import {AGENT, FakeLaunchd, LABEL, LAUNCHD_SERVICE} from '../fakes/fake-launchd.js'

// The whole life of a service, by the same plans as under systemd.

const GUI = `gui/1000/${LABEL}`
const REQUEST = {environment: new Map<string, string>(), policy: {}, heartbeat: {enabled: false}, timeoutMs: 3000, force: false}
const SILENT: ApplyListener = {begin: () => undefined, progress: () => undefined, end: () => undefined}

class Machine extends FakeLaunchd {
  readonly target: Target

  constructor() {
    super({'/bin/sh': {text: '', mode: 0o755}})
    this.leavesRecords = true
    const {host, manager} = this
    const run = host.run.bind(host)
    // The gateway's command is proved by its version.
    host.run = async (argv, options) =>
      argv.at(-1) === '--version' ? {argv, code: 0, signal: null, stdout: '', stderr: ''} : run(argv, options)
    const signal = host.signal.bind(host)
    host.signal = (pid, name) => {
      const isThere = signal(pid, name)
      if (isThere && (name === 'SIGTERM' || name === 'SIGKILL')) this.gatewayEnds(GUI)
      return isThere
    }
    this.target = {host, userHost: host, manager, service: LAUNCHD_SERVICE, homeFlag: 'home'}
  }

  async go(plan: Plan | Promise<Plan>): Promise<string> {
    const made = await plan
    await applyPlan(this.host, made, SILENT, () => false)
    return typeof made.outcome === 'string' ? made.outcome : made.outcome()
  }

  get actual(): string {
    return assess(observe(this.target)).actual
  }

  /** The calls that changed something since they were last asked for. */
  calls(): string[] {
    return this.changes.splice(0)
  }
}

const install = (machine: Machine, request: object = {}) => machine.go(planInstall(machine.target, {...REQUEST, ...request}))
const stop = (machine: Machine, untilBoot = false) =>
  machine.go(planStop(machine.target, {timeoutMs: 3000, untilBoot, force: false, wedgeWindowMs: 100}))

describe('a service under launchd', () => {
  it('is installed, and a second time nothing is changed', async () => {
    const machine = new Machine()
    expect(await install(machine)).toBe(`${LABEL} is installed and running`)
    expect(machine.actual).toBe('running')
    expect(machine.calls()).toEqual([`enable ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
    expect(await install(machine)).toContain('nothing was changed')
    expect(machine.calls()).toEqual([])
  })

  it('is stopped for good, started, restarted and uninstalled without a trace', async () => {
    const machine = new Machine()
    await install(machine)
    machine.calls()
    expect(await stop(machine)).toBe(`${LABEL} is stopped`)
    expect(machine.actual).toBe('stopped')
    expect(machine.calls()).toEqual([`disable ${GUI}`, `kill SIGTERM ${GUI}`, `bootout ${GUI}`])
    expect(await stop(machine)).toContain('nothing was changed')

    expect(await machine.go(planStart(machine.target, {timeoutMs: 3000}))).toBe(`${LABEL} is running`)
    expect(machine.calls()).toEqual([`enable ${GUI}`, `bootstrap gui/1000 ${AGENT}`])

    const before = observe(machine.target).verdict.pid
    await machine.go(planRestart(machine.target, {force: true, timeoutMs: 3000, wedgeWindowMs: 100, times: {terminateMs: 50}}))
    expect(observe(machine.target).verdict.pid).not.toBe(before)
    expect(machine.actual).toBe('running')
    expect(machine.calls()).toEqual([`kill SIGTERM ${GUI}`, `kickstart -k ${GUI}`])

    expect(await machine.go(planUninstall(machine.target, {timeoutMs: 3000}))).toContain('is uninstalled')
    expect(machine.calls()).toEqual([`kill SIGTERM ${GUI}`, `disable ${GUI}`, `bootout ${GUI}`, `enable ${GUI}`])
    expect(machine.actual).toBe('not-installed')
    expect(machine.manager.traces(LAUNCHD_SERVICE)).toEqual([])
    expect(machine.disabled.size).toBe(0)
    expect(Object.keys(machine.host.texts()).filter((file) => file.startsWith('/home/user/Library'))).toEqual([])
  })

  it('comes back at the next login after a stop until then', async () => {
    const machine = new Machine()
    await install(machine)
    await stop(machine, true)
    expect(machine.disabled.size).toBe(0)
    expect(machine.actual).toBe('stopped')
  })

  it('is loaded anew where its definition was changed', async () => {
    const machine = new Machine()
    await install(machine)
    machine.calls()
    machine.host.put('/home/user/.hermes/.env', 'HERMES_RESTART_DRAIN_TIMEOUT=900\n')
    await install(machine)
    expect(machine.calls()).toEqual([`kill SIGTERM ${GUI}`, `bootout ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
    expect(observe(machine.target).manager.needsReload).toBe(false)
  })

  it('leaves the machine as it was when it does not come up, no record of a disable either', async () => {
    const machine = new Machine()
    machine.leavesRecords = false
    await expect(install(machine)).rejects.toThrow('The gateway did not come up')
    expect(machine.jobs.size).toBe(0)
    expect(machine.disabled.size).toBe(0)
    expect(Object.keys(machine.host.texts()).filter((file) => file.startsWith('/home/user/Library'))).toEqual([])
  })

  it('runs by its former definition again when a new one does not come up', async () => {
    const machine = new Machine()
    await install(machine)
    const text = machine.host.texts()[AGENT]
    machine.leavesRecords = false
    machine.host.put('/home/user/.hermes/.env', 'HERMES_RESTART_DRAIN_TIMEOUT=900\n')
    await expect(install(machine)).rejects.toThrow('The gateway did not come up')
    expect(machine.host.texts()[AGENT]).toBe(text)
    expect(machine.jobs.get(GUI)).toMatchObject({state: 'running', text})
  })
})
