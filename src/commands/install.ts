import {Flags} from '@oclif/core'
import {planInstall} from '../lifecycle/install.js'
import {type CommandResult, dryRunFlag, timeoutFlag, yesFlag} from './base.js'
import {bareDefinitionFlags, definitionFlags, definitionRequest} from './definition-flags.js'
import {notifyFlags} from './notify-settings.js'
import {ServiceCommand} from './service-command.js'

export default class Install extends ServiceCommand<typeof Install> {
  static override summary = 'Install the gateway as a service, start it, and wait until it runs'
  static override description =
    `A second run brings the service up to date. If the service is up to date already, the command changes nothing.
If anything fails, the machine stays as it was before.
If another tool has already written a unit for the gateway, hermes-svc keeps the unit and adds its own restart policy as a drop-in.`
  static override examples = [
    '<%= config.bin %> install',
    '<%= config.bin %> install --profile work --env TELEGRAM_BOT_TOKEN',
    'sudo <%= config.bin %> install --run-as hermes',
    '<%= config.bin %> install --notify ntfy://ntfy.sh/my-topic --ping https://hc-ping.com/UUID',
    '<%= config.bin %> install --dry-run',
  ]
  static override bareFlags = bareDefinitionFlags
  static override flags = {
    ...definitionFlags,
    ...notifyFlags,
    ...dryRunFlag,
    ...yesFlag,
    ...timeoutFlag,
    force: Flags.boolean({description: 'replace files of hermes-svc even if they were edited by hand'}),
  }

  protected override readonly nextCommands = ['status', 'logs -f']

  protected async execute(): Promise<CommandResult> {
    const request = {...definitionRequest(this.host, this.flags), timeoutMs: this.flags.timeout, force: this.flags.force}
    const target = await this.managedTarget('change')
    return this.runChange(target, 'install', () => planInstall(target, request))
  }
}
