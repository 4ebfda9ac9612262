import {Args} from '@oclif/core'
import {planNotify} from '../lifecycle/notify-change.js'
import {type CommandResult, dryRunFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class NotifyRemove extends ServiceCommand<typeof NotifyRemove> {
  static override summary = 'Have a target told no more'
  static override description =
    'By what it is, or as notify list shows it; all: nobody is told any more. What waits to be told to it is dropped.'
  static override examples = ["<%= config.bin %> notify remove 'ntfy ntfy.sh'", '<%= config.bin %> notify remove all']
  static override strict = false
  static override args = {targets: Args.string({required: true, description: 'one target or several'})}
  static override flags = {...dryRunFlag}

  protected async execute(): Promise<CommandResult> {
    const target = await this.target('change')
    return this.runChange(target, 'notify remove', () => planNotify(target, {remove: this.words}))
  }
}
