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
  static override summary = 'Print whether the gateway is alive, in the form of the WebUI; a probe for containers and monitors'
  static override description =
    `Reads only, and needs no service manager. Prints one JSON object, {alive, checked_at, details}, and nothing else, with --json or without.
Without --profile it is about the root home, also where ${GatewayVariable.home} names a profile's. Ends with 0 if the gateway is alive, 1 if it is down, 4 if that
cannot be told. With --probe it ends with 0 or 1; with --prometheus with 0.`
  static override examples = [
    '<%= config.bin %> health',
    'HEALTHCHECK CMD <%= config.bin %> health --probe liveness',
    '<%= config.bin %> health --prometheus > hermes.prom.new && mv hermes.prom.new hermes.prom',
  ]

  static override flags = {
    ...wedgeWindowFlag,
    probe: Flags.string({
      description: 'liveness fails only if the gateway is meant to run and is dead or wedged, readiness unless it is alive and running',
      options: [...PROBES],
    }),
    prometheus: Flags.boolean({
      description: 'print the gateways of all profiles as a text file for node_exporter',
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
