import {ExitStatus} from '../errors.js'
import {notifyOf} from '../lifecycle/notify-change.js'
import {shownPing} from '../notify/ping.js'
import {notifyStateFile, readNotifyState} from '../notify/notify-state.js'
import type {TargetFault} from '../notify/outbox.js'
import {shownTarget} from '../notify/target.js'
import {targetKey} from '../notify/target-key.js'
import type {Target} from '../observe/where.js'
import {inWords, prepareWidths, table} from '../text/layout.js'
import {allFlag, type CommandResult} from './base.js'
import {NOTIFY_SETTINGS} from './notify-settings.js'
import {ServiceCommand} from './service-command.js'

/** What keeps a target, or the ping, from being told, as `notify list --json` shows it. */
interface FaultReport {
  readonly failures: number
  /** ISO 8601, UTC. */
  readonly since: string
  readonly why: string
}

/** Who is told of one service, as `notify list --json` shows it. */
interface NotifyReport {
  readonly service: string
  readonly profile: string
  readonly home: string
  readonly targets: readonly {readonly name: string; readonly waiting: number; readonly fault: FaultReport | null}[]
  /** Null: of everything. */
  readonly on: readonly string[] | null
  readonly reminderSec: number
  readonly ping: {readonly host: string; readonly fault: FaultReport | null} | null
}

export default class NotifyList extends ServiceCommand<typeof NotifyList> {
  static override summary = 'List the notification targets, their events, and failed deliveries'
  static override description =
    'Changes nothing. Shows only the kind and the host of a target, or the name of a command, because the rest may be a secret.'
  static override examples = ['<%= config.bin %> notify list', '<%= config.bin %> notify list --all --json']
  static override flags = {...allFlag}

  protected async execute(): Promise<CommandResult> {
    const targets = this.flags.all ? await this.allTargets('read') : [await this.target('read')]
    const reports = targets.map(reportOf)
    const nowMs = this.host.nowMs()
    for (const [index, report] of reports.entries()) {
      if (reports.length > 1) this.print(`${index > 0 ? '\n' : ''}${report.service} (profile ${report.profile})`)
      await this.show(report, targets[index], nowMs)
    }
    return {exitStatus: ExitStatus.ok, json: {services: reports}}
  }

  private async show({targets, ping}: NotifyReport, target: Target | undefined, nowMs: number): Promise<void> {
    if (!target) return
    if (targets.length === 0 && !ping) {
      this.print('No notification targets. To add one, type: hermes-svc notify add TARGET')
      return
    }
    const rows = [
      ...targets.map(({name, waiting, fault}) => [name, faultText(fault, nowMs), waiting === 0 ? '' : `${waiting} waiting`]),
      ...(ping ? [[`ping ${ping.host}`, faultText(ping.fault, nowMs), '']] : []),
    ]
    await prepareWidths(rows)
    for (const line of table([['TARGET', 'STATE', ''], ...rows], this.textWidth).flat()) this.print(line)
    const settings = notifyOf(target)
    this.print(
      `events: ${NOTIFY_SETTINGS['notify-on'].show(settings)}; reminder every ${NOTIFY_SETTINGS['notify-reminder'].show(settings)} while a problem lasts`,
    )
  }
}

function reportOf(target: Target): NotifyReport {
  const {service, userHost} = target
  const {profile, name} = service
  const settings = notifyOf(target)
  const {outbox, pingFault} = readNotifyState(userHost, [notifyStateFile(profile.home)])
  return {
    ...{service: name, profile: profile.name, home: profile.home},
    targets: settings.targets.map((text) => {
      const key = targetKey(text)
      const waiting = outbox.waiting.filter(({targets}) => targets.includes(key)).length
      return {name: shownTarget(text), waiting, fault: faultReport(outbox.faults[key])}
    }),
    on: settings.on ?? null,
    reminderSec: settings.reminderMs / 1000,
    ping: settings.ping === undefined ? null : {host: shownPing(settings.ping), fault: faultReport(pingFault)},
  }
}

function faultReport(fault: TargetFault | undefined): FaultReport | null {
  return fault ? {failures: fault.failures, since: new Date(fault.sinceMs).toISOString(), why: fault.why} : null
}

function faultText(fault: FaultReport | null, nowMs: number): string {
  if (!fault) return 'no failure'
  const {failures, since, why} = fault
  return `${failures} ${failures === 1 ? 'failure' : 'failures'} in a row, the first ${inWords(Math.max(0, nowMs - Date.parse(since)))} ago: ${why}`
}
