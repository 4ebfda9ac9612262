import {stopBudgetMs} from '../lifecycle/budget.js'
import {planUninstall} from '../lifecycle/uninstall.js'
import type {Target} from '../observe/where.js'
import {allFlag, type CommandResult, dryRunFlag, timeoutFlag, yesFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Uninstall extends ServiceCommand<typeof Uninstall> {
  static override summary = 'Stop the gateway and remove its service, but keep its home'
  static override description =
    'If another tool wrote the unit, the unit stays and its gateway keeps running. hermes-svc removes only what it has added.'
  static override examples = ['<%= config.bin %> uninstall', '<%= config.bin %> uninstall --dry-run']
  static override flags = {...allFlag, ...dryRunFlag, ...yesFlag, ...timeoutFlag}

  protected override readonly nextCommands = ['install']

  protected execute(): Promise<CommandResult> {
    const makePlan = async (target: Target) => planUninstall(target, {timeoutMs: this.flags.timeout ?? (await stopBudgetMs(target))})
    return this.runForAll('uninstall', makePlan, {isAboutDefinition: true})
  }
}
