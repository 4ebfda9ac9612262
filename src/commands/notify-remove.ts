import {planNotify} from '../lifecycle/notify-change.js'
import {argument} from './argument.js'
import {type CommandResult, dryRunFlag} from './base.js'
import {ServiceCommand} from './service-command.js'

export default class NotifyRemove extends ServiceCommand<typeof NotifyRemove> {
  static override summary = 'Remove a notification target'
  static override description =
    'Type the target as you added it, or as "notify list" shows it. The word "all" removes every target. hermes-svc drops messages that still wait for the target.'
  static override examples = ["<%= config.bin %> notify remove 'ntfy ntfy.sh'", '<%= config.bin %> notify remove all']
  static override strict = false
  static override args = {targets: argument({required: true, description: 'one or more targets, or all'})}
  static override flags = {...dryRunFlag}

  protected async execute(): Promise<CommandResult> {
    const target = await this.target('change')
    return this.runChange(target, 'notify remove', () => planNotify(target, {remove: this.words}))
  }
}
