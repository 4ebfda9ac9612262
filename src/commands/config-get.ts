import {ExitStatus, usageError} from '../errors.js'
import {didYouMean} from '../text/suggest.js'
import {argument} from './argument.js'
import type {CommandResult} from './base.js'
import {settingReports, settingsOf} from './config.js'
import {ServiceCommand} from './service-command.js'
import {ALL_SETTING_NAMES} from './notify-settings.js'

export default class ConfigGet extends ServiceCommand<typeof ConfigGet> {
  static override summary = 'Print the value of one setting'
  static override description = 'Changes nothing. Does not show the values of variables.'
  static override examples = ['<%= config.bin %> config get watchdog']
  static override args = {
    setting: argument({
      required: true,
      options: [...ALL_SETTING_NAMES, 'drain-timeout', 'cron-drain-timeout'],
      description: 'name of the setting',
    }),
  }

  protected async execute(): Promise<CommandResult> {
    const name = this.args.setting
    const target = await this.target('read')
    const rows = await settingReports(target, settingsOf(target).settings)
    const row = rows.find((one) => one.name === name)
    if (!row) {
      throw usageError(
        `unknown setting: ${JSON.stringify(name)}${didYouMean(
          name,
          rows.map((one) => one.name),
        )}`,
      )
    }
    this.print(row.value)
    const {service, manager} = target
    const {name: serviceName, profile} = service
    return {
      exitStatus: ExitStatus.ok,
      json: {
        ...{service: serviceName, profile: profile.name, manager: manager.kind, scope: manager.scope},
        ...{settings: [row], environment: [], overridden: []},
      },
    }
  }
}
