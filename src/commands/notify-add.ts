import {planNotify} from '../lifecycle/notify-change.js'
import {argument} from './argument.js'
import {type CommandResult, dryRunFlag} from './base.js'
import {notifyFlags, notifyRequest, requireTarget} from './notify-settings.js'
import {ServiceCommand} from './service-command.js'

export default class NotifyAdd extends ServiceCommand<typeof NotifyAdd> {
  static override summary = 'Add a target to notify when the gateway has a problem, and when it has recovered'
  static override description = `Does the same as install with --notify. It also works for a gateway under "hermes-svc run".
A target is one of these:
a command, exec:/path ARG ...: it gets the event as JSON on stdin, and in the variables HERMES_SVC_TITLE, HERMES_SVC_TEXT, ...;
a web address, https://...: it gets a CloudEvents document by POST;
a chat or push service: ntfy://HOST/TOPIC, slack://T/B/X, discord://ID/TOKEN, telegram://TOKEN/CHAT or gotify://HOST/TOKEN.
hermes-svc keeps the targets in the home, in a file that only its owner can read.`
  static override examples = [
    '<%= config.bin %> notify add ntfy://ntfy.sh/my-topic',
    '<%= config.bin %> notify add "exec:/usr/local/bin/tell-me --loud"',
    '<%= config.bin %> notify add https://example.org/hook --notify-on down,recovered',
  ]
  static override strict = false
  static override args = {targets: argument({required: true, description: 'one or more targets'})}
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
