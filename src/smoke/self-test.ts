import {installerOf} from '../managers/installing.js'
import path from 'node:path'
import {GatewaySignal, HomeFile} from '../gateway/contract.js'
import {ExitStatus, ServiceError} from '../errors.js'
import type {Host} from '../host/host.js'
import {type Breakage, breakAndCure, DESIRED_STATE, MISSING_HEARTBEAT, staleState, ZOMBIE_PID} from './breakages.js'
import type {SmokeStep, Step, StepId, StepOutcome} from './steps.js'
import {type ThrowAwayOptions, ThrowAwayService} from './throw-away.js'

/** A service that comes back would have done so within this time: our longest delay before a first restart is far shorter. */
const STAYS_STOPPED_MS = 3000

export interface SmokeOptions extends ThrowAwayOptions {
  readonly steps: readonly Step[]
  readonly onStep: (step: SmokeStep) => void
}

/**
 * Runs the main job end to end on this machine's own service manager, through the very commands that people type, with a stand-in gateway
 * in a throw-away home under a throw-away name. Whatever happens, everything is taken away again. After the first step that fails the others
 * are not reached; `signal` aborted with an error ends it too: with a failed step, or with that error if it has exit status 130.
 */
export async function selfTest(host: Host, options: SmokeOptions): Promise<SmokeStep[]> {
  const service = new ThrowAwayService(host, options)
  await service.sweepAbandoned()
  try {
    service.makeHome()
    return await new SelfTest(host, service, options).run()
  } finally {
    await service.remove()
  }
}

class SelfTest {
  /** The pid record of the first gateway, which is dead once the next one runs. */
  private deadRecord = ''

  constructor(
    private readonly host: Host,
    private readonly service: ThrowAwayService,
    private readonly options: SmokeOptions,
  ) {}

  async run(): Promise<SmokeStep[]> {
    const done: SmokeStep[] = []
    let failed: SmokeStep | undefined
    for (const step of this.options.steps) {
      const result: SmokeStep = failed ? this.result(step, 'not-reached', 0, `"${failed.name}" failed`) : await this.try(step)
      if (result.outcome === 'failed') failed = result
      done.push(result)
      this.options.onStep(result)
    }
    return done
  }

  private async try(step: Step): Promise<SmokeStep> {
    const startMs = this.host.monotonicMs()
    const {signal} = this.options
    try {
      signal.throwIfAborted()
      const detail = await this.actions[step.id]()
      signal.throwIfAborted()
      return this.result(step, 'passed', this.host.monotonicMs() - startMs, detail)
    } catch (error) {
      if (error instanceof ServiceError && error.exitStatus === ExitStatus.cancelled) throw error
      return this.result(step, 'failed', this.host.monotonicMs() - startMs, error instanceof Error ? error.message : String(error))
    }
  }

  private result({id, group, name}: Step, outcome: StepOutcome, durationMs: number, detail: string): SmokeStep {
    return {id, group, scope: this.options.scope, name, outcome, durationMs, detail}
  }

  /** What each step does. Resolves with what was seen; throws if it was not what should be. */
  private readonly actions: Readonly<Record<StepId, () => Promise<string>>> = {
    install: async () => outcomeOf(await this.service.install()),
    alive: async () => {
      const {pid, evidence} = await this.service.alivePid()
      this.deadRecord = this.service.userHost.readText(path.join(this.service.home, HomeFile.pid)) ?? ''
      if (!this.deadRecord.includes(String(pid))) throw new Error(`${HomeFile.pid} does not name pid ${pid}: ${this.deadRecord}`)
      return evidence
    },
    reinstall: async () => {
      const result = await this.service.hermesSvc('install')
      if ((JSON.parse(result.stdout) as {changed: boolean}).changed)
        throw new Error(`the second install changed something: ${result.stdout}`)
      await this.service.hermesSvc('diff')
      return 'already up to date, no differences'
    },
    killed: () => this.signalled('SIGKILL'),
    'planned-restart': () => this.signalled(GatewaySignal.restart),
    'missing-heartbeat': () => this.broken(MISSING_HEARTBEAT),
    'desired-state': () => this.broken(DESIRED_STATE),
    stop: async () => outcomeOf(await this.service.hermesSvc('stop')),
    'stays-stopped': async () => {
      await this.host.sleep(STAYS_STOPPED_MS, this.options.signal)
      const report = await this.service.status(ExitStatus.notRunning)
      if (report.actual !== 'stopped' || report.pid !== null || report.enabled !== false) throw new Error(JSON.stringify(report))
      return 'stopped, and does not start at boot'
    },
    inactive: async () => {
      const {manager, service} = await this.service.target()
      const seen = manager.observer.observe([service])[0]
      if (seen?.activity !== 'stopped') throw new Error(`${manager.title} says ${seen?.activity}`)
      return `${manager.title}: ${service.name} is inactive`
    },
    'stale-state': () => this.broken(staleState(() => this.deadRecord)),
    'zombie-pid': () => this.broken(ZOMBIE_PID),
    uninstall: async () => outcomeOf(await this.service.hermesSvc('uninstall')),
    'nothing-left': async () => {
      const {manager, service} = await this.service.target()
      const left = installerOf(manager).traces(service)
      if (left.length > 0) throw new Error(left.join(', '))
      return 'no file, no unit, no process'
    },
  }

  private async signalled(signal: NodeJS.Signals): Promise<string> {
    const {pid} = await this.service.alivePid()
    this.service.userHost.signal(pid, signal)
    return `pid ${pid} is now ${await this.service.comesBack(pid)}`
  }

  private broken(breakage: Breakage): Promise<string> {
    return breakAndCure(this.service, breakage)
  }
}

function outcomeOf({stdout}: {readonly stdout: string}): string {
  return (JSON.parse(stdout) as {outcome: string}).outcome
}
