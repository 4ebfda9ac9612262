import {GatewayExit, GatewaySignal} from '../gateway/contract.js'
import {type ExitStatus, usageError} from '../errors.js'
import {runGateway} from '../lifecycle/run.js'
import type {CommandResult} from './base.js'
import {bareDefinitionFlags, definitionFlags, definitionRequest} from './definition-flags.js'
import {ServiceCommand} from './service-command.js'

const {command, heartbeat, watchdog, nice} = definitionFlags

export default class Run extends ServiceCommand<typeof Run> {
  static override summary = 'Keep one gateway alive in the foreground, where there is no service manager'
  static override description =
    `For plain containers, WSL without systemd and the like, under the policy of a service: exit ${GatewayExit.restart} starts the gateway again at once, ${GatewayExit.fatalConfiguration} ends it for
good, a crash loop slows down, and heartbeat and watchdog run within. SIGTERM, SIGINT, SIGHUP and SIGQUIT stop the gateway as a stop that is
meant; ${GatewaySignal.restart} (planned restart) and SIGUSR2 are passed on. Ends with the gateway's own code. As PID 1 it needs a small init before it.`
  static override examples = [
    '<%= config.bin %> run',
    'ENTRYPOINT ["tini", "--", "<%= config.bin %>", "run"]',
    '<%= config.bin %> run -p work --watchdog',
  ]
  static override flags = {
    command,
    'restart-delay': definitionFlags['restart-delay'],
    'restart-delay-max': definitionFlags['restart-delay-max'],
    heartbeat,
    'heartbeat-interval': definitionFlags['heartbeat-interval'],
    watchdog,
    nice,
  }
  static override bareFlags = bareDefinitionFlags

  protected async execute(): Promise<CommandResult> {
    if (this.flags.json) throw usageError('--json: the output of run is the gateway’s own')
    if (this.flags.manager !== undefined || this.flags.scope !== undefined) {
      throw usageError('--manager, --scope: run is for where there is no manager')
    }
    const {policy, heartbeat: ticks, resources} = definitionRequest(this.host, this.flags)
    const status = await runGateway(this.host, {
      ...{command: this.flags.command, policy, heartbeat: ticks, resources, flags: this.targetFlags},
      say: (line) => this.note(`hermes-svc: ${line}`),
    })
    // The gateway's own code, whatever it means.
    return {exitStatus: status as ExitStatus, json: undefined}
  }
}
