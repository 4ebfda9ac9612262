import type {Check, Examination} from '../../src/doctor/check.js'
import {examine} from '../../src/doctor/examine.js'
import type {Finding} from '../../src/doctor/finding.js'
import {observeScenes, type Scene} from '../../src/doctor/scene.js'
import {planInstall} from '../../src/lifecycle/install.js'
import {observe} from '../../src/observe/look.js'
import {assess} from '../../src/observe/assess.js'
import type {Target} from '../../src/observe/where.js'
import {type ApplyListener, applyPlan} from '../../src/plan/apply.js'
import type {Plan} from '../../src/plan/plan.js'
import {FakeLaunchd, LABEL, LAUNCHD_SERVICE} from './fake-launchd.js'

export const GUI = `gui/1000/${LABEL}`
export const REQUEST = {environment: new Map<string, string>(), policy: {}, heartbeat: {enabled: false}, timeoutMs: 3000, force: false}
const SILENT: ApplyListener = {begin: () => undefined, progress: () => undefined, end: () => undefined, close: () => undefined}

/** A machine in memory with launchd, and the service of its default profile as the target of commands. */
export class LaunchdTarget extends FakeLaunchd {
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

  /** One on which hermes-svc has installed a service that runs. */
  static async installed(): Promise<LaunchdTarget> {
    const machine = new LaunchdTarget()
    await machine.go(planInstall(machine.target, REQUEST))
    machine.calls()
    return machine
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

  /** What `doctor` sees of the service. */
  async scene(): Promise<Scene> {
    const [scene] = await observeScenes([this.target], {wedgeWindowMs: 100, isNamed: true, anyScope: false})
    if (!scene) throw new Error('nothing was observed')
    return scene
  }

  async find(check: Check): Promise<readonly Finding[]> {
    return (await examine(await this.scene(), [check])).findings
  }

  /** Each finding as "kind severity". */
  async kinds(check: Check): Promise<string[]> {
    return (await this.find(check)).map(({kind, severity}) => `${kind} ${severity}`)
  }

  /** Applies the fix of what a check finds; what launchctl was asked to change for it. */
  async fix(check: Check): Promise<string[]> {
    const {plan}: Examination = await check.examine(await this.scene())
    if (!plan) throw new Error('there is nothing that a fix cures')
    this.calls()
    await this.go(plan({timeoutMs: 3000}))
    return this.calls()
  }
}
