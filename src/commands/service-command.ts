import type {TargetFlags} from '../observe/place.js'
import {DEFAULT_PROFILE} from '../gateway/contract.js'
import type {Command} from '@oclif/core/command'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {HostError} from '../host/host.js'
import {change, type ChangeOptions} from '../lifecycle/change.js'
import {ownCommand} from '../lifecycle/own-command.js'
import {awaitOnline} from '../lifecycle/see-online.js'
import {assess} from '../observe/assess.js'
import type {OnlineReport, ServiceReport} from '../observe/report.js'
import {orForeground, type Purpose, resolveManaged, resolveTarget, type Target} from '../observe/where.js'
import {outcomeOf, type Plan} from '../plan/plan.js'
import {listProfiles} from '../service/profile.js'
import type {Annotation} from './annotations.js'
import {cancelledError, writeDocument} from '../ui/failure.js'
import {didYouMean} from '../text/suggest.js'
import {BaseCommand, type CommandResult, profileArgument} from './base.js'

/** What a change of one service ended with. */
export interface ChangeResult extends CommandResult {
  /** In words; null if it was only shown what would be done. */
  readonly outcome: string | null
}

/** How a change is run for one service or for all. */
interface RunForAllOptions {
  readonly confirm?: (plan: Plan) => Promise<boolean>
  readonly isAboutDefinition?: boolean
  readonly idleWithinMs?: number
}

/** A command about one service, or with --all about those of all profiles. */
export abstract class ServiceCommand<T extends typeof Command> extends BaseCommand<T> {
  static override args: typeof Command.args = profileArgument

  protected get targetFlags(): TargetFlags {
    const {profile, home, manager, scope} = this.flags
    return {profile, home, manager, scope, runAs: this.flags['run-as']}
  }

  /** The service that the flags mean, or what keeps its gateway alive in the foreground. */
  protected async target(purpose: Purpose): Promise<Target> {
    return this.hinted(await resolveTarget(this.host, this.targetFlags, purpose))
  }

  /** The service that the flags mean, for what is about a definition: its manager is one in which it could be installed. */
  protected async managedTarget(purpose: Purpose): Promise<Target> {
    return this.hinted(await resolveManaged(this.host, this.targetFlags, purpose))
  }

  private hinted(target: Target): Target {
    if (this.flags.profile !== undefined) this.hintAtProfile(target)
    return target
  }

  /** A profile without a home may be one whose name was mistyped. What comes of it is the command's matter: its service may be left. */
  protected hintAtProfile({userHost, service: {profile}}: Target): void {
    try {
      if (userHost.stat(profile.home) !== undefined) return
      const meant = didYouMean(
        profile.name,
        listProfiles(userHost, profile.root).map(({name}) => name),
      )
      if (meant !== '') this.note(`There is no profile ${profile.name}${meant}`)
    } catch (error) {
      // What may not be looked at says nothing; the command tells of it.
      if (!(error instanceof HostError)) throw error
    }
  }

  /** The services of all profiles that are on disk, those in the foreground too; `only` decides which of them. */
  protected async allTargets(purpose: Purpose, only: (target: Target) => boolean = () => true): Promise<Target[]> {
    const first = await this.firstTarget(purpose)
    const all = listProfiles(first.userHost, first.service.profile.root).map((profile) => ({
      ...first,
      service: first.manager.placement.serviceFor(profile, first.service.account),
    }))
    const isOfManager = this.flags.manager !== undefined || this.flags.scope !== undefined
    return (isOfManager ? all : await Promise.all(all.map(orForeground))).filter(only)
  }

  /** That of the root home, as the manager of all profiles has it, though a `hermes-svc run` keeps it: others may be services. */
  private async firstTarget(purpose: Purpose): Promise<Target> {
    const flags = {...this.targetFlags, profile: DEFAULT_PROFILE}
    try {
      return await resolveManaged(this.host, flags, purpose)
    } catch (error) {
      if (error instanceof ServiceError) return resolveTarget(this.host, flags, purpose)
      throw error
    }
  }

  /** Prints annotations, where --annotations asks for them. With --json they go to stderr, beside the document. */
  protected async annotate(make: (annotations: typeof import('./annotations.js')) => readonly Annotation[]): Promise<void> {
    if ((this.flags as {annotations?: string}).annotations === undefined) return
    const annotations = await import('./annotations.js')
    for (const one of make(annotations)) writeDocument(this.flags.json ? 'stderr' : 'stdout', annotations.githubCommand(one))
  }

  /**
   * Runs a change from plan to verified outcome, or with --dry-run prints the plan. `confirm` is asked about a plan that changes something.
   * Throws what the plan throws.
   */
  protected async runChange(
    target: Target,
    command: string,
    makePlan: () => Plan | Promise<Plan>,
    confirm?: (plan: Plan) => Promise<boolean>,
  ): Promise<ChangeResult> {
    const {profile, name} = {profile: target.service.profile.name, name: target.service.name}
    if (this.isDryRun) {
      const {planJson, planText} = await import('../ui/plan-text.js')
      const plan = this.warned(await this.during('work out what would change', async () => makePlan()))
      for (const line of await planText(target.host, plan)) this.print(line)
      const json = {service: name, profile, dryRun: true, changed: false, plan: await planJson(target.host, plan)}
      return {exitStatus: ExitStatus.ok, json, outcome: null}
    }
    const signal = this.cancelSignal
    const beganMs = this.host.monotonicMs()
    const options: ChangeOptions = {
      command,
      listener: await this.stepReporter(),
      cancelled: () => signal.aborted,
      ...(confirm ? {confirm} : {}),
    }
    const {
      plan,
      applied,
      warnings: unnoted,
    } = await change(target, async () => this.warned(await this.during('work out what to change', async () => makePlan())), options)
    const outcome = outcomeOf(plan)
    this.print(outcome)
    for (const warning of unnoted) this.note(`hermes-svc: ${warning}`)
    const warnings = [...(plan.warnings ?? []), ...unnoted]
    const changed = applied.some((step) => step.changed)
    const online = plan.runs ? await this.comesOnline(target, {outcome, beganMs, isNew: applied.length > 0}) : null
    if (applied.length > 0 && !this.isForAll && !online?.advice) await this.sayNext(target)
    return {exitStatus: ExitStatus.ok, json: {service: name, profile, dryRun: false, changed, outcome, online, warnings}, outcome}
  }

  /** What a person may want to type once a change is made, without the flags that name the service. */
  protected readonly nextCommands: readonly string[] = []

  private async sayNext(target: Target): Promise<void> {
    if (this.nextCommands.length === 0 || this.flags.json) return
    const {nextLines} = await import('../ui/status-text.js')
    for (const line of nextLines(this.nextCommands.map((words) => ownCommand(target, words)))) this.note(line)
  }

  /** Says what somebody should know before a plan is applied. */
  private warned(plan: Plan): Plan {
    for (const warning of plan.warnings ?? []) this.note(warning)
    return plan
  }

  /**
   * Says whether people reach the gateway that runs now; of one that has just come up (`isNew`) the first platform is waited for. What was to be done is
   * done by then, so it never makes the command fail; only that it was cancelled is told.
   */
  private async comesOnline(
    target: Target,
    {outcome, beganMs, isNew}: {outcome: string; beganMs: number; isNew: boolean},
  ): Promise<OnlineReport | null> {
    const {timeout} = this.flags as {timeout?: number}
    const deadlineMs = isNew ? (timeout === undefined ? Infinity : beganMs + timeout) : beganMs
    const signal = this.cancelSignal
    const work = () => awaitOnline(target, {deadlineMs, signal})
    try {
      const found = await this.during('wait until the gateway is online', work)
      if (!found) return null
      await this.sayOnline({service: target.service.name, actual: assess(found.seen).actual, online: found.shown, servedBy: null})
      return found.shown
    } catch (error) {
      if (!signal.aborted) throw error
      throw new ServiceError(`${cancelledError().message}: ${outcome}, and it is still connecting`, {
        code: 'cancelled',
        exitStatus: ExitStatus.cancelled,
      })
    }
  }

  /** Says it in the words of `status`. */
  protected async sayOnline(seen: Pick<ServiceReport, 'service' | 'actual' | 'online' | 'servedBy'>): Promise<void> {
    const {onlineLines} = await import('../ui/status-text.js')
    for (const line of onlineLines(seen, this.textWidth)) this.print(line)
  }

  /**
   * Runs a change for one service, or with --all for every profile that has one. The worst exit status wins. `isAboutDefinition`: what runs in the
   * foreground has none, and is left out. `idleWithinMs`: each is waited for until it has nothing in hand, at most so long.
   */
  protected async runForAll(
    command: string,
    plan: (target: Target) => Plan | Promise<Plan>,
    {confirm, isAboutDefinition = false, idleWithinMs}: RunForAllOptions = {},
  ): Promise<CommandResult> {
    const runOne = (target: Target) =>
      idleWithinMs === undefined || this.isDryRun
        ? this.runChange(target, command, () => plan(target), confirm)
        : this.whileQuiet(target, idleWithinMs, (release) =>
            this.runChange(
              target,
              command,
              async () => {
                const made = await plan(target)
                release()
                return made
              },
              confirm,
            ),
          )
    if (!this.isForAll) {
      const target = await (isAboutDefinition ? this.managedTarget('change') : this.target('change'))
      return runOne(target)
    }
    const targets = await this.allTargets(
      'change',
      ({manager, service}) => manager.observer.isOnDisk(service) && !(isAboutDefinition && !manager.installer),
    )
    if (targets.length === 0) throw usageError('--all: no profile has a service on this machine', ['hermes-svc list'])
    let exitStatus: ExitStatus = ExitStatus.ok
    const results: object[] = []
    for (const target of targets) {
      try {
        const result = await runOne(target)
        if (result.json) results.push({ok: true, ...result.json})
      } catch (error) {
        const {reportInPassing} = await import('../ui/failure.js')
        const failed = reportInPassing(this.withFlags(error, {...this.targetFlags, profile: target.service.profile.name}))
        // "Failed" tells more than "cannot tell" or wrong usage, whichever came last.
        if (exitStatus !== ExitStatus.failed || failed.exitStatus === ExitStatus.cancelled) exitStatus = failed.exitStatus
        results.push({ok: false, service: target.service.name, profile: target.service.profile.name, error: failed.failure})
        if (failed.exitStatus === ExitStatus.cancelled) break
      }
    }
    return {exitStatus, json: {ok: exitStatus === ExitStatus.ok, services: results}}
  }

  /** Waits until a gateway has nothing in hand, then works while it takes nothing more; until `release` is called, or it is done. */
  private async whileQuiet<T>(target: Target, limitMs: number, work: (release: () => void) => Promise<T>): Promise<T> {
    const {untilIdle} = await import('../lifecycle/when-idle.js')
    const [signal, listener] = [this.cancelSignal, await this.stepReporter()]
    const progress = (text: string) => {
      if (signal.aborted) {
        throw new ServiceError(`${cancelledError().message}; nothing was changed`, {code: 'cancelled', exitStatus: ExitStatus.cancelled})
      }
      listener.progress(text)
    }
    const [words, beganMs] = [{why: 'ask it', phase: `Wait until ${target.service.name} is idle`}, this.host.monotonicMs()]
    listener.begin(words)
    let outcome: 'done' | 'unchanged' | 'failed' = 'failed'
    let quiet
    try {
      quiet = await untilIdle(target, {limitMs, progress})
      outcome = quiet ? 'done' : 'unchanged'
    } finally {
      listener.end(words, this.host.monotonicMs() - beganMs, outcome)
      listener.close()
    }
    const release = () => quiet?.release()
    try {
      return await work(release)
    } finally {
      release()
    }
  }

  protected get isDryRun(): boolean {
    return (this.flags as {'dry-run'?: boolean})['dry-run'] === true
  }

  private get isForAll(): boolean {
    return (this.flags as {all?: boolean}).all === true
  }
}
