import {Flags} from '@oclif/core'
import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {ExitStatus, usageError} from '../errors.js'
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

const WATCH_EVERY_MS = 2000

export default class Status extends ServiceCommand<typeof Status> {
  static override summary = 'Say whether the bot runs and is online, and show its service in full'
  static override description =
    `Reads only. Ends with 0 if the gateway is alive and supervised (or starting, or draining), 1 if something is wrong with it or with one of its
platforms, 3 if it is not running, 4 if that cannot be told or there is no such service.`
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --profile work --json',
    '<%= config.bin %> status --watch',
  ]

  static override flags = {
    ...wedgeWindowFlag,
    watch: Flags.boolean({description: 'show it on the terminal and look again every 2 s, until q is pressed'}),
  }

  protected async execute(): Promise<CommandResult> {
    if (this.flags.watch) return this.watch()
    const {lines, exitStatus, json} = await this.during('see whether the gateway is alive', () => this.look())
    for (const line of lines) this.print(line)
    return {exitStatus, json}
  }

  private async watch(): Promise<CommandResult> {
    if (this.flags.json) throw usageError('--watch: a document is printed once; ask for it as often as it is needed')
    if (!this.host.stdoutIsTty) throw usageError('--watch: what it prints is for a terminal')
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
    const lines = statusText(result, await this.paint, this.textWidth, target.host.nowMs())
    return {lines, exitStatus: statusExit(assess(seen), online), json: result}
  }
}
