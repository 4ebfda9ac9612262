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
  static override summary = 'Show what happened: starts, ends and why, and how much of the time it was up'
  static override description =
    `Reads only: what hermes-svc and the gateway have noted in the home, what the service manager has, and when the machine was booted. What nobody has noted is
said to be so; it counts neither as up nor as down. A stop that was asked for is no downtime. Times are this machine's.`
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
      description: `how many entries, the newest (default: ${DEFAULT_LINES}; with --since: all)`,
    }),
    since: Flags.string({
      description: `from this time on: how long ago (1h, 30m, 2d), or when (14:30, yesterday, "2026-11-22 10:00") (default: ${DEFAULT_SINCE})`,
      helpValue: '<time>',
    }),
    until: Flags.string({description: 'up to this time, written as for --since', helpValue: '<time>'}),
    html: Flags.string({description: 'write it to a new file too, as a page that needs nothing else', helpValue: '<file>'}),
  }

  protected async execute(): Promise<CommandResult> {
    const wish = this.wish()
    const targets = this.flags.all ? await this.allTargets('read') : [await this.target('read')]
    const histories = await this.during('read what happened', () => Promise.resolve(targets.map((target) => readHistory(target, wish))))
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
    if (this.host.lstat(place)) throw usageError(`--html ${file}: there is something already, and it is not overwritten`)
    const {historyHtml} = await import('../ui/history-html.js')
    this.host.writeAtomic(place, historyHtml(histories, this.host.nowMs()), PAGE_MODE)
    this.note(`Written: ${file}`)
  }

  private wish(): HistoryWish {
    const {since, until, lines} = this.flags
    const nowMs = this.host.nowMs()
    const sinceMs = parseMoment(since ?? DEFAULT_SINCE, '--since', nowMs)
    const untilMs = until === undefined ? nowMs : parseMoment(until, '--until', nowMs)
    if (sinceMs > untilMs) throw usageError('--until is before --since')
    return {sinceMs, untilMs, count: lines ?? (since === undefined ? DEFAULT_LINES : undefined)}
  }
}
