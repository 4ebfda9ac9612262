import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {type Observation, proveAll} from '../observe/look.js'
import type {Target} from '../observe/where.js'
import {residentBytes} from '../gateway/process.js'
import {momentOf, onlineOf} from '../observe/online.js'
import {onlineReport, report} from '../observe/report.js'
import {ExitStatus} from '../errors.js'
import {servedBy} from '../observe/served.js'
import {listText} from '../ui/status-text.js'
import {prepareWidths} from '../text/layout.js'
import {type CommandResult, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class List extends ServiceCommand<typeof List> {
  static override summary = 'List all profiles and their services'
  static override description = 'Changes nothing. With -p it lists only that profile, with --scope only that scope.'
  static override examples = ['<%= config.bin %> list', '<%= config.bin %> list --json']

  static override flags = wedgeWindowFlag

  protected async execute(): Promise<CommandResult> {
    const targets = this.flags.profile === undefined ? await this.allTargets('read') : [await this.target('read')]
    const windowMs = this.flags['wedge-window'] ?? DEFAULT_WEDGE_WINDOW_MS
    const found = await this.during('check which gateways are alive', () => proveAll(targets, windowMs, this.flags.scope === undefined))
    const nowMs = this.host.monotonicMs()
    const reports = found.map(({target, seen}) => {
      const online = onlineReport(onlineOf(seen, momentOf(target.host, seen)))
      const memoryBytes = memoryOf(target, seen)
      return {...report(seen, target.manager, nowMs, servedBy(target), online), ...(memoryBytes === undefined ? {} : {memoryBytes})}
    })
    await prepareWidths(reports)
    for (const line of listText(reports, this.textWidth)) this.print(line)
    const untold = found.flatMap(({seen}) => (seen.unreachable ? [seen.unreachable.message] : []))
    for (const why of untold) this.note(`hermes-svc: ${why}`)
    return {exitStatus: untold.length > 0 ? ExitStatus.cannotTell : ExitStatus.ok, json: {services: reports}}
  }
}

/** The memory of all that the service runs, as its manager's control group counts it; else that of the gateway alone. */
function memoryOf({host, manager}: Target, {manager: seen, verdict}: Observation): number | undefined {
  const whole = manager.observer.memoryOf?.(seen)?.usedBytes
  return whole ?? (verdict.pid === undefined ? undefined : residentBytes(host, verdict.pid))
}
