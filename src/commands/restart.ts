import {Flags} from '@oclif/core'
import {restartBudgetMs} from '../lifecycle/budget.js'
import {planRestart} from '../lifecycle/restart.js'
import {allFlag, type CommandResult, dryRunFlag, timeoutFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Restart extends ServiceCommand<typeof Restart> {
  static override summary = 'Restart the gateway and wait until it runs under a new pid'
  static override description = 'A gateway that works is asked to finish what it is doing first.'
  static override examples = ['<%= config.bin %> restart', '<%= config.bin %> restart --force']
  static override flags = {
    ...allFlag,
    ...dryRunFlag,
    ...timeoutFlag,
    force: Flags.boolean({description: 'do not let the gateway finish its work first'}),
  }

  protected execute(): Promise<CommandResult> {
    const {force} = this.flags
    return this.runForAll('restart', async (target) => planRestart(target, {timeoutMs: this.flags.timeout ?? (await restartBudgetMs(target)), force}))
  }
}
