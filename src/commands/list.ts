import {ExitStatus} from '../errors.js'
import {DEFAULT_WEDGE_WINDOW_MS, proveAll} from '../lifecycle/prove.js'
import {servedBy} from '../lifecycle/served.js'
import {report} from '../lifecycle/status.js'
import {listText} from '../ui/status-text.js'
import {type CommandResult, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class List extends ServiceCommand<typeof List> {
  static override summary = 'List all profiles with their services, or with -p one of them'
  static override description = 'Reads only; one call of the service manager, however many profiles there are.'
  static override examples = ['<%= config.bin %> list', '<%= config.bin %> list --json']

  static override flags = wedgeWindowFlag

  protected async execute(): Promise<CommandResult> {
    const targets = this.flags.profile === undefined ? this.allTargets('read') : [this.target('read')]
    const seen = await proveAll(targets, this.flags['wedge-window'] ?? DEFAULT_WEDGE_WINDOW_MS)
    const nowMs = this.host.monotonicMs()
    const reports = targets.flatMap((target, index) => {
      const observation = seen[index]
      return observation ? [report(observation, target.manager, nowMs, servedBy(target))] : []
    })
    for (const line of listText(reports)) this.print(line)
    return {exitStatus: ExitStatus.ok, json: {services: reports}}
  }
}
