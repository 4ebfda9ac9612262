import {argument} from './argument.js'
import type {CommandResult} from './base.js'
import {configFlags, planConfig, unsetRequest} from './config-set.js'
import {ServiceCommand} from './service-command.js'
import {ALL_SETTING_NAMES} from './notify-settings.js'

export default class ConfigUnset extends ServiceCommand<typeof ConfigUnset> {
  static override summary = 'Reset settings of an installed service to their defaults, and restart its gateway if needed'
  static override description = 'env.NAME removes a variable of the gateway. Everything else works as with config set.'
  static override examples = [
    '<%= config.bin %> config unset watchdog restart-delay',
    '<%= config.bin %> config unset env.TELEGRAM_BOT_TOKEN',
  ]
  static override strict = false
  static override args = {
    settings: argument({required: true, description: `one or more names of settings: ${ALL_SETTING_NAMES.join(', ')}`}),
  }
  static override flags = configFlags

  protected async execute(): Promise<CommandResult> {
    const request = unsetRequest(this.host, this.words)
    const target = await this.managedTarget('change')
    return this.runChange(target, 'config unset', () => planConfig(target, request, this.flags))
  }
}
