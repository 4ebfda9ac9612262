import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {Flags} from '@oclif/core'
import {checkModules, loadChecks} from '../doctor/checks/index.js'
import type {Check} from '../doctor/check.js'
import {diagnose} from '../doctor/diagnose.js'
import type {Diagnosis} from '../doctor/examine.js'
import {planCure} from '../doctor/fix.js'
import {pageOf} from '../doctor/page.js'
import {diagnosisReport, exitStatusOf} from '../doctor/summary.js'
import {isSafeToFix} from '../doctor/finding.js'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {HostError} from '../host/host.js'
import {DELIVERY_DEADLINE_MS} from '../notify/event.js'
import {ownCommand} from '../lifecycle/own-command.js'
import type {Target} from '../observe/where.js'
import {checksText, doctorText} from '../ui/doctor-text.js'
import type {Failure} from '../ui/failure.js'
import {prepareWidths} from '../text/layout.js'
import {didYouMean} from '../text/suggest.js'
import {argument} from './argument.js'
import {allFlag, annotationsFlag, type CommandResult, timeoutFlag, wedgeWindowFlag, withProfile} from './base.js'
import {ServiceCommand} from './service-command.js'

/** What became of one fix that `doctor --fix` applied. */
interface FixReport {
  readonly service: string
  readonly profile: string
  readonly id: string
  readonly ok: boolean
  readonly outcome: string | null
  readonly error: Failure | null
}

export default class Doctor extends ServiceCommand<typeof Doctor> {
  static override summary = 'Look for every known failure and say how to fix it'
  static override description =
    `Changes nothing without --fix or --notify. Ends with 0 if there are no findings or only notes, with 1 if there are findings, and with 4 if hermes-svc cannot tell.
With --fix it applies the safe fixes, which do not stop a working gateway and do not decide anything for you, and then looks again.
If you name checks, only those run. A word that is not a check is the name of a profile.`
  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --all --json',
    '<%= config.bin %> doctor start-limit crash-loop -p work',
    '<%= config.bin %> doctor --list-checks',
    '<%= config.bin %> doctor --fix',
    '<%= config.bin %> doctor --all --notify > /dev/null',
    '<%= config.bin %> doctor --json --annotations github > doctor.json',
  ]
  static override strict = false
  static override args = {check: argument({description: `one or more checks to run; or the profile, as with --profile`})}
  static override flags = {
    'list-checks': Flags.boolean({
      description: 'list all checks and what each one finds, but run none',
      exclusive: ['fix', 'notify', 'report'],
    }),
    ...allFlag,
    ...timeoutFlag,
    ...wedgeWindowFlag,
    ...annotationsFlag,
    only: Flags.string({
      description: 'run only these checks, separated by commas (the same as naming them)',
      helpValue: '<ids>',
      multiple: true,
      delimiter: ',',
    }),
    skip: Flags.string({
      description: 'run all checks except these, separated by commas',
      helpValue: '<ids>',
      multiple: true,
      delimiter: ',',
      exclusive: ['only'],
    }),
    fix: Flags.boolean({description: 'apply all fixes that are safe, without asking'}),
    notify: Flags.boolean({
      description:
        'for cron: notify the targets once when the heartbeat stops, and once when it runs again. The heartbeat itself sends all other notifications',
    }),
    report: Flags.string({
      description: 'write what doctor saw, without names and secrets, to a new file for a bug report',
      helpValue: '<file>',
    }),
  }

  protected async execute(): Promise<CommandResult> {
    if (this.flags['list-checks']) return this.listChecks()
    const ids = this.checkIds()
    if (this.flags.notify && !ids.includes('notify')) throw usageError('--notify needs the check notify, which you have left out')
    const checks = await loadChecks(ids)
    const purpose = this.flags.fix ? 'change' : 'read'
    const targets = this.flags.all ? await this.allTargets(purpose) : [await this.target(purpose)]
    this.refuseMistyped(targets)
    const fixes = this.flags.fix ? await this.applyFixes(targets, checks) : []
    const diagnoses = await this.during('run the checks', () => this.diagnose(targets, checks))
    const reports = diagnoses.map(diagnosisReport)
    await prepareWidths(reports)
    const text = {
      ...{paint: await this.paint, width: this.textWidth, pageOf: (id: string) => pageOf(this.host, id)},
      fixCommand: this.flags.all ? 'hermes-svc doctor --all --fix' : targets.map((target) => ownCommand(target, 'doctor --fix')).join(''),
    }
    for (const line of doctorText(reports, text)) this.print(line)
    if (this.flags.report !== undefined) {
      const {writeReport} = await import('../doctor/bug-report.js')
      writeReport(this.host, this.flags.report, diagnoses)
      this.note(`Written: ${this.flags.report}. Read it before you send it to anybody.`)
    }
    if (this.flags.notify) await this.tellLost(diagnoses)
    await this.annotate(({findingAnnotations}) => findingAnnotations(reports))
    const exitStatus = exitStatusOf(reports.flatMap(({findings}) => findings))
    return {exitStatus, json: {ok: exitStatus === 0, services: reports, fixes}}
  }

  private get wedgeWindowMs(): number {
    return this.flags['wedge-window'] ?? DEFAULT_WEDGE_WINDOW_MS
  }

  private diagnose(targets: readonly Target[], checks: readonly Check[]): Promise<Diagnosis[]> {
    return diagnose(targets, checks, {
      wedgeWindowMs: this.wedgeWindowMs,
      isNamed: !this.flags.all,
      anyScope: this.flags.scope === undefined,
    })
  }

  private async tellLost(diagnoses: readonly Diagnosis[]): Promise<void> {
    const {tellLost} = await import('../doctor/tell-lost.js')
    const signal = AbortSignal.timeout(DELIVERY_DEADLINE_MS)
    for (const {scene} of diagnoses) {
      try {
        for (const line of await tellLost(scene, signal)) this.note(line)
      } catch (error) {
        if (!(error instanceof HostError || error instanceof ServiceError)) throw error
        this.note(`${scene.target.service.name}: no notification was sent: ${error.message}`)
      }
    }
  }

  /** Applies what is safe, one after the other, each on what the one before has left; what no fix has touched is not looked at again. */
  private async applyFixes(targets: readonly Target[], checks: readonly Check[]): Promise<FixReport[]> {
    const reports: FixReport[] = []
    for (const target of targets) {
      let [diagnosis] = await this.diagnose([target], checks)
      for (const check of checks.filter(({hasFix}) => hasFix)) {
        if (!diagnosis || !isSafeToFix(diagnosis.findings, check.id)) continue
        reports.push(await this.applyFix(diagnosis.scene.target, check))
        ;[diagnosis] = await this.diagnose([target], checks)
      }
    }
    return reports
  }

  private async applyFix(target: Target, check: Check): Promise<FixReport> {
    const {service} = target
    const report = {service: service.name, profile: service.profile.name, id: check.id}
    try {
      const makePlan = async () => (await planCure(target, check, {timeoutMs: this.flags.timeout, wedgeWindowMs: this.wedgeWindowMs})).plan
      const {outcome} = await this.runChange(target, `fix ${check.id}`, makePlan)
      return {...report, ok: true, outcome, error: null}
    } catch (error) {
      const {reportInPassing} = await import('../ui/failure.js')
      const {failure, exitStatus} = reportInPassing(error)
      if (exitStatus === 130) throw error
      return {...report, ok: false, outcome: null, error: failure}
    }
  }

  private async listChecks(): Promise<CommandResult> {
    const checks = await loadChecks()
    const json = checks.map(({id, title, hasFix}) => ({id, title, hasFix}))
    for (const line of checksText(json, this.textWidth)) this.print(line)
    return {exitStatus: ExitStatus.ok, json: {ok: true, checks: json}}
  }

  /** Which checks look, in the order of the checks, whatever order they were asked for in. A word that names none is the profile. */
  private checkIds(): string[] {
    const known = Object.keys(checkModules)
    const {only = [], skip = []} = this.flags
    for (const id of [...only, ...skip]) {
      if (known.includes(id)) continue
      throw noSuchCheck(`--${only.length > 0 ? 'only' : 'skip'}: there is no check ${JSON.stringify(id)}`, id, known)
    }
    const others = this.words.filter((word) => !known.includes(word))
    const wanted = [...only, ...this.words.filter((word) => known.includes(word))]
    const [profile, another] = others
    if (another !== undefined) throw noSuchCheck(`${profile} and ${another}: at least one of them is not a check`, another, known)
    this.flags = withProfile(this.flags, profile)
    if (wanted.length > 0 && skip.length > 0) throw usageError('--skip cannot be used together with names of checks')
    return known.filter((id) => (wanted.length > 0 ? wanted.includes(id) : !skip.includes(id)))
  }

  /** A word that is no check, and no profile either, but nearly a check. */
  private refuseMistyped([target]: readonly Target[]): void {
    const known = Object.keys(checkModules)
    const word = this.words.find((one) => !known.includes(one))
    if (word === undefined || !target || didYouMean(word, known) === '') return
    const {userHost, service} = target
    if (userHost.stat(service.profile.home) !== undefined) return
    this.flags = {...this.flags, profile: undefined}
    throw noSuchCheck(`there is no check and no profile ${word}`, word, known)
  }
}

function noSuchCheck(reason: string, id: string, known: readonly string[]): ServiceError {
  return usageError(reason + didYouMean(id, known), ['hermes-svc doctor --list-checks'])
}
