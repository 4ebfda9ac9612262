import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {Flags} from '@oclif/core'
import {stopBudgetMs} from '../lifecycle/budget.js'
import {planStop} from '../lifecycle/stop.js'
import {allFlag, type CommandResult, dryRunFlag, timeoutFlag, wedgeWindowFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class Stop extends ServiceCommand<typeof Stop> {
  static override summary = 'Stop the gateway and keep it stopped, also after a reboot'
  static override examples = ['<%= config.bin %> stop', '<%= config.bin %> stop --until-boot', '<%= config.bin %> stop --all']
  static override flags = {
    ...allFlag,
    ...dryRunFlag,
    ...timeoutFlag,
    ...wedgeWindowFlag,
    force: Flags.boolean({description: 'do not wait for the gateway to finish its work'}),
    'until-boot': Flags.boolean({description: 'stop the gateway only until the next boot, when it starts again'}),
  }

  protected override readonly nextCommands = ['start']

  protected execute(): Promise<CommandResult> {
    const {force, 'until-boot': untilBoot, 'wedge-window': wedgeWindowMs = DEFAULT_WEDGE_WINDOW_MS} = this.flags
    return this.runForAll('stop', async (target) =>
      planStop(target, {timeoutMs: this.flags.timeout ?? (await stopBudgetMs(target)), untilBoot, force, wedgeWindowMs}),
    )
  }
}
