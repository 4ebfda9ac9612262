import {GatewayExit, GatewaySignal} from '../gateway/contract.js'
import {type ExitStatus, usageError} from '../errors.js'
import {runGateway} from '../lifecycle/run.js'
import {type CommandResult, commonFlagsWithout} from './base.js'
import {bareDefinitionFlags, definitionFlags, definitionRequest} from './definition-flags.js'
import {ServiceCommand} from './service-command.js'

const {command, heartbeat, watchdog, nice} = definitionFlags

export default class Run extends ServiceCommand<typeof Run> {
  static override summary = 'Keep one gateway running in the foreground, without a service manager'
  static override description = `Use it in plain containers, in WSL without systemd, and in similar places.
The restart policy is the same as for a service: after exit status ${GatewayExit.restart} the gateway starts again at once, after ${GatewayExit.fatalConfiguration} it does not start again, and in a crash loop the delay before each start grows.
Heartbeat and watchdog run in the same process.
SIGTERM, SIGINT, SIGHUP and SIGQUIT stop the gateway as a planned stop. hermes-svc passes on ${GatewaySignal.restart} (planned restart) and SIGUSR2.
Ends with the exit status of the gateway. In a container, start it under a small init such as tini, not as PID 1.`
  static override examples = [
    '<%= config.bin %> run',
    'ENTRYPOINT ["tini", "--", "<%= config.bin %>", "run"]',
    '<%= config.bin %> run -p work --watchdog',
  ]
  static override baseFlags = commonFlagsWithout('json', 'manager', 'scope')
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
    if (this.flags.json) throw usageError('run has no --json: it prints the output of the gateway')
    if (this.flags.manager !== undefined || this.flags.scope !== undefined) {
      throw usageError('run has no --manager and no --scope: it works without a service manager')
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
