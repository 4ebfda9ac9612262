import path from 'node:path'
import {Flags} from '@oclif/core'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {GatewayVariable, STANDARD_ROOT} from '../gateway/contract.js'
import {stopBudgetMs} from '../lifecycle/budget.js'
import {type Act, actsFor, type DeclaredFacts, type Drift, planMachine, type Planned} from '../lifecycle/declared.js'
import {type InstallRequest, planInstall} from '../lifecycle/install.js'
import {planStop} from '../lifecycle/stop.js'
import {planUninstall} from '../lifecycle/uninstall.js'
import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {inventory, isSameService} from '../observe/inventory.js'
import type {TargetFlags} from '../observe/place.js'
import {resolveManaged, type Target} from '../observe/where.js'
import type {Plan} from '../plan/plan.js'
import {type Failure, reportInPassing} from '../ui/failure.js'
import {argument} from './argument.js'
import {type CommandResult, commonFlagsWithout, dryRunFlag, timeoutFlag, yesFlag} from './base.js'
import {parseMachine} from './machine-document.js'
import {declaredFacts} from './machine-facts.js'
import type {DeclaredService} from './machine-keys.js'
import {machineSchema} from './machine-schema.js'
import {declaredRequest} from './machine-values.js'
import {ServiceCommand} from './service-command.js'

/** The longest document, in bytes. */
const MOST_BYTES = 1_048_576
/** How standard input is named. */
const STDIN = '-'

/** A service of the document, or one beside it. */
interface Subject {
  /** Undefined for one that is not declared. */
  readonly declared: DeclaredService | undefined
  /** What is declared, once references have been read. */
  readonly request: InstallRequest | undefined
  readonly target: Target | undefined
  /** Why it could not be looked at. */
  readonly error: Error | undefined
}

/** What one change of it prints with --json, by change.schema.json, as far as it is told here. */
interface ChangeJson {
  readonly changed: boolean
  readonly outcome?: string
  readonly plan?: object
  readonly online?: object | null
  readonly warnings?: readonly string[]
}

/** What came of one service. */
interface Outcome {
  readonly isOk: boolean
  readonly changed: boolean
  readonly isCancelled: boolean
  readonly json: object
}

export default class Apply extends ServiceCommand<typeof Apply> {
  static override summary = 'Make the services of this machine match a document'
  static override description = `The document is YAML or JSON. Its schema is dist/schemas/machine.schema.json in the package.
A setting that the document leaves out gets its default value. A variable that it leaves out is removed.
The command changes one service after the other, in the same way as install, stop and uninstall. If the change of a service fails, that service stays as it was, and the command goes on with the next one.
The command shows files that were edited by hand, and keeps them unless you add --force. A second run changes nothing.
Ends with 1 if a service does not match the document at the end.`
  static override examples = [
    '<%= config.bin %> apply /etc/hermes-svc.yaml --dry-run',
    'sudo <%= config.bin %> apply /etc/hermes-svc.yaml --prune',
  ]
  static override args = {
    file: argument({required: true, description: `path of the document, or ${STDIN} for standard input`}),
  }
  static override baseFlags = commonFlagsWithout('profile', 'home', 'scope', 'run-as')
  static override flags = {
    ...dryRunFlag,
    ...yesFlag,
    ...timeoutFlag,
    prune: Flags.boolean({description: 'uninstall the services of hermes-svc that are not in the document'}),
    force: Flags.boolean({description: 'replace files of hermes-svc even if they were edited by hand'}),
  }

  /** For `npm run docs`, which writes it to src/schemas. */
  static documentSchema(): object {
    return machineSchema()
  }

  protected async execute(): Promise<CommandResult> {
    this.requireNoService()
    const services = await parseMachine(this.documentText(), this.args.file === STDIN ? 'stdin' : this.args.file)
    const subjects = await this.during('read the document', () => this.subjects(services))
    requireDifferent(subjects)
    const others = await this.during('find the installed services', () => this.undeclared(subjects))
    const planned = await this.during('compare the services with the document', () => this.plan(subjects, others))
    this.showPlan(planned)

    const results = new Map<Subject, Outcome>()
    let isCancelled = false
    let exitStatus: ExitStatus = ExitStatus.ok
    for (const row of inOrder(planned)) {
      const outcome = await this.work(row)
      results.set(row.key, outcome)
      isCancelled = outcome.isCancelled
      if (!outcome.isOk) exitStatus = outcome.isCancelled ? ExitStatus.cancelled : ExitStatus.failed
      if (isCancelled) break
    }
    const done = planned.flatMap(({key}) => results.get(key) ?? [])
    const changed = done.some((outcome) => outcome.changed)
    this.sum(planned, done)
    return {
      exitStatus,
      json: {ok: exitStatus === ExitStatus.ok, dryRun: this.isDryRun, changed, services: done.map(({json}) => json)},
    }
  }

  /** The flags that name one service say nothing here. */
  private requireNoService(): void {
    const named = (['profile', 'home', 'scope', 'run-as'] as const).find((name) => this.flags[name] !== undefined)
    if (named) throw usageError(`--${named} cannot be used with apply: the document names the services and their accounts`)
  }

  private documentText(): string {
    const {file} = this.args
    if (file !== STDIN) {
      const text = this.host.readText(file, MOST_BYTES)
      if (text === undefined) throw usageError(`${file} does not exist`)
      return text
    }
    if (this.host.stdinIsTty) throw usageError('standard input (-) is a terminal: nothing is piped in', ['hermes-svc apply FILE'])
    return this.host.readStdin(MOST_BYTES)
  }

  private async subjects(services: readonly DeclaredService[]): Promise<Subject[]> {
    const {force, timeout: timeoutMs} = this.flags
    const subjects: Subject[] = []
    for (const declared of services) {
      try {
        const target = await this.resolved(declared)
        const {scope} = declared.identity
        if (scope !== undefined && scope !== target.manager.scope && !target.manager.container) {
          throw usageError(`scope ${scope} cannot be used: ${target.manager.title} has no scopes`)
        }
        try {
          const request = {...declaredRequest(this.host, declared), timeoutMs, force, desired: declared.state}
          subjects.push({declared, request, target, error: undefined})
        } catch (error) {
          subjects.push({declared, request: undefined, target, error: errorOf(error)})
        }
      } catch (error) {
        subjects.push({declared, request: undefined, target: undefined, error: placed(declared, errorOf(error))})
      }
    }
    return subjects
  }

  private flagsOf({identity: {profile, home, scope, account}}: DeclaredService): TargetFlags {
    return {profile, home, scope, runAs: account, manager: this.flags.manager}
  }

  /** HERMES_HOME is about the gateway of whoever types this; in a container it is the home of all. */
  private async resolved(declared: DeclaredService): Promise<Target> {
    const flags = this.flagsOf(declared)
    const target = await resolveManaged(this.host, flags, 'change')
    const isOther = flags.home === undefined && this.host.env[GatewayVariable.home] && !target.manager.container
    const meant = isOther
      ? await resolveManaged(this.host, {...flags, home: path.join(target.service.account.home, STANDARD_ROOT)}, 'change')
      : target
    // What is to be typed next names the account as the document does.
    return {...meant, given: {manager: flags.manager, runAs: flags.runAs}}
  }

  /** What is installed of ours beside what is declared. */
  private async undeclared(subjects: readonly Subject[]): Promise<Subject[]> {
    const accounts = subjects.flatMap(({target}) => (target ? [target.service.account] : []))
    const {targets, untold} = await inventory(this.host, this.flags.manager, accounts)
    for (const {what, why} of untold) this.note(`hermes-svc: cannot look at ${what}: ${why}`)
    return targets
      .filter((target) => !subjects.some((subject) => subject.target && isSameService(subject.target, target)))
      .map((target) => ({declared: undefined, request: undefined, target, error: undefined}))
  }

  private async plan(subjects: readonly Subject[], others: readonly Subject[]): Promise<Planned<Subject>[]> {
    const declared = []
    for (const subject of subjects) {
      const {target, request} = subject
      const state = subject.declared?.state ?? 'running'
      try {
        const facts = target && request ? await declaredFacts(target, request) : undefined
        declared.push({key: subject, state, facts})
      } catch (error) {
        declared.push({key: {...subject, error: errorOf(error)}, state, facts: isInTheWay(error) ? ('in-the-way' as const) : undefined})
      }
    }
    return planMachine(declared, others, {prune: this.flags.prune})
  }

  private showPlan(planned: readonly Planned<Subject>[]): void {
    for (const {key, isDeclared, acts, differing, drift} of planned) {
      if (!key.target || (key.error !== undefined && acts.length === 0)) continue
      const what = acts.length > 0 ? acts.join(', ') : isDeclared ? 'matches the document' : 'not in the document, stays as it is'
      const names = differing.map(({name, from, to}) => (from === null || to === null ? name : `${name} ${from} → ${to}`))
      this.print(`${titleOf(key.target)}: ${what}${names.length > 0 ? ` (${names.join(', ')})` : ''}`)
      for (const one of drift) this.print(`  ${driftText(one)}`)
    }
    const left = planned.filter(({isDeclared, acts}) => !isDeclared && acts.length === 0)
    if (left.length === 0) return
    if (!this.flags.prune) this.note('To uninstall the services that are not in the document, add --prune')
    else this.note('hermes-svc: nothing is uninstalled, because hermes-svc cannot look at every service in the document')
  }

  /** Does what there is to do to one service, and sees it done. */
  private async work({key, isDeclared, acts, differing, drift}: Planned<Subject>): Promise<Outcome> {
    const {target, declared} = key
    const head = {
      ...{service: target?.service.name ?? null, profile: target?.service.profile.name ?? null, home: target?.service.profile.home ?? null},
      ...{scope: target?.manager.scope ?? null, account: target?.service.account.name ?? null},
      ...{declared: isDeclared, acts, differing, drift: drift.map(driftJson)},
    }
    const results: ChangeJson[] = []
    const end = (failure?: Failure, isCancelled = false): Outcome => {
      const changed = results.some((result) => result.changed)
      const outcome = results.flatMap((result) => result.outcome ?? []).join('; ')
      const last = results.at(-1)
      const json = {
        ...{ok: failure === undefined, ...head, changed, outcome: outcome === '' ? null : outcome, online: last?.online ?? null},
        warnings: results.flatMap(({warnings = []}) => warnings),
        ...{plans: results.flatMap(({plan}) => plan ?? []), error: failure ?? null},
      }
      return {isOk: failure === undefined, changed, isCancelled, json}
    }
    try {
      // What was in its way is pruned before it; until then there is no plan of it.
      if (key.error !== undefined && (acts.length === 0 || this.isDryRun)) {
        if (acts.length > 0) return end()
        throw key.error
      }
      for (const {command, makePlan} of this.changes(key, acts)) {
        const fresh = await this.fresh(key)
        const {json} = await this.runChange(fresh, command, () => makePlan(fresh))
        results.push(json as ChangeJson)
      }
      if (!this.isDryRun && acts.length > 0) await this.verify(key)
      return end()
    } catch (error) {
      const flags = target ? flagsNaming(target) : declared ? this.flagsOf(declared) : {}
      const {failure, exitStatus} = reportInPassing(this.withFlags(error, flags))
      return end(failure, exitStatus === ExitStatus.cancelled)
    }
  }

  /** A manager remembers what it was asked for one plan: for another one, and for what came of it, it is asked anew. */
  private fresh({declared, target}: Subject): Promise<Target> {
    if (declared) return this.resolved(declared)
    if (!target) throw new Error('what is neither declared nor installed')
    const {manager, service} = target
    const scope = manager.container ? {} : {scope: manager.scope}
    const flags = {home: service.profile.home, runAs: service.account.name, manager: this.flags.manager, ...scope}
    return resolveManaged(this.host, flags, 'change')
  }

  /** The changes of one service, in their order, with the words under which the journal has them. */
  private changes({target, request}: Subject, acts: readonly Act[]): {command: string; makePlan: (target: Target) => Promise<Plan>}[] {
    if (!target) return []
    const stopMs = async (of: Target) => this.flags.timeout ?? (await stopBudgetMs(of))
    if (acts.includes('uninstall')) {
      return [{command: 'uninstall', makePlan: async (of) => planUninstall(of, {timeoutMs: await stopMs(of)})}]
    }
    if (!request) return []
    const options = {untilBoot: false, force: false, wedgeWindowMs: DEFAULT_WEDGE_WINDOW_MS}
    const stop = {command: 'stop', makePlan: async (of: Target) => planStop(of, {...options, timeoutMs: await stopMs(of)})}
    const install = {command: 'install', makePlan: (of: Target) => planInstall(of, request)}
    const isMore = acts.some((act) => act !== 'stop')
    return [...(acts.includes('stop') ? [stop] : []), ...(isMore ? [install] : [])]
  }

  private async verify(subject: Subject): Promise<void> {
    const {request, declared} = subject
    const target = await this.fresh(subject)
    if (!request || !declared) {
      if (!target.manager.observer.isOnDisk(target.service)) return
      // The unit of another tool stays.
      const [seen] = target.manager.observer.observe([target.service])
      if (seen?.installed === 'foreign') return
      throw notAsDeclared(target, ['uninstall'])
    }
    const facts: DeclaredFacts = await declaredFacts(target, request)
    const left = actsFor(declared.state, facts)
    if (left.length > 0) throw notAsDeclared(target, left)
  }

  private sum(planned: readonly Planned<Subject>[], done: readonly Outcome[]): void {
    const failed = done.filter(({isOk}) => !isOk).length
    const changed = done.filter((outcome) => outcome.changed).length
    const differing = planned.filter(({acts}) => acts.length > 0).length
    const all = planned.filter(({isDeclared, acts}) => isDeclared || acts.length > 0).length
    const said = this.isDryRun ? `${differing} of ${all} would change` : `${changed} of ${all} changed`
    const isNothing = failed === 0 && (this.isDryRun ? differing === 0 : changed === 0)
    this.print(
      isNothing
        ? `Services: ${all}, all match the document; nothing was changed`
        : `Services: ${said}${failed > 0 ? `, ${failed} failed` : ''}`,
    )
  }
}

/** What is in the way of a declared service, such as the same home's service in the other scope, comes first. */
function inOrder(planned: readonly Planned<Subject>[]): Planned<Subject>[] {
  const homes = new Set(planned.flatMap(({key, isDeclared}) => (isDeclared && key.target ? [key.target.service.profile.home] : [])))
  const isFirst = ({key, isDeclared, acts}: Planned<Subject>) =>
    !isDeclared && acts.length > 0 && homes.has(key.target?.service.profile.home ?? '')
  return [...planned.filter(isFirst), ...planned.filter((row) => !isFirst(row))]
}

/** Two services on one home would fight over it. Throws a usage error. */
function requireDifferent(subjects: readonly Subject[]): void {
  for (const [index, {target, declared}] of subjects.entries()) {
    const same = subjects.slice(0, index).find((one) => target && one.target?.service.profile.home === target.service.profile.home)
    if (same && target) throw usageError(`${declared?.where} has the same home as ${same.declared?.where}: ${target.service.profile.home}`)
  }
}

/** Wrong words are said with where they stand. */
function placed({where}: DeclaredService, error: Error): Error {
  if (!(error instanceof ServiceError)) return error
  const {code, exitStatus, evidence, next} = error
  return new ServiceError(`${where}: ${error.message}`, {code, exitStatus, evidence, next})
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

function isInTheWay(error: unknown): boolean {
  return error instanceof ServiceError && error.code === 'duplicate-service'
}

function flagsNaming({manager, service, homeFlag}: Target): TargetFlags {
  const {name, home} = service.profile
  return {
    ...(homeFlag === '--home' ? {home} : name === 'default' ? {} : {profile: name}),
    ...(manager.container ? {} : {scope: manager.scope, runAs: service.account.name}),
  }
}

function titleOf({manager, service}: Target): string {
  return `${service.name} (${manager.title}, ${service.account.name})`
}

function driftText(drift: Drift): string {
  if (drift.kind === 'overridden') {
    return `${drift.directive} is ${drift.merged || '(empty)'} instead of ${drift.wanted}: ${drift.setBy ?? 'another file'} sets it, and hermes-svc does not change that`
  }
  return drift.isKept
    ? `keeps ${drift.path}, which was edited by hand (--force replaces it)`
    : `replaces ${drift.path}, which was edited by hand`
}

function driftJson(drift: Drift): object {
  if (drift.kind === 'edited') return {kind: 'edited', path: drift.path, kept: drift.isKept}
  const {kind, directive, merged, wanted, setBy} = drift
  return {kind, directive, merged, wanted, setBy: setBy ?? null}
}

function notAsDeclared(target: Target, left: readonly Act[]): ServiceError {
  return new ServiceError(`${target.service.name} still does not match the document: it needs ${left.join(', ')} again`, {
    ...{code: 'not-as-declared', exitStatus: ExitStatus.failed, next: ['hermes-svc doctor', 'hermes-svc diff']},
  })
}
