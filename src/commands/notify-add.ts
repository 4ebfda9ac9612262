import {Args} from '@oclif/core'
import {planNotify} from '../lifecycle/notify-change.js'
import {type CommandResult, dryRunFlag} from './base.js'
import {notifyFlags, notifyRequest, requireTarget} from './notify-settings.js'
import {ServiceCommand} from './service-command.js'

export default class NotifyAdd extends ServiceCommand<typeof NotifyAdd> {
  static override summary = 'Have a target told when the gateway is down or in trouble, and when it is well again'
  static override description =
    `The same as install with --notify, and for a gateway that "run" keeps as well. Targets: a command (exec:/path ARG ...; the event is on its stdin as JSON,
and in the variables HERMES_SVC_TITLE, HERMES_SVC_TEXT, ...), an https:// address, which gets a CloudEvents document by POST, and ntfy://HOST/TOPIC, slack://T/B/X, discord://ID/TOKEN,
telegram://TOKEN/CHAT, gotify://HOST/TOKEN. They are kept in the home, in a file that only its owner can read.`
  static override examples = [
    '<%= config.bin %> notify add ntfy://ntfy.sh/my-topic',
    '<%= config.bin %> notify add "exec:/usr/local/bin/tell-me --loud"',
    '<%= config.bin %> notify add https://example.org/hook --notify-on down,recovered',
  ]
  static override strict = false
  static override args = {targets: Args.string({required: true, description: 'one target or several'})}
  static override flags = {
    ...dryRunFlag,
    ...{'notify-on': notifyFlags['notify-on'], 'notify-reminder': notifyFlags['notify-reminder'], ping: notifyFlags.ping},
  }

  protected async execute(): Promise<CommandResult> {
    const add = this.words.map((word) => requireTarget(word, 'notify add'))
    const request = {...notifyRequest(this.flags), add}
    const target = await this.target('change')
    return this.runChange(target, 'notify add', () => planNotify(target, request))
  }
}
