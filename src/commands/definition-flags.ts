import type {DefinitionFlagValues} from '../setup/definition-flag-values.js'
import {Flags} from '@oclif/core'
import {usageError} from '../errors.js'
import type {Host} from '../host/host.js'
import type {DefinitionRequest} from '../lifecycle/install.js'
import {refusedVariableName, refusedVariableValue} from '../service/environment-variable.js'
import type {RestartPolicy} from '../service/restart-policy.js'
import type {HeartbeatSettings} from '../service/settings.js'
import {shown} from '../service/text-check.js'

/** Flags that decide what a definition says. */
export const definitionFlags = {
  command: Flags.string({
    description: "the gateway's program, with leading arguments (default: the one under the home, else hermes on PATH)",
    helpValue: '<command>',
  }),
  env: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    description: 'variable for the gateway, kept in a file that only its user can read; NAME alone takes the value from here',
    helpValue: '<NAME=value>',
  }),
  'unset-env': Flags.string({multiple: true, multipleNonGreedy: true, description: 'take such a variable away again', helpValue: '<NAME>'}),
  linger: Flags.boolean({allowNo: true, description: 'let the service run without a login (default: yes)'}),
  'restart-delay': Flags.string({
    description: 'delay after the first failure in a row; doubles with each (default: 1s)',
    helpValue: '<time>',
  }),
  'restart-delay-max': Flags.string({description: 'longest delay between restarts (default: 2m)', helpValue: '<time>'}),
  heartbeat: Flags.string({
    options: ['on', 'off'],
    description: "keep the gateway's timestamp fresh while it is proved alive, so that no monitor takes an idle one for dead (default: on)",
  }),
  'heartbeat-interval': Flags.string({
    description: 'how often (default: 60s; the most demanding service of a user counts)',
    helpValue: '<time>',
  }),
  watchdog: Flags.string({
    description: 'have a gateway restarted that so many ticks in a row (3 if left out) proved wedged; off: never (default)',
    helpValue: '[ticks]|off',
  }),
}

/** See BaseCommand.bareFlags. */
export const bareDefinitionFlags = {watchdog: '3'}

/** Turns the flags into a request. Throws usage errors that name the flag and the reason. */
export function definitionRequest(host: Host, flags: DefinitionFlagValues): DefinitionRequest {
  const environment = new Map<string, string | undefined>()
  for (const entry of flags.env ?? []) {
    const equals = entry.indexOf('=')
    const name = equals < 0 ? entry : entry.slice(0, equals)
    requireVariableName('--env', name)
    const own = Object.hasOwn(host.env, name) ? host.env[name] : undefined
    const value = equals < 0 ? own : entry.slice(equals + 1)
    if (value === undefined) throw usageError(`--env ${name}: it is not set here, so it has no value to take`)
    const refused = refusedVariableValue(value)
    // The value may be a secret: the message leaves it out.
    if (refused) throw usageError(`--env ${name}: its value ${refused}`)
    environment.set(name, value)
  }
  for (const name of flags['unset-env'] ?? []) {
    requireVariableName('--unset-env', name)
    environment.set(name, undefined)
  }
  return {command: flags.command, environment, linger: flags.linger, policy: policyOf(flags), heartbeat: heartbeatOf(flags)}
}

function policyOf(flags: DefinitionFlagValues): Partial<RestartPolicy> {
  const firstMs = timeMs('--restart-delay', flags['restart-delay'])
  const capMs = timeMs('--restart-delay-max', flags['restart-delay-max'])
  return {...(firstMs === undefined ? {} : {firstMs}), ...(capMs === undefined ? {} : {capMs})}
}

/** Monitors call a timestamp stale after 120 s. */
const LONGEST_INTERVAL_SEC = 90
const MOST_TICKS = 100

function heartbeatOf({heartbeat, 'heartbeat-interval': interval, watchdog}: DefinitionFlagValues): Partial<HeartbeatSettings> {
  const isOff = heartbeat === 'off'
  if (isOff && interval !== undefined) throw usageError('--heartbeat-interval: there is no interval with --heartbeat off')
  return {
    ...(heartbeat === undefined ? {} : {enabled: !isOff}),
    ...(interval === undefined ? {} : {intervalSec: intervalSec(interval)}),
    ...(watchdog === undefined ? {} : {watchdogTicks: watchdogTicks(watchdog)}),
  }
}

function intervalSec(text: string): number {
  const [, digits, unit] = /^(\d{1,3})([sm])?$/.exec(text) ?? []
  const seconds = Number(digits) * (unit === 'm' ? 60 : 1)
  if (!(seconds >= 1 && seconds <= LONGEST_INTERVAL_SEC)) {
    throw usageError(
      `--heartbeat-interval ${JSON.stringify(text)}: it must be 1s to ${LONGEST_INTERVAL_SEC}s; monitors call a gateway dead after 120 s`,
    )
  }
  return seconds
}

function watchdogTicks(text: string): number | null {
  if (text === 'off') return null
  const ticks = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (ticks < 1 || ticks > MOST_TICKS)
    throw usageError(`--watchdog ${JSON.stringify(text)}: it must be a number of ticks, 1 to ${MOST_TICKS}, or off`)
  return ticks
}

/** `500ms`, `1s`, `2m`, `1h`, at most an hour. */
function timeMs(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, digits, unit] = /^(\d{1,7})(ms|s|m|h)$/.exec(text) ?? []
  const ms = Number(digits) * ({ms: 1, s: 1000, m: 60_000, h: 3_600_000}[unit ?? ''] ?? NaN)
  if (!(ms > 0 && ms <= 3_600_000))
    throw usageError(`${flag} ${JSON.stringify(text)}: it must be a time such as 500ms, 1s or 2m, at most 1h`)
  return ms
}

function requireVariableName(flag: string, name: string): void {
  const refused = refusedVariableName(name)
  // What is no name may hold anything.
  if (refused) throw usageError(`${flag} ${/^[A-Za-z_]\w*$/.test(name) ? name : shown(name)}: ${refused}`)
}
