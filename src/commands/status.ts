import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {prove} from '../observe/look.js'
import {seeOnline} from '../lifecycle/see-online.js'
import {report} from '../observe/report.js'
import {servedBy} from '../observe/served.js'
import {assess, statusExit} from '../observe/assess.js'
import {readLastEnd} from '../history/last-end.js'
import {statusText} from '../ui/status-text.js'
import {prepareWidths} from '../text/layout.js'
import {type CommandResult, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Status extends ServiceCommand<typeof Status> {
  static override summary = 'Say whether the bot runs and is online, and show its service in full'
  static override description =
    `Reads only. Ends with 0 if the gateway is alive and supervised (or starting, or draining), 1 if something is wrong with it or with one of its
platforms, 3 if it is not running, 4 if that cannot be told or there is no such service.`
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --profile work --json']

  static override flags = wedgeWindowFlag

  protected async execute(): Promise<CommandResult> {
    const target = await this.target('read')
    const windowMs = this.flags['wedge-window'] ?? DEFAULT_WEDGE_WINDOW_MS
    const seen = await this.during('see whether the gateway is alive', () => prove(target, windowMs))
    const {online, shown} = seeOnline(target, seen)
    const lastEnd = readLastEnd(target.userHost, target.service.profile.home)
    const told = report(seen, target.manager, target.host.monotonicMs(), servedBy(target), shown)
    const result = lastEnd ? {...told, lastEnd} : told
    await prepareWidths(result)
    for (const line of statusText(result, await this.paint, this.textWidth, target.host.nowMs())) this.print(line)
    return {exitStatus: statusExit(assess(seen), online), json: result}
  }
}
