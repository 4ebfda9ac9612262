import {planInstall} from '../lifecycle/install.js'
import {type CommandResult, dryRunFlag, timeoutFlag, yesFlag} from './base.js'
import {definitionFlags, definitionRequest} from './definition-flags.js'
import {ServiceCommand} from './service-command.js'

const DEFAULT_TIMEOUT_MS = 90_000

export default class Install extends ServiceCommand<typeof Install> {
  static override summary = 'Install the gateway as a service, start it, and wait until it says that it runs'
  static override description = `Run again, it brings the service up to date, or changes nothing. If anything fails the machine is left as it was before.
A unit that another tool wrote is adopted: it is kept, and our restart policy is added as a drop-in.`
  static override examples = [
    '<%= config.bin %> install',
    '<%= config.bin %> install --profile work --env TELEGRAM_BOT_TOKEN',
    'sudo <%= config.bin %> install --run-as hermes',
    '<%= config.bin %> install --dry-run',
  ]
  static override flags = {...definitionFlags, ...dryRunFlag, ...yesFlag, ...timeoutFlag}

  protected execute(): Promise<CommandResult> {
    const request = {...definitionRequest(this.host, this.flags), timeoutMs: this.flags.timeout ?? DEFAULT_TIMEOUT_MS}
    const target = this.target('change')
    return this.runChange(target, 'install', () => planInstall(target, request))
  }
}
