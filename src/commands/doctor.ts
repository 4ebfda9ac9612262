import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {Flags} from '@oclif/core'
import {checkModules, loadChecks} from '../doctor/checks/index.js'
import type {Check} from '../doctor/check.js'
import {type Diagnosis, examine} from '../doctor/examine.js'
import {planCure} from '../doctor/fix.js'
import {confirmed} from '../doctor/look-again.js'
import {observeScenes} from '../doctor/scene.js'
import {diagnosisReport, exitStatusOf} from '../doctor/summary.js'
import {usageError} from '../errors.js'
import {HostError} from '../host/host.js'
import {DELIVERY_DEADLINE_MS} from '../notify/event.js'
import type {Target} from '../observe/where.js'
import {doctorText} from '../ui/doctor-text.js'
import type {Failure} from '../ui/failure.js'
import {prepareWidths} from '../text/layout.js'
import {didYouMean} from '../text/suggest.js'
import {allFlag, annotationsFlag, type CommandResult, timeoutFlag, wedgeWindowFlag} from './base.js'
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
  static override summary = 'Look for every known failure, and say what cures it'
  static override description =
    `Reads only, unless --fix or --notify is given. Ends with 0 if nothing is wrong, 1 if something is, 4 if all that is left is what cannot be told.
With --fix it applies the fixes that end nothing that works and decide nothing that is yours to decide, then looks again.`
  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --all --json',
    '<%= config.bin %> doctor --only start-limit,crash-loop',
    '<%= config.bin %> doctor --fix',
    '<%= config.bin %> doctor --all --notify > /dev/null',
    '<%= config.bin %> doctor --json --annotations github > doctor.json',
  ]
  static override flags = {
    ...allFlag,
    ...timeoutFlag,
    ...wedgeWindowFlag,
    ...annotationsFlag,
    only: Flags.string({description: 'only these checks; several with commas', helpValue: '<ids>', multiple: true, delimiter: ','}),
    skip: Flags.string({description: 'all checks but these', helpValue: '<ids>', multiple: true, delimiter: ',', exclusive: ['only']}),
    fix: Flags.boolean({description: 'apply the fixes that are safe to apply unasked'}),
    notify: Flags.boolean({
      description:
        'for a job of cron: tell the targets of notify where the heartbeat, which tells all else, does not run; once, and when it is back',
    }),
    report: Flags.string({description: 'write all that was seen, without secrets, to a new file for a bug report', helpValue: '<file>'}),
  }

  protected async execute(): Promise<CommandResult> {
    const ids = this.checkIds()
    if (this.flags.notify && !ids.includes('notify')) throw usageError('--notify: it goes by the check notify, which is left out')
    const checks = await loadChecks(ids)
    const purpose = this.flags.fix ? 'change' : 'read'
    const targets = this.flags.all ? await this.allTargets(purpose) : [await this.target(purpose)]
    const fixes = this.flags.fix ? await this.applyFixes(targets, checks) : []
    const diagnoses = await this.during('look for what is wrong', () => this.diagnose(targets, checks))
    const reports = diagnoses.map(diagnosisReport)
    await prepareWidths(reports)
    for (const line of doctorText(reports, await this.paint, this.textWidth)) this.print(line)
    if (this.flags.report !== undefined) {
      const {writeReport} = await import('../doctor/bug-report.js')
      writeReport(this.host, this.flags.report, diagnoses)
      this.note(`Written: ${this.flags.report}. Read it before you pass it on.`)
    }
    if (this.flags.notify) await this.tellLost(diagnoses)
    await this.annotate(({findingAnnotations}) => findingAnnotations(reports))
    const exitStatus = exitStatusOf(reports.flatMap(({findings}) => findings))
    return {exitStatus, json: {ok: exitStatus === 0, services: reports, fixes}}
  }

  private async diagnose(targets: readonly Target[], checks: readonly Check[]): Promise<Diagnosis[]> {
    const wedgeWindowMs = this.flags['wedge-window'] ?? DEFAULT_WEDGE_WINDOW_MS
    const options = {wedgeWindowMs, isNamed: !this.flags.all, anyScope: this.flags.scope === undefined}
    const scenes = await observeScenes(targets, options)
    return confirmed(await Promise.all(scenes.map((scene) => examine(scene, checks))), checks, options)
  }

  private async tellLost(diagnoses: readonly Diagnosis[]): Promise<void> {
    const {tellLost} = await import('../doctor/tell-lost.js')
    const signal = AbortSignal.timeout(DELIVERY_DEADLINE_MS)
    for (const {scene, findings} of diagnoses) {
      try {
        for (const line of await tellLost(scene.target, findings, signal)) this.note(line)
      } catch (error) {
        if (!(error instanceof HostError)) throw error
        this.note(`${scene.target.service.name}: nobody was told: ${error.message}`)
      }
    }
  }

  /** Applies what is safe, one after the other, each on what the one before has left; what no fix has touched is not looked at again. */
  private async applyFixes(targets: readonly Target[], checks: readonly Check[]): Promise<FixReport[]> {
    const reports: FixReport[] = []
    for (const target of targets) {
      let [diagnosis] = await this.diagnose([target], checks)
      for (const check of checks.filter(({hasFix}) => hasFix)) {
        if (!diagnosis?.findings.some(({id, isSafe}) => id === check.id && isSafe)) continue
        reports.push(await this.applyFix(diagnosis.scene.target, check))
        ;[diagnosis] = await this.diagnose([target], checks)
      }
    }
    return reports
  }

  private async applyFix(target: Target, check: Check): Promise<FixReport> {
    const {service} = target
    const report = {service: service.name, profile: service.profile.name, id: check.id}
    const wedgeWindowMs = this.flags['wedge-window'] ?? DEFAULT_WEDGE_WINDOW_MS
    try {
      const makePlan = async () => (await planCure(target, check, {timeoutMs: this.flags.timeout, wedgeWindowMs})).plan
      const {outcome} = await this.runChange(target, `fix ${check.id}`, makePlan)
      return {...report, ok: true, outcome, error: null}
    } catch (error) {
      const {reportInPassing} = await import('../ui/failure.js')
      const {failure, exitStatus} = reportInPassing(error)
      if (exitStatus === 130) throw error
      return {...report, ok: false, outcome: null, error: failure}
    }
  }

  private checkIds(): string[] {
    const known = Object.keys(checkModules)
    const {only, skip = []} = this.flags
    for (const id of [...(only ?? []), ...skip]) {
      if (known.includes(id)) continue
      throw usageError(`--${only ? 'only' : 'skip'}: there is no check ${JSON.stringify(id)}${didYouMean(id, known)}`, [
        `checks: ${known.join(', ')}`,
      ])
    }
    // In the order of the checks, whatever order they were asked for in.
    return known.filter((id) => (only ? only.includes(id) : !skip.includes(id)))
  }
}
