import {prove} from '../observe/look.js'
import {report, type ServiceReport} from '../observe/report.js'
import {Flags} from '@oclif/core'
import {checkModules, loadChecks} from '../doctor/checks/index.js'
import type {Finding} from '../doctor/finding.js'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {typedWithSudo} from '../host/sudo-path.js'
import {servedBy} from '../observe/served.js'
import {assess, statusExit} from '../observe/assess.js'
import type {Target} from '../observe/where.js'
import {seeOnline} from '../lifecycle/see-online.js'
import {managersHere} from '../managers/index.js'
import type {Plan} from '../plan/plan.js'
import {parseCommandFlag} from '../service/gateway-command.js'
import {answersJson} from '../setup/answers.js'
import {ownerOf} from '../setup/find.js'
import type {Answer, Item, ItemId, Question} from '../setup/item.js'
import {type Interviewer, settle, type Settled} from '../setup/settle.js'
import {approvalOf, isApproved, planTasks, type Task} from '../setup/tasks.js'
import {canAsk, confirmPlan, confirmPlans} from '../ui/confirm.js'
import {cancelledError, type Failure} from '../ui/failure.js'
import {type Paint, paintFor} from '../ui/paint.js'
import {didYouMean} from '../text/suggest.js'
import {type CommandResult, dryRunFlag, timeoutFlag} from './base.js'
import {bareDefinitionFlags, definitionFlags, definitionRequest} from './definition-flags.js'
import {notifyFlags, requireTarget} from './notify-settings.js'
import {ServiceCommand} from './service-command.js'

/** What became of one repair. */
interface RepairReport {
  readonly id: string
  readonly ok: boolean
  readonly outcome: string | null
  readonly error: Failure | null
}

export default class Setup extends ServiceCommand<typeof Setup> {
  static override summary = 'Install the gateway step by step: find it, ask a few questions, show the plan, start it'
  static override description =
    `Every question has a default answer. A flag answers its question in advance. Nothing changes before you have seen the whole plan and agreed to it.
For a service that is already installed, setup shows what would change and offers to repair what doctor finds.
Ctrl-C at a question changes nothing. Ctrl-C during a later step undoes that step.
With --yes, setup asks nothing and needs no terminal.`
  static override examples = [
    '<%= config.bin %> setup',
    'sudo <%= config.bin %> setup',
    '<%= config.bin %> setup --dry-run',
    '<%= config.bin %> setup --yes --profile work --watchdog',
    '<%= config.bin %> setup --yes --fix all',
  ]
  static override bareFlags = bareDefinitionFlags
  static override flags = {
    ...definitionFlags,
    ...notifyFlags,
    ...dryRunFlag,
    ...timeoutFlag,
    yes: Flags.boolean({char: 'y', description: 'ask nothing: use the default answers where no flag is given, and apply the plan'}),
    fix: Flags.string({
      description: 'findings to repair: their ids, or all, none, or safe (default: fixes that do not stop a working gateway)',
      helpValue: '<ids>',
      multiple: true,
      delimiter: ',',
    }),
    force: Flags.boolean({description: 'replace files of hermes-svc even if they were edited by hand'}),
  }

  /** Of what is said on stderr. */
  private notePaint!: Paint
  private width!: number
  private findings: readonly Finding[] = []

  protected async execute(): Promise<CommandResult> {
    this.requireKnownFixes()
    await managersHere(this.host)
    if (!this.isAsking && !this.flags.yes && !this.flags['dry-run']) {
      throw usageError('setup needs a terminal to ask its questions, and there is none', [
        'hermes-svc setup --yes   # answers each question with its flag or its default',
        'hermes-svc setup --dry-run   # shows what setup would do',
      ])
    }
    // From here on a signal ends it in good order.
    void this.cancelSignal
    this.notePaint = await paintFor(this.host.stderrIsTty, this.host.env)
    this.width = this.host.stderrColumns ?? NO_TERMINAL_WIDTH
    const settled = await settle(this.host, {...this.flags, ...this.targetFlags}, this.interviewer)
    const request = {
      ...definitionRequest(this.host, {...this.flags, ...settled.flags}),
      timeoutMs: this.flags.timeout,
      force: this.flags.force,
    }
    const repairs = await loadChecks((settled.answers.fix?.value as string[] | undefined) ?? [])
    const tasks = await this.during('work out what to change', () => planTasks(settled.target, request, repairs))
    return this.flags['dry-run'] ? this.showOnly(settled, tasks) : this.apply(settled, tasks)
  }

  private get isAsking(): boolean {
    return !this.flags.yes && canAsk(this.host)
  }

  /** Tells on stderr, and asks there if somebody can answer. */
  private get interviewer(): Interviewer {
    return {
      answer: (item) => this.answer(item),
      onService: ({findings}) => {
        this.findings = findings
      },
    }
  }

  private async answer(item: Item): Promise<Answer> {
    if (this.cancelSignal.aborted) throw nothingChanged()
    const {findingsText, toldText, whyText} = await import('../ui/setup-text.js')
    if (item.kind === 'told') {
      const found = item.id === 'service' ? findingsText(this.findings, this.notePaint, this.width) : []
      for (const line of [...toldText({...item, text: typedWithSudo(item.text)}, this.width), ...found]) this.note(line)
      return {value: item.value, by: item.by}
    }
    if (!this.isAsking) return {value: this.defaultOf(item), by: 'default'}
    for (const line of whyText(item, this.notePaint, this.width)) this.note(line)
    const {ask} = await import('../ui/prompt.js')
    try {
      const refuse = (text: string) => this.refuse(item.id, text)
      return {value: await ask(this.host, item, {signal: this.cancelSignal, refuse}), by: 'person'}
    } catch (error) {
      throw isCancellation(error) ? nothingChanged() : error
    }
  }

  /** Without a terminal. Throws a usage error where only a person can tell. */
  private defaultOf({id, default: value}: Question): string | readonly string[] | undefined {
    if (value === undefined && (id === 'run-as' || id === 'run-as-name')) {
      throw usageError('Root must name the user of the gateway with --run-as', ['hermes-svc setup --yes --run-as USER'])
    }
    // A gateway that was not found is missed by the installation, which says where it was looked for.
    return value
  }

  /** What is wrong with words that were typed. */
  private refuse(id: ItemId, text: string): string | undefined {
    try {
      if (id === 'command') parseCommandFlag(this.host, text)
      else if (id === 'notify') requireTarget(text, 'That')
      else ownerOf(this.host, text)
      return undefined
    } catch (error) {
      if (error instanceof ServiceError) return error.message
      throw error
    }
  }

  private async showOnly(settled: Settled, tasks: readonly Task[]): Promise<CommandResult> {
    const {planJson, planText} = await import('../ui/plan-text.js')
    const plans = tasks.flatMap(({plan}) => (plan ? [plan] : []))
    for (const plan of plans) for (const line of await planText(this.host, plan)) this.print(line)
    if (plans.length < tasks.length) this.print(LATER)
    const shown = await Promise.all(plans.map((plan) => planJson(this.host, plan)))
    return {exitStatus: ExitStatus.ok, json: {...this.json(settled), dryRun: true, changed: false, plans: shown}}
  }

  /** Shows everything, asks once, and does one after the other. What was not shown is asked for when it turns up. */
  private async apply(settled: Settled, tasks: readonly Task[]): Promise<CommandResult> {
    const {target} = settled
    const plans = tasks.flatMap(({plan}) => (plan && plan.steps.length > 0 ? [plan] : []))
    await this.confirmAll(plans, plans.length > 0 && tasks.some(({plan}) => !plan))
    const approved = approvalOf(plans)
    const fixes: RepairReport[] = []
    let changed = false
    const confirm = async (plan: Plan): Promise<boolean> => {
      if (isApproved(plan, approved) || (await confirmPlan(this.host, plan, this.flags.yes))) return true
      throw changed ? cancelled('the repairs so far stay in place') : nothingChanged()
    }
    let outcome: string | null = null
    for (const {repairs, makePlan} of tasks) {
      if (repairs === undefined) {
        const result = await this.runChange(target, 'setup', makePlan, confirm)
        outcome = result.outcome
        changed ||= (result.json as {changed: boolean}).changed
      } else {
        const fixed = await this.repair(target, repairs, makePlan, confirm)
        fixes.push(fixed)
        changed ||= fixed.ok
      }
    }
    const status = await this.showStatus(target, changed)
    const isWell = fixes.every(({ok}) => ok)
    const exitStatus = isWell ? status.exitStatus : ExitStatus.failed
    return {
      exitStatus,
      json: {ok: exitStatus === ExitStatus.ok, ...this.json(settled), dryRun: false, changed, outcome, fixes, status: status.report},
    }
  }

  private async confirmAll(plans: readonly Plan[], isMoreToCome: boolean): Promise<void> {
    if (this.flags.yes || plans.length === 0) return
    this.note('')
    try {
      if (await confirmPlans(this.host, plans, {signal: this.cancelSignal, after: [...(isMoreToCome ? [LATER] : []), '']})) return
    } catch (error) {
      if (!isCancellation(error)) throw error
    }
    throw nothingChanged()
  }

  /** A repair that fails is told, and the installation goes on: it may cure the rest. */
  private async repair(
    target: Target,
    id: string,
    makePlan: () => Promise<Plan>,
    confirm: (plan: Plan) => Promise<boolean>,
  ): Promise<RepairReport> {
    try {
      const {outcome} = await this.runChange(target, `fix ${id}`, makePlan, confirm)
      return {id, ok: true, outcome, error: null}
    } catch (error) {
      if (isCancellation(error)) throw error
      const {reportInPassing} = await import('../ui/failure.js')
      return {id, ok: false, outcome: null, error: reportInPassing(error).failure}
    }
  }

  /** The status that it ends with says it. */
  protected override sayOnline(): Promise<void> {
    return Promise.resolve()
  }

  /** The proof, as `status` has it. A service that is meant to be stopped is well when it is. */
  private async showStatus(target: Target, isNew: boolean): Promise<{exitStatus: ExitStatus; report: ServiceReport}> {
    const seen = await prove(target)
    const {online, shown} = seeOnline(target, seen)
    const result = report(seen, target.manager, target.host.monotonicMs(), servedBy(target), shown)
    const {statusText} = await import('../ui/status-text.js')
    if (isNew) this.print()
    for (const line of statusText(result, await this.paint, this.textWidth)) this.print(line)
    const isAsWanted = result.desired === 'stopped' && result.actual === 'stopped'
    return {exitStatus: isAsWanted ? ExitStatus.ok : statusExit(assess(seen), online), report: result}
  }

  private json({target, service, answers}: Settled): object {
    const {manager, service: meant} = target
    return {
      service: meant.name,
      profile: meant.profile.name,
      manager: manager.kind,
      scope: manager.scope,
      account: meant.account.name,
      home: meant.profile.home,
      answers: answersJson(answers),
      findings: service.findings,
    }
  }

  private requireKnownFixes(): void {
    const known = [...Object.keys(checkModules), ...FIX_WORDS]
    const {fix = []} = this.flags
    const unknown = fix.find((id) => !known.includes(id))
    if (unknown !== undefined) {
      throw usageError(`--fix: unknown finding ${JSON.stringify(unknown)}${didYouMean(unknown, known)}`, [
        `--fix takes: ${known.join(', ')}`,
      ])
    }
    const word = FIX_WORDS.find((one) => fix.includes(one))
    if (word !== undefined && fix.length > 1) throw usageError(`--fix: ${word} cannot be combined with other values`)
  }
}

/** Columns where there is no terminal that says how many it has. */
const NO_TERMINAL_WIDTH = 120
/** What `--fix` takes beside ids, alone. */
const FIX_WORDS = ['all', 'safe', 'none']
const LATER = 'hermes-svc shows the plan for the installation after these repairs.'

function isCancellation(error: unknown): boolean {
  const isOurs = error instanceof ServiceError && error.exitStatus === ExitStatus.cancelled
  return isOurs || (error instanceof Error && ['ExitPromptError', 'AbortPromptError'].includes(error.name))
}

function nothingChanged(): ServiceError {
  return cancelled('nothing was changed')
}

function cancelled(meaning: string): ServiceError {
  return new ServiceError(`${cancelledError().message}; ${meaning}`, {code: 'cancelled', exitStatus: ExitStatus.cancelled})
}
