import type {DefinitionFlagValues} from '../setup/definition-flag-values.js'
import {Flags} from '@oclif/core'
import {usageError} from '../errors.js'
import type {Host} from '../host/host.js'
import type {DefinitionRequest} from '../lifecycle/definition.js'
import {refusedVariableName, refusedVariableValue} from '../service/environment-variable.js'
import {DEFAULT_WATCHDOG_TICKS} from '../service/settings.js'
import {shown} from '../service/text-check.js'
import {type NotifyFlagValues, notifyRequest} from './notify-settings.js'
import {type Setting, SETTING_NAMES, type SettingName, SETTINGS, together} from './setting-list.js'

/** The flag of a setting with a value. */
const flagOf = ({description, helpValue, options}: Setting) =>
  Flags.string({description, ...(options ? {options: [...options]} : {helpValue: helpValue ?? '<value>'})})

/** Flags that decide what a definition says. */
export const definitionFlags = {
  command: flagOf(SETTINGS.command),
  env: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description:
      'set a variable for the gateway, in a file that only its account can read; NAME alone takes the value from your environment',
    helpValue: '<NAME=value>',
  }),
  'unset-env': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'remove a variable that --env has set',
    helpValue: '<NAME>',
  }),
  linger: Flags.boolean({allowNo: true, description: SETTINGS.linger.description}),
  'restart-delay': flagOf(SETTINGS['restart-delay']),
  'restart-delay-max': flagOf(SETTINGS['restart-delay-max']),
  heartbeat: flagOf(SETTINGS.heartbeat),
  'heartbeat-interval': flagOf(SETTINGS['heartbeat-interval']),
  watchdog: flagOf(SETTINGS.watchdog),
  'memory-high': flagOf(SETTINGS['memory-high']),
  'memory-max': flagOf(SETTINGS['memory-max']),
  nice: flagOf(SETTINGS.nice),
  'cpu-weight': flagOf(SETTINGS['cpu-weight']),
  'keep-awake': flagOf(SETTINGS['keep-awake']),
} satisfies Record<SettingName | 'env' | 'unset-env', unknown>

/** See BaseCommand.bareFlags. */
export const bareDefinitionFlags = {watchdog: String(DEFAULT_WATCHDOG_TICKS), 'keep-awake': 'on'}

/** Turns the flags into a request. Throws usage errors that name the flag and the reason. */
export function definitionRequest(host: Host, flags: DefinitionFlagValues & NotifyFlagValues): DefinitionRequest {
  const given = SETTING_NAMES.flatMap((name) => {
    const value = flags[name]
    const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : value
    return text === undefined ? [] : [SETTINGS[name].parse(text, `--${name}`)]
  })
  const environment = environmentRequest(host, flags.env ?? [], flags['unset-env'] ?? [])
  return {...together(given), environment, notify: notifyRequest(flags)}
}

/** The variables that are asked for. `set`: `NAME=value`, or NAME for the value that it has here. Throws usage errors that name the flag. */
export function environmentRequest(host: Host, set: readonly string[], unset: readonly string[]): DefinitionRequest['environment'] {
  const environment = new Map<string, string | undefined>()
  for (const entry of set) {
    const equals = entry.indexOf('=')
    const name = equals < 0 ? entry : entry.slice(0, equals)
    requireVariableName('--env', name)
    const own = Object.hasOwn(host.env, name) ? host.env[name] : undefined
    const value = equals < 0 ? own : entry.slice(equals + 1)
    if (value === undefined) throw usageError(`--env ${name}: ${name} is not set in your environment`)
    const refused = refusedVariableValue(value)
    // The value may be a secret: the message leaves it out.
    if (refused) throw usageError(`--env ${name}: its value ${refused}`)
    environment.set(name, value)
  }
  for (const name of unset) {
    requireVariableName('--unset-env', name)
    environment.set(name, undefined)
  }
  return environment
}

function requireVariableName(flag: string, name: string): void {
  const refused = refusedVariableName(name)
  // What is no name may hold anything.
  if (refused) throw usageError(`${flag} ${/^[A-Za-z_]\w*$/.test(name) ? name : shown(name)}: ${refused}`)
}
