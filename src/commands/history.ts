import path from 'node:path'
import * as Flags from '@oclif/core/flags'
import {ExitStatus, usageError} from '../errors.js'
import {type History as HistoryOfService, historyJson, type HistoryWish, readHistory} from '../history/report.js'
import {prepareWidths} from '../text/layout.js'
import {historyText, knowsBlocks} from '../ui/history-text.js'
import {allFlag, type CommandResult} from './base.js'
import {parseMoment} from './moment.js'
import {ServiceCommand} from './service-command.js'

const DEFAULT_LINES = 40
const DEFAULT_SINCE = '7d'
/** It says what a service did: whoever it is for is given it. */
const PAGE_MODE = 0o600

export default class History extends ServiceCommand<typeof History> {
  static override summary = 'Show when the gateway started and ended and why, and how long it was up'
  static override description =
    `Changes nothing. Reads what hermes-svc and the gateway have recorded in the home, the records of the service manager, and the boot times of the machine.
Time without any record counts neither as up nor as down, and the command says so. A stop that you asked for is not downtime.
Times are in the time zone of this machine.`
  static override examples = [
    '<%= config.bin %> history',
    '<%= config.bin %> history --since yesterday --until 9:00',
    '<%= config.bin %> history --profile work --since 30d --json',
    '<%= config.bin %> history --all --since 30d --html history.html',
  ]
  static override flags = {
    ...allFlag,
    lines: Flags.integer({
      char: 'n',
      min: 0,
      max: 1_000_000,
      description: `show only this many of the newest entries (default: ${DEFAULT_LINES}; with --since: all)`,
    }),
    since: Flags.string({
      description: `start at this time: how long ago (1h, 30m, 2d) or when (14:30, yesterday, "2026-11-22 10:00") (default: ${DEFAULT_SINCE})`,
      helpValue: '<time>',
    }),
    until: Flags.string({description: 'end at this time, written like --since', helpValue: '<time>'}),
    html: Flags.string({description: 'also write the history to this new file, as one self-contained web page', helpValue: '<file>'}),
  }

  protected async execute(): Promise<CommandResult> {
    const wish = this.wish()
    const targets = this.flags.all ? await this.allTargets('read') : [await this.target('read')]
    const histories = await this.during('read the history', () => Promise.resolve(targets.map((target) => readHistory(target, wish))))
    const documents = histories.map(historyJson)
    await prepareWidths(documents)
    const options = {paint: await this.paint, width: this.host.stdoutColumns, hasBlocks: knowsBlocks(this.host.env)}
    for (const [index, history] of histories.entries()) {
      if (index > 0) this.print()
      for (const line of historyText(history, options)) this.print(line)
    }
    if (this.flags.html !== undefined) await this.writePage(this.flags.html, histories)
    return {exitStatus: ExitStatus.ok, json: {histories: documents}}
  }

  private async writePage(file: string, histories: readonly HistoryOfService[]): Promise<void> {
    const place = path.resolve(file)
    if (this.host.lstat(place)) throw usageError(`--html ${file}: the file exists, and hermes-svc does not overwrite it; name a new file`)
    const {historyHtml} = await import('../ui/history-html.js')
    this.host.writeAtomic(place, historyHtml(histories, this.host.nowMs()), PAGE_MODE)
    this.note(`Written: ${file}`)
  }

  private wish(): HistoryWish {
    const {since, until, lines} = this.flags
    const nowMs = this.host.nowMs()
    const sinceMs = parseMoment(since ?? DEFAULT_SINCE, '--since', nowMs)
    const untilMs = until === undefined ? nowMs : parseMoment(until, '--until', nowMs)
    if (sinceMs > untilMs) throw usageError('--until is earlier than --since')
    return {sinceMs, untilMs, count: lines ?? (since === undefined ? DEFAULT_LINES : undefined)}
  }
}
