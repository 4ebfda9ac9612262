import {Flags} from '@oclif/core'
import {planStop} from '../lifecycle/stop.js'
import {stopBudgetMs} from '../lifecycle/budget.js'
import {allFlag, type CommandResult, dryRunFlag, timeoutFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Stop extends ServiceCommand<typeof Stop> {
  static override summary = 'Stop the gateway and keep it down, over a reboot too'
  static override examples = ['<%= config.bin %> stop', '<%= config.bin %> stop --until-boot', '<%= config.bin %> stop --all']
  static override flags = {
    ...allFlag,
    ...dryRunFlag,
    ...timeoutFlag,
    'until-boot': Flags.boolean({description: 'stop it for now only: it starts again at the next boot'}),
  }

  protected execute(): Promise<CommandResult> {
    const untilBoot = this.flags['until-boot']
    return this.runForAll('stop', async (target) => planStop(target, {timeoutMs: this.flags.timeout ?? (await stopBudgetMs(target)), untilBoot}))
  }
}
