import {GatewayVariable} from '../gateway/contract.js'
import * as Flags from '@oclif/core/flags'
import {ExitStatus} from '../errors.js'
import {answersProbe, type Probe, PROBES} from '../observe/health-payload.js'
import {observeAllHealth, observeHealth} from '../observe/health.js'
import {readLastDay} from '../history/last-day.js'
import {readTotals} from '../history/totals.js'
import {writeDocument} from '../ui/failure.js'
import {prometheusText} from '../ui/prometheus.js'
import {type CommandResult, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Health extends ServiceCommand<typeof Health> {
  // oclif's own shows all that --prometheus excludes as excluding each other.
  static override usage = [`health [PROFILE] [--probe ${PROBES.join('|')}] [FLAGS]`, 'health --prometheus [FLAGS]']
  static override summary = 'Print whether the gateway is alive, as JSON for containers and monitors'
  static override description =
    `Changes nothing and needs no service manager. Prints the JSON object of the WebUI, {alive, checked_at, details}, and nothing else, with or without --json.
Without --profile it reports on the root home (~/.hermes), even if ${GatewayVariable.home} names the home of a profile.
Ends with 0 if the gateway is alive, with 1 if it is down, and with 4 if hermes-svc cannot tell. With --probe it ends with 0 or 1. With --prometheus it ends with 0.`
  static override examples = [
    '<%= config.bin %> health',
    'HEALTHCHECK CMD <%= config.bin %> health --probe liveness',
    '<%= config.bin %> health --prometheus > hermes.prom.new && mv hermes.prom.new hermes.prom',
  ]

  static override flags = {
    ...wedgeWindowFlag,
    probe: Flags.string({
      description: 'liveness: fail only if the gateway should run and is dead or wedged; readiness: fail unless it is alive and running',
      options: [...PROBES],
    }),
    prometheus: Flags.boolean({
      description: 'print the gateways of all profiles in the text format of Prometheus, for node_exporter',
      exclusive: ['json', 'probe', 'profile'],
    }),
  }

  protected async execute(): Promise<CommandResult> {
    const windowMs = this.flags['wedge-window']
    if (this.flags.prometheus) {
      const all = await observeAllHealth(this.host, this.targetFlags, windowMs)
      const nowMs = this.host.nowMs()
      const withDays = all.map((one) => ({
        ...one,
        lastDay: one.place && readLastDay(one.place.userHost, one.place.home, nowMs, one.place.upMs),
        totals: one.place && readTotals(one.place.userHost, one.place.home),
      }))
      writeDocument('stdout', prometheusText(withDays).trimEnd())
      return this.end(ExitStatus.ok)
    }
    const {payload, verdict, meantToRun} = await observeHealth(this.host, this.targetFlags, windowMs)
    writeDocument('stdout', JSON.stringify(payload))
    const probe = this.flags.probe as Probe | undefined
    if (probe) return this.end(answersProbe(probe, payload, verdict, meantToRun) ? ExitStatus.ok : ExitStatus.failed)
    return this.end(payload.alive === null ? ExitStatus.cannotTell : payload.alive ? ExitStatus.ok : ExitStatus.failed)
  }

  private end(exitStatus: CommandResult['exitStatus']): CommandResult {
    return {exitStatus, json: undefined}
  }
}
