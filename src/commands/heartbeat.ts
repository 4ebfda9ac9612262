import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {HomeFile} from '../gateway/contract.js'
import {ExitStatus} from '../errors.js'
import {tick} from '../tick/tick.js'
import {servedBy} from '../observe/served.js'
import type {Target} from '../observe/where.js'
import {allFlag, type CommandResult, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

/** One tick, as `heartbeat --json` shows it. */
interface TickReport {
  readonly service: string
  readonly profile: string
  readonly home: string
  readonly result: 'ticked' | 'nothing' | 'failed'
  readonly verdict: {readonly state: string; readonly pid: number | null; readonly evidence: readonly string[]}
  /** What `updated_at` says after a tick. */
  readonly updatedAt: string | null
  /** Why nothing was written. */
  readonly why: string | null
}

export default class Heartbeat extends ServiceCommand<typeof Heartbeat> {
  static override summary = 'Check that the gateway is alive, then refresh the timestamp that monitors read'
  static override description = `The command does once what the heartbeat of the service does at each interval.
It refreshes the timestamp only if it can prove that the gateway is alive. If the gateway is stopped, wedged or a zombie, or if it belongs to another home, the command says so and ends with 0.
It changes only \`updated_at\` in ${HomeFile.state}, in place. The watchdog does not count this command as a tick.`
  static override examples = ['<%= config.bin %> heartbeat', '<%= config.bin %> heartbeat --all --json']
  static override flags = {...allFlag, ...wedgeWindowFlag}

  protected async execute(): Promise<CommandResult> {
    const targets = this.flags.all ? await this.allTargets('read') : [await this.target('read')]
    // At once, so that one that does not answer keeps no other waiting.
    const ticked = await this.during('check which gateways are alive', () => Promise.all(targets.map((target) => this.tickOne(target))))
    for (const {report, isFault} of ticked) this.print(`${report.service}: ${textOf(report, isFault)}`)
    const reports = ticked.map(({report}) => report)
    const exitStatus = reports.some(({result}) => result === 'failed') ? ExitStatus.failed : ExitStatus.ok
    return {exitStatus, json: {ok: exitStatus === ExitStatus.ok, services: reports}}
  }

  private async tickOne(target: Target): Promise<{report: TickReport; isFault: boolean}> {
    const {name: service, profile, account} = target.service
    const {verdict, result} = await tick(target, profile.home, account.uid, {
      windowMs: this.flags['wedge-window'] ?? DEFAULT_WEDGE_WINDOW_MS,
    })
    const report: TickReport = {
      service,
      profile: profile.name,
      home: profile.home,
      result: result.kind,
      verdict: {state: verdict.state, pid: verdict.pid ?? null, evidence: verdict.evidence},
      updatedAt: result.kind === 'ticked' ? result.updatedAt : null,
      why: result.kind === 'ticked' ? null : this.whyNot(target, result.why),
    }
    return {report, isFault: result.kind === 'nothing' && result.isFault === true}
  }

  private whyNot(target: Target, why: string): string {
    const server = servedBy(target)
    if (server !== undefined) return `the gateway of profile ${server} serves this profile and has its own heartbeat`
    return target.manager.observer.isOnDisk(target.service) ? why : `${why} (and no service is installed)`
  }
}

function textOf({result, updatedAt, why, verdict}: TickReport, isFault: boolean): string {
  if (result === 'ticked') return `alive (pid ${verdict.pid}: ${verdict.evidence[0] ?? ''}); updated_at is ${updatedAt}`
  if (isFault)
    return `alive (pid ${verdict.pid}), but hermes-svc cannot refresh the timestamp: ${why}. Monitors report the gateway as dead until you type: hermes-svc restart`
  return `${result === 'failed' ? 'FAILED' : 'no tick'}: ${why}`
}
