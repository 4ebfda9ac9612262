import {Flags} from '@oclif/core'
import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {ExitStatus, usageError} from '../errors.js'
import {prove} from '../observe/look.js'
import {seeOnline} from '../lifecycle/see-online.js'
import {report} from '../observe/report.js'
import {servedBy} from '../observe/served.js'
import {isStoppedUntilBoot} from '../service/desired-state.js'
import {assess, statusExit} from '../observe/assess.js'
import {readLastEnd} from '../history/last-end.js'
import {statusText} from '../ui/status-text.js'
import {prepareWidths} from '../text/layout.js'
import {type CommandResult, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

const WATCH_EVERY_MS = 2000

export default class Status extends ServiceCommand<typeof Status> {
  static override summary = 'Show whether the gateway runs and is online, and the details of its service'
  static override description = `Changes nothing.
Ends with 0 if the gateway is alive and its service manager supervises it (also while it starts or drains), with 1 if the gateway or one of its platforms has a problem,
with 3 if the gateway is not running, and with 4 if hermes-svc cannot tell or the service does not exist.`
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --profile work --json',
    '<%= config.bin %> status --watch',
  ]

  static override flags = {
    ...wedgeWindowFlag,
    watch: Flags.boolean({description: 'refresh the screen every 2 s until you press q'}),
  }

  protected async execute(): Promise<CommandResult> {
    if (this.flags.watch) return this.watch()
    const {lines, exitStatus, json} = await this.during('check whether the gateway is alive', () => this.look())
    for (const line of lines) this.print(line)
    return {exitStatus, json}
  }

  private async watch(): Promise<CommandResult> {
    if (this.flags.json) throw usageError('--watch cannot be used with --json')
    if (!this.host.stdoutIsTty) throw usageError('--watch needs a terminal')
    const {watch} = await import('../ui/watch.js')
    let exitStatus: ExitStatus = ExitStatus.ok
    const signal = this.cancelSignal
    const make = async () => {
      const seen = await this.look()
      exitStatus = seen.exitStatus
      return seen.lines
    }
    for (const line of await watch(make, {host: this.host, everyMs: WATCH_EVERY_MS, rows: () => process.stdout.rows, signal}))
      this.print(line)
    return {exitStatus, json: undefined}
  }

  /** One look, in words and as a document. */
  private async look(): Promise<{readonly lines: readonly string[]; readonly exitStatus: ExitStatus; readonly json: object}> {
    const target = await this.target('read')
    const windowMs = this.flags['wedge-window'] ?? DEFAULT_WEDGE_WINDOW_MS
    const seen = await prove(target, windowMs)
    const {online, shown} = seeOnline(target, seen)
    const lastEnd = readLastEnd(target.userHost, target.service.profile.home)
    const told = report(seen, target.manager, target.host.monotonicMs(), servedBy(target), shown)
    const result = lastEnd ? {...told, lastEnd} : told
    await prepareWidths(result)
    const isUntilBoot = isStoppedUntilBoot(target.host, seen.desired)
    const lines = statusText(result, await this.paint, this.textWidth, target.host.nowMs(), isUntilBoot)
    return {lines, exitStatus: statusExit(assess(seen), online), json: result}
  }
}
