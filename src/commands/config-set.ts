import {Flags} from '@oclif/core'
import {usageError} from '../errors.js'
import type {Host} from '../host/host.js'
import type {DefinitionRequest} from '../lifecycle/definition.js'
import {type NotifyRequest, togetherNotify} from '../lifecycle/notify-change.js'
import {planInstall} from '../lifecycle/install.js'
import {requireInstalled} from '../lifecycle/start.js'
import {observe} from '../observe/look.js'
import type {Target} from '../observe/where.js'
import type {Plan} from '../plan/plan.js'
import {didYouMean} from '../text/suggest.js'
import {argument} from './argument.js'
import {type CommandResult, dryRunFlag, timeoutFlag, yesFlag} from './base.js'
import {environmentRequest} from './definition-flags.js'
import {ServiceCommand} from './service-command.js'
import {ALL_SETTING_NAMES, notifySettingOf} from './notify-settings.js'
import {type Setting, settingOf, type SettingRequest, together} from './setting-list.js'

/** How a variable of the gateway is named among the settings. */
const VARIABLE = 'env.'

export const configFlags = {
  ...dryRunFlag,
  ...yesFlag,
  ...timeoutFlag,
  force: Flags.boolean({description: 'restart a working gateway even if it cannot load its new configuration'}),
}

export default class ConfigSet extends ServiceCommand<typeof ConfigSet> {
  static override summary = 'Change settings of an installed service, and restart its gateway if needed'
  static override description =
    `NAME=VALUE does the same as install with --NAME VALUE. The command changes only what differs. If anything fails, the service stays as it was.
env.NAME=VALUE sets a variable of the gateway. env.NAME without a value takes the value from your own environment.`
  static override examples = [
    '<%= config.bin %> config set watchdog=off restart-delay=2s',
    '<%= config.bin %> config set env.LOG_LEVEL=debug -p work',
    '<%= config.bin %> config set heartbeat-interval=30s --dry-run',
  ]
  static override strict = false
  static override args = {
    settings: argument({required: true, description: `one or more NAME=value; names: ${ALL_SETTING_NAMES.join(', ')}`}),
  }
  static override flags = configFlags

  protected async execute(): Promise<CommandResult> {
    const request = setRequest(this.host, this.words)
    const target = await this.managedTarget('change')
    return this.runChange(target, 'config set', () => planConfig(target, request, this.flags))
  }
}

/** What `NAME=value …` asks for. Throws usage errors. */
export function setRequest(host: Host, words: readonly string[]): DefinitionRequest {
  const [variables, others] = [words.filter(isVariable), words.filter((word) => !isVariable(word))]
  const parts: Partial<SettingRequest>[] = []
  const told: NotifyRequest[] = []
  for (const word of others) {
    const equals = word.indexOf('=')
    const name = equals < 0 ? word : word.slice(0, equals)
    const ofNotify = notifySettingOf(name)
    const setting = ofNotify ? undefined : knownSetting(name)
    if (equals < 0) throw usageError(`${name} needs a value: type ${name}=VALUE`)
    const value = word.slice(equals + 1)
    if (setting?.options && !setting.options.includes(value)) {
      throw usageError(`${name}=${value}: the value must be one of: ${setting.options.join(', ')}`)
    }
    if (ofNotify) told.push(ofNotify.parse(value, name))
    if (setting) parts.push(setting.parse(value, name))
  }
  const environment = environmentRequest(
    host,
    variables.map((word) => word.slice(VARIABLE.length)),
    [],
  )
  return {...together(parts), environment, notify: togetherNotify(told)}
}

/** What `NAME …` asks to be as it is without being chosen. Throws usage errors. */
export function unsetRequest(host: Host, words: readonly string[]): DefinitionRequest {
  const variables = words.filter(isVariable).map((word) => word.slice(VARIABLE.length))
  const others = words.filter((word) => !isVariable(word))
  const told = others.flatMap((word) => notifySettingOf(word)?.unset ?? [])
  const parts = others.filter((word) => notifySettingOf(word) === undefined).map((word) => knownSetting(word).unset)
  return {...together(parts), environment: environmentRequest(host, [], variables), notify: togetherNotify(told)}
}

const isVariable = (word: string): boolean => word.startsWith(VARIABLE)

function knownSetting(name: string): Setting {
  const setting = settingOf(name)
  if (setting) return setting
  throw usageError(`unknown setting: ${JSON.stringify(name)}${didYouMean(name, ALL_SETTING_NAMES)}`, [
    `settings: ${ALL_SETTING_NAMES.join(', ')}, ${VARIABLE}NAME`,
  ])
}

/** The change of an installed service that an install with these settings would make. Throws as `planInstall`, and for a service that is not there. */
export function planConfig(
  target: Target,
  request: DefinitionRequest,
  {timeout: timeoutMs, force}: {readonly timeout?: number | undefined; readonly force: boolean},
): Promise<Plan> {
  requireInstalled(target, observe(target))
  return planInstall(target, {...request, timeoutMs, force: false, evenBroken: force})
}
