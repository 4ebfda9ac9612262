import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {Flags} from '@oclif/core'
import {stopBudgetMs} from '../lifecycle/budget.js'
import {planStop} from '../lifecycle/stop.js'
import {allFlag, type CommandResult, dryRunFlag, timeoutFlag, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Stop extends ServiceCommand<typeof Stop> {
  static override summary = 'Stop the gateway and keep it down, over a reboot too'
  static override examples = ['<%= config.bin %> stop', '<%= config.bin %> stop --until-boot', '<%= config.bin %> stop --all']
  static override flags = {
    ...allFlag,
    ...dryRunFlag,
    ...timeoutFlag,
    ...wedgeWindowFlag,
    force: Flags.boolean({description: 'do not wait for what the gateway is working on'}),
    'until-boot': Flags.boolean({description: 'stop it for now only: it is still meant to run, and starts again at the next boot'}),
  }

  protected execute(): Promise<CommandResult> {
    const {force, 'until-boot': untilBoot, 'wedge-window': wedgeWindowMs = DEFAULT_WEDGE_WINDOW_MS} = this.flags
    return this.runForAll('stop', async (target) =>
      planStop(target, {timeoutMs: this.flags.timeout ?? (await stopBudgetMs(target)), untilBoot, force, wedgeWindowMs}),
    )
  }
}
