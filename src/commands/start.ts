import {planStart} from '../lifecycle/start.js'
import {allFlag, type CommandResult, dryRunFlag, timeoutFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Start extends ServiceCommand<typeof Start> {
  static override summary = 'Start the gateway now and at every boot, and wait until it runs'
  static override examples = ['<%= config.bin %> start', '<%= config.bin %> start --all']
  static override flags = {...allFlag, ...dryRunFlag, ...timeoutFlag}

  protected override readonly nextCommands = ['status', 'logs -f']

  protected execute(): Promise<CommandResult> {
    return this.runForAll('start', (target) => planStart(target, {timeoutMs: this.flags.timeout}))
  }
}
