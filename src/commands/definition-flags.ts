import type {DefinitionFlagValues} from '../setup/definition-flag-values.js'
import {Flags} from '@oclif/core'
import {parseDurationMs} from './duration.js'
import {usageError} from '../errors.js'
import type {Host} from '../host/host.js'
import type {DefinitionRequest} from '../lifecycle/definition.js'
import {refusedVariableName, refusedVariableValue} from '../service/environment-variable.js'
import type {RestartPolicy} from '../service/restart-policy.js'
import {DEFAULT_WATCHDOG_TICKS, type HeartbeatSettings} from '../service/settings.js'
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
    description: `have a gateway restarted that so many ticks in a row proved wedged (default: ${DEFAULT_WATCHDOG_TICKS}); off: never`,
    helpValue: '[ticks]|off',
  }),
}

/** See BaseCommand.bareFlags. */
export const bareDefinitionFlags = {watchdog: String(DEFAULT_WATCHDOG_TICKS)}

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
  const firstMs = delayMs('--restart-delay', flags['restart-delay'])
  const capMs = delayMs('--restart-delay-max', flags['restart-delay-max'])
  return {...(firstMs === undefined ? {} : {firstMs}), ...(capMs === undefined ? {} : {capMs})}
}

/** Monitors call a timestamp stale after 120 s. */
const LONGEST_INTERVAL_MS = 90_000
const MOST_TICKS = 100
const LONGEST_DELAY_MS = 3_600_000

function heartbeatOf({heartbeat, 'heartbeat-interval': interval, watchdog}: DefinitionFlagValues): Partial<HeartbeatSettings> {
  const isOff = heartbeat === 'off'
  if (isOff && interval !== undefined) throw usageError('--heartbeat-interval: there is no interval with --heartbeat off')
  return {
    ...(heartbeat === undefined ? {} : {enabled: !isOff}),
    ...(interval === undefined ? {} : {intervalSec: intervalSec(interval)}),
    ...(watchdog === undefined ? {} : watchdogOf(watchdog)),
  }
}

function intervalSec(text: string): number {
  const why = 'monitors call a gateway dead after 120 s'
  return parseDurationMs(text, {flag: '--heartbeat-interval', leastMs: 1000, mostMs: LONGEST_INTERVAL_MS, why}) / 1000
}

/** Said, it stays so where the default becomes another one. */
function watchdogOf(text: string): Pick<HeartbeatSettings, 'watchdogTicks' | 'watchdogIsGiven'> {
  const ticks = watchdogTicks(text)
  return {watchdogTicks: ticks, watchdogIsGiven: ticks === DEFAULT_WATCHDOG_TICKS}
}

function watchdogTicks(text: string): number | null {
  if (text === 'off') return null
  const ticks = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (ticks < 1 || ticks > MOST_TICKS)
    throw usageError(`--watchdog ${JSON.stringify(text)}: it must be a number of ticks, 1 to ${MOST_TICKS}, or off`)
  return ticks
}

function delayMs(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text, {flag, leastMs: 1, mostMs: LONGEST_DELAY_MS})
}

function requireVariableName(flag: string, name: string): void {
  const refused = refusedVariableName(name)
  // What is no name may hold anything.
  if (refused) throw usageError(`${flag} ${/^[A-Za-z_]\w*$/.test(name) ? name : shown(name)}: ${refused}`)
}
