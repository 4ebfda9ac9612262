import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {checkModules, loadChecks} from '../doctor/checks/index.js'
import {diagnose} from '../doctor/diagnose.js'
import {diagnosisReport, exitStatusOf} from '../doctor/summary.js'
import {usageError} from '../errors.js'
import {ownCommand} from '../lifecycle/own-command.js'
import {curesText} from '../ui/doctor-text.js'
import {prepareWidths} from '../text/layout.js'
import {didYouMean} from '../text/suggest.js'
import {argument} from './argument.js'
import {allFlag, type CommandResult, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class FixList extends ServiceCommand<typeof FixList> {
  static override summary = 'List the findings that a command can fix, each with that command'
  static override description =
    `Changes nothing. "fix <finding>" fixes one of them; "doctor --list-checks" lists all checks. The exit status is that of "doctor".`
  static override examples = ['<%= config.bin %> fix', '<%= config.bin %> fix --all']
  static override strict = false
  static override args = {finding: argument({description: 'the name of a finding: see the help of "fix <finding>"'})}
  static override flags = {...allFlag, ...wedgeWindowFlag}

  protected async execute(): Promise<CommandResult> {
    const [word] = this.words
    if (word !== undefined) {
      throw usageError(`there is no finding ${JSON.stringify(word)}${didYouMean(word, Object.keys(checkModules))}`, [
        'hermes-svc doctor --list-checks',
      ])
    }
    const targets = this.flags.all ? await this.allTargets('read') : [await this.target('read')]
    const wedgeWindowMs = this.flags['wedge-window'] ?? DEFAULT_WEDGE_WINDOW_MS
    const options = {wedgeWindowMs, isNamed: !this.flags.all, anyScope: this.flags.scope === undefined}
    const diagnoses = await this.during('run the checks', async () => diagnose(targets, await loadChecks(), options))
    const reports = diagnoses.map(diagnosisReport)
    await prepareWidths(reports)
    const [target] = targets
    const doctorCommand = this.flags.all || !target ? 'hermes-svc doctor --all' : ownCommand(target, 'doctor')
    for (const line of curesText(reports, doctorCommand, this.textWidth)) this.print(line)
    const exitStatus = exitStatusOf(reports.flatMap(({findings}) => findings))
    return {exitStatus, json: {ok: exitStatus === 0, services: reports, fixes: []}}
  }
}
