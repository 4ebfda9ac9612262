import {usageError} from '../errors.js'
import type {DefinitionRequest} from '../lifecycle/definition.js'
import {CPU_WEIGHT_FORM, LIMIT_FORM, NICE_FORM, parseCpuWeight, parseLimit, parseNice, type Resources} from '../service/resources.js'
import {DEFAULT_RESTART_POLICY} from '../service/restart-policy.js'
import {DEFAULT_HEARTBEAT, DEFAULT_WATCHDOG_TICKS, type HeartbeatSettings, type ServiceSettings} from '../service/settings.js'
import {shellWord} from '../text/shell-quote.js'
import {inUnits, parseDurationMs} from './duration.js'

// What can be chosen for a service: the one list from which the flags of install and the command config come.

/** The part of a request that is about settings, variables aside. */
export type SettingRequest = Omit<DefinitionRequest, 'environment' | 'notify'>

/** One thing that can be chosen, by the name of its flag. */
export interface Setting {
  /** For its flag; the default is said there. */
  readonly description: string
  readonly helpValue?: string
  readonly options?: readonly string[]
  /** As it is typed, and shown. */
  readonly defaultText: string
  /** What a value asks for. `name`: how it was named, for messages. Throws usage errors. */
  readonly parse: (text: string, name: string) => Partial<SettingRequest>
  /** What asks for the default again. */
  readonly unset: Partial<SettingRequest>
  /** Its value, as it would be typed. */
  readonly show: (settings: ServiceSettings) => string
  /** Somebody chose it; absent: so did whoever has another value than the default. */
  readonly isGiven?: (settings: ServiceSettings) => boolean
}

/** Monitors call a timestamp stale after 120 s. */
const LONGEST_INTERVAL_MS = 90_000
const MOST_TICKS = 100
const LONGEST_DELAY_MS = 3_600_000
const FOUND = 'the one under the home, else hermes on PATH'
const ON_OFF = ['on', 'off']

const onOff = (isOn: boolean): string => (isOn ? 'on' : 'off')

function parseOnOff(text: string, name: string): boolean {
  if (!ON_OFF.includes(text)) throw usageError(`${name} ${JSON.stringify(text)}: must be on or off`)
  return text === 'on'
}

function parseDelayMs(text: string, name: string): number {
  return parseDurationMs(text, {flag: name, leastMs: 1, mostMs: LONGEST_DELAY_MS})
}

function parseIntervalSec(text: string, name: string): number {
  const why = 'monitors call a gateway dead after 120 s'
  return parseDurationMs(text, {flag: name, leastMs: 1000, mostMs: LONGEST_INTERVAL_MS, why}) / 1000
}

/** Said, it stays so where the default becomes another one. */
function parseWatchdog(text: string, name: string): Pick<HeartbeatSettings, 'watchdogTicks' | 'watchdogIsGiven'> {
  if (text === 'off') return {watchdogTicks: null, watchdogIsGiven: false}
  const ticks = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (ticks < 1 || ticks > MOST_TICKS) {
    throw usageError(`${name} ${JSON.stringify(text)}: must be a number of ticks from 1 to ${MOST_TICKS}, or off`)
  }
  return {watchdogTicks: ticks, watchdogIsGiven: ticks === DEFAULT_WATCHDOG_TICKS}
}

/** For what nobody limits. */
const NONE = 'none'

/** A setting of what a service may take: none, unless somebody says so. */
function resource<Name extends keyof Resources>(
  name: Name,
  description: string,
  form: string,
  parse: (text: string) => Resources[Name],
): Setting {
  return {
    description: `${description}; ${NONE} (default): hermes-svc sets nothing`,
    helpValue: '<value>',
    defaultText: NONE,
    parse: (text, flag) => {
      const value = text === NONE ? null : parse(text)
      if (value === undefined) throw usageError(`${flag} ${JSON.stringify(text)}: must be ${form}, or ${NONE}`)
      return {resources: {[name]: value}}
    },
    unset: {resources: {[name]: null}},
    show: ({resources}) => String(resources?.[name] ?? NONE),
  }
}

export const SETTINGS = {
  command: {
    description: `the program of the gateway, with arguments to put first (default: ${FOUND})`,
    helpValue: '<command>',
    defaultText: FOUND,
    parse: (command) => ({command}),
    unset: {findsCommand: true},
    show: ({command}) => command.map(shellWord).join(' '),
    isGiven: ({commandIsGiven}) => commandIsGiven,
  },
  linger: {
    description: 'keep the service running while its user is not logged in (default: yes)',
    options: ON_OFF,
    defaultText: 'on',
    parse: (text, name) => ({linger: parseOnOff(text, name)}),
    unset: {linger: true},
    show: ({linger}) => onOff(linger),
  },
  'restart-delay': {
    description: `delay before the restart after a failure; doubles with each failure in a row (default: ${inUnits(DEFAULT_RESTART_POLICY.firstMs)})`,
    helpValue: '<time>',
    defaultText: inUnits(DEFAULT_RESTART_POLICY.firstMs),
    parse: (text, name) => ({policy: {firstMs: parseDelayMs(text, name)}}),
    unset: {policy: {firstMs: DEFAULT_RESTART_POLICY.firstMs}},
    show: ({policy}) => inUnits(policy.firstMs),
  },
  'restart-delay-max': {
    description: `longest delay before a restart (default: ${inUnits(DEFAULT_RESTART_POLICY.capMs)})`,
    helpValue: '<time>',
    defaultText: inUnits(DEFAULT_RESTART_POLICY.capMs),
    parse: (text, name) => ({policy: {capMs: parseDelayMs(text, name)}}),
    unset: {policy: {capMs: DEFAULT_RESTART_POLICY.capMs}},
    show: ({policy}) => inUnits(policy.capMs),
  },
  heartbeat: {
    description:
      "keep the gateway's timestamp fresh while the gateway is alive, so that monitors do not report an idle gateway as dead (default: on)",
    options: ON_OFF,
    defaultText: onOff(DEFAULT_HEARTBEAT.enabled),
    parse: (text, name) => ({heartbeat: {enabled: parseOnOff(text, name)}}),
    unset: {heartbeat: {enabled: DEFAULT_HEARTBEAT.enabled}},
    show: ({heartbeat}) => onOff(heartbeat.enabled),
  },
  'heartbeat-interval': {
    description: `time between two heartbeats (default: ${DEFAULT_HEARTBEAT.intervalSec}s); the services of one user share the shortest interval`,
    helpValue: '<time>',
    defaultText: inUnits(DEFAULT_HEARTBEAT.intervalSec * 1000),
    parse: (text, name) => ({heartbeat: {intervalSec: parseIntervalSec(text, name)}}),
    unset: {heartbeat: {intervalSec: DEFAULT_HEARTBEAT.intervalSec}},
    show: ({heartbeat}) => inUnits(heartbeat.intervalSec * 1000),
  },
  watchdog: {
    description: `restart the gateway after this many heartbeats in a row have found it wedged (default: ${DEFAULT_WATCHDOG_TICKS}); off: never`,
    helpValue: '[ticks]|off',
    defaultText: String(DEFAULT_WATCHDOG_TICKS),
    parse: (text, name) => ({heartbeat: parseWatchdog(text, name)}),
    unset: {heartbeat: {watchdogTicks: DEFAULT_WATCHDOG_TICKS, watchdogIsGiven: false}},
    show: ({heartbeat: {watchdogTicks}}) => (watchdogTicks === null ? 'off' : String(watchdogTicks)),
    isGiven: ({heartbeat: {watchdogTicks, watchdogIsGiven}}) => watchdogIsGiven === true || watchdogTicks !== DEFAULT_WATCHDOG_TICKS,
  },
  'memory-high': resource(
    'memoryHigh',
    'above this much memory, systemd slows the gateway down, e.g. 800M or 60%; systemd only',
    LIMIT_FORM,
    parseLimit,
  ),
  'memory-max': resource(
    'memoryMax',
    'above this much memory, the kernel kills processes of the gateway, e.g. 1G or 80%; systemd only',
    LIMIT_FORM,
    parseLimit,
  ),
  nice: resource('nice', 'priority of the gateway for the CPU, from -20 (first) to 19 (last)', NICE_FORM, parseNice),
  'cpu-weight': resource(
    'cpuWeight',
    'share of a busy CPU, from 1 to 10000; other services have 100; systemd only',
    CPU_WEIGHT_FORM,
    parseCpuWeight,
  ),
  'keep-awake': {
    description: 'keep the machine awake while the gateway runs (default: off); systemd and launchd only',
    options: ON_OFF,
    defaultText: 'off',
    parse: (text, name) => ({resources: {keepAwake: parseOnOff(text, name) ? true : null}}),
    unset: {resources: {keepAwake: null}},
    show: ({resources}) => onOff(resources?.keepAwake === true),
  },
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof SETTINGS
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[]

/** The setting of a name; undefined if there is none. */
export function settingOf(name: string): Setting | undefined {
  return SETTING_NAMES.includes(name as SettingName) ? SETTINGS[name as SettingName] : undefined
}

/** Requests as one; of what is in several the last counts. */
function merged(parts: readonly Partial<SettingRequest>[]): SettingRequest {
  return parts.reduce<SettingRequest>(
    (sum, part) => ({
      ...sum,
      ...part,
      policy: {...sum.policy, ...part.policy},
      heartbeat: {...sum.heartbeat, ...part.heartbeat},
      resources: {...sum.resources, ...part.resources},
    }),
    {policy: {}, heartbeat: {}, resources: {}},
  )
}

/** All that is asked for, as one request in which the default is asked for of everything else. Throws as `together`. */
export function declared(given: ReadonlyMap<SettingName, Partial<SettingRequest>>): SettingRequest {
  together([...given.values()])
  const all = SETTING_NAMES.map((name) => given.get(name) ?? SETTINGS[name].unset)
  return merged(all)
}

/** All that is asked for, as one request. Throws usage errors for what does not go together. */
export function together(parts: readonly Partial<SettingRequest>[]): SettingRequest {
  const whole = merged(parts)
  const {enabled, intervalSec} = whole.heartbeat
  if (enabled === false && intervalSec !== undefined) throw usageError('--heartbeat-interval cannot be used with --heartbeat off')
  return whole
}
