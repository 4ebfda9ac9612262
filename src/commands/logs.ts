import {Flags} from '@oclif/core'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {HomeFile} from '../gateway/contract.js'
import {LOG_LEVELS, type LogLevel} from '../gateway/log-line.js'
import type {LogEntry} from '../observe/log-entry.js'
import {gatewayLog, type LogTarget} from '../observe/log-sources.js'
import {entryJson, entryLines} from '../observe/log-text.js'
import {hasManagersLog, Logs as ServiceLogs, type LogWish} from '../observe/logs.js'
import {resolveAnyPlace, type Target} from '../observe/where.js'
import {howToBegin} from '../lifecycle/first-contact.js'
import type {Manager} from '../managers/manager.js'
import {writeJson, writeLine} from '../ui/failure.js'
import type {Paint} from '../ui/paint.js'
import {allFlag, type CommandResult} from './base.js'
import {parseMoment} from './moment.js'
import {ServiceCommand} from './service-command.js'

const DEFAULT_LINES = 50

export default class Logs extends ServiceCommand<typeof Logs> {
  static override summary = "Show the gateway's logs"
  static override description =
    `Merges the gateway's own files (${HomeFile.log}, and ${HomeFile.errorsLog} for warnings) with the log of the service manager, sorted by time.
A line that is in both appears once. A traceback stays with its line. Times are in the time zone of this machine.
With --json it prints one JSON object per line.`
  static override examples = [
    '<%= config.bin %> logs -n 100',
    '<%= config.bin %> logs -f --level warning',
    '<%= config.bin %> logs --since 1h --grep telegram',
    '<%= config.bin %> logs --all --since "2026-11-22 10:00" --until 11:30',
  ]
  static override flags = {
    ...allFlag,
    lines: Flags.integer({
      char: 'n',
      min: 0,
      max: 1_000_000,
      description: `show only this many of the newest lines; a traceback counts as part of its line (default: ${DEFAULT_LINES}; with --since: all)`,
    }),
    follow: Flags.boolean({char: 'f', description: 'keep showing new lines until you press Ctrl-C'}),
    since: Flags.string({
      description: 'start at this time: how long ago (1h, 30m, 2d) or when (14:30, yesterday, "2026-11-22 10:00")',
      helpValue: '<time>',
    }),
    until: Flags.string({description: 'end at this time, written like --since', helpValue: '<time>', exclusive: ['follow']}),
    level: Flags.custom<LogLevel>({
      description: `show only lines of this level or above: ${LOG_LEVELS.join(', ')}; a traceback counts as error, any other text without a level as info`,
      helpValue: '<level>',
      parse: (text) => Promise.resolve(parseLevel(text)),
    })(),
    grep: Flags.string({
      description: 'show only lines that match this regular expression; it ignores case unless it contains a capital letter',
      helpValue: '<pattern>',
    }),
    'manager-lines': Flags.boolean({description: 'also show the messages of the service manager about the service'}),
  }

  protected async execute(): Promise<CommandResult> {
    // Refused before anything is looked at.
    const wish = this.wish()
    const {manager, targets, target} = await this.whose()
    const logs = new ServiceLogs(this.host, manager, targets, wish)
    const canceller = new AbortController()
    const width = this.flags.all ? Math.max(...targets.map(({profile}) => profile.name.length)) : undefined
    const paint = await this.paint
    const show = (entry: LogEntry) => {
      if (!this.showEntry(entry, width, paint)) canceller.abort()
    }
    const {entries, isCut} = logs.past()
    if (entries.every(({origin}) => origin === 'gateway' || origin === 'errors')) this.tellOfManagersLog(manager, targets, target)
    if (isCut) this.note('There are too many lines to show at once, so the oldest are left out. To see them, use --until and --lines')
    for (const entry of entries) {
      show(entry)
      if (canceller.signal.aborted) return {exitStatus: ExitStatus.ok, json: undefined}
    }
    if (!this.flags.follow) return {exitStatus: ExitStatus.ok, json: undefined}
    const lost = (status: number) =>
      this.note(
        `Cannot follow the log of the service manager any longer: the program that reads it ended with ${status}. The gateway's own log files continue below`,
      )
    await logs.follow(show, AbortSignal.any([canceller.signal, this.cancelSignal]), lost)
    return {exitStatus: ExitStatus.ok, json: undefined}
  }

  private wish(): LogWish {
    const {since, until, level, grep} = this.flags
    const nowMs = this.host.nowMs()
    const sinceMs = since === undefined ? undefined : parseMoment(since, '--since', nowMs)
    const untilMs = until === undefined ? undefined : parseMoment(until, '--until', nowMs)
    if (sinceMs !== undefined && untilMs !== undefined && sinceMs > untilMs) throw usageError('--until is earlier than --since')
    const lines = this.flags.lines ?? (since === undefined ? DEFAULT_LINES : undefined)
    return {lines, sinceMs, untilMs, level, grep: grep === undefined ? undefined : pattern(grep), withManagers: this.flags['manager-lines']}
  }

  /** Where no manager is, or none can be asked, there are still the gateway's own files. */
  private async whose(): Promise<{manager: Manager | undefined; targets: LogTarget[]; target?: Target | undefined}> {
    if (this.flags.all) {
      const targets = await this.allTargets('read')
      return {
        manager: targets[0]?.manager,
        targets: targets.map(({host, userHost, service}) => ({host, userHost, profile: service.profile, service})),
      }
    }
    const place = await resolveAnyPlace(this.host, this.targetFlags)
    const {host, userHost, profile, target} = place
    if (target && this.flags.profile !== undefined) this.hintAtProfile(target)
    return {manager: target?.manager, target, targets: [{host, userHost, profile, ...(target ? {service: target.service} : {})}]}
  }

  /** Nothing to be seen is one thing, nothing that ever was, or that may be read, another. */
  private tellOfManagersLog(manager: Manager | undefined, targets: readonly LogTarget[], target: Target | undefined): void {
    const [first] = targets
    if (!first || (manager && hasManagersLog(manager, targets))) return
    const name = first.service?.name ?? `profile ${first.profile.name}`
    const hasLog = manager?.logs !== undefined
    const file = gatewayLog(first.profile)
    if (targets.some(({userHost, profile}) => userHost.stat(gatewayLog(profile)) !== undefined)) {
      if (hasLog) this.note(`The log of the service manager has no lines of ${name} that you can read. The lines below are from ${file}`)
      return
    }
    throw new ServiceError(
      `There is no log of ${name}: ${file} does not exist${hasLog ? ', and the log of the service manager has no lines that you can read' : ''}`,
      {
        code: 'no-log',
        exitStatus: ExitStatus.cannotTell,
        next: target && !target.manager.observer.isOnDisk(target.service) ? howToBegin(target) : ['hermes-svc status'],
      },
    )
  }

  /** False if nobody reads any more. */
  private showEntry(entry: LogEntry, width: number | undefined, paint: Paint): boolean {
    if (this.flags.json) return writeJson(entryJson(entry))
    const lines = entryLines(entry, width === undefined ? undefined : entry.profile.padEnd(width))
    const colour = ['error', 'critical'].includes(entry.level ?? '')
      ? paint.bad
      : entry.origin === 'manager'
        ? paint.dim
        : (text: string) => text
    return lines.every((line) => writeLine('stdout', colour(line)))
  }
}

function parseLevel(text: string): LogLevel {
  const word = text.toLowerCase() === 'warn' ? 'warning' : text.toLowerCase()
  const level = LOG_LEVELS.find((one) => one === word)
  if (level === undefined) throw usageError(`--level ${JSON.stringify(text)}: must be one of ${LOG_LEVELS.join(', ')}`)
  return level
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, text === text.toLowerCase() ? 'iu' : 'u')
  } catch (error) {
    throw usageError(`--grep ${JSON.stringify(text)}: ${(error as Error).message}`)
  }
}
