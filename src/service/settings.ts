import type {Scope} from './service.js'
import {isObject} from '../gateway/records.js'
import {parseResources, type Resources} from './resources.js'
import {requireValidPolicy, type RestartPolicy} from './restart-policy.js'

/** Whether and how often the gateway's `updated_at` is refreshed, and what is done about a gateway that does not deserve it. */
export interface HeartbeatSettings {
  readonly enabled: boolean
  readonly intervalSec: number
  /** The gateway is killed, and so restarted, after this many ticks in a row that proved it wedged; null: never. */
  readonly watchdogTicks: number | null
  /** Somebody said what is the default too; what nobody said is as the default is, also after that has become another one. */
  readonly watchdogIsGiven?: boolean
}

/** What a watchdog ends is proved to do nothing, three times in a row. */
export const DEFAULT_WATCHDOG_TICKS = 3
export const DEFAULT_HEARTBEAT: HeartbeatSettings = {enabled: true, intervalSec: 60, watchdogTicks: DEFAULT_WATCHDOG_TICKS}

/** What an install decided; recorded beside the definition, so that later commands render the same. No secret is in it. */
export interface ServiceSettings {
  readonly schemaVersion: 1
  readonly scope: Scope
  readonly profile: string
  readonly home: string
  /** Name of the account that the gateway runs as. */
  readonly account: string
  /** The gateway's program and leading arguments; `gateway run` and the profile come after. */
  readonly command: readonly string[]
  /** The command was given by hand, and stays until another one is. */
  readonly commandIsGiven: boolean
  /** hermes-svc created the main definition; it may have been rewritten by another tool since. */
  readonly createdDefinition: boolean
  /** Whether lingering is wanted, so that the service runs without a login. */
  readonly linger: boolean
  /** hermes-svc turned lingering on, so `uninstall` may turn it off. */
  readonly turnedLingerOn: boolean
  readonly policy: RestartPolicy
  /** The longest that the gateway may take to finish its work when it is stopped, in seconds. */
  readonly drainSec: number
  readonly cronDrainSec: number
  readonly heartbeat: HeartbeatSettings
  /** Absent where nobody chose any. */
  readonly resources?: Resources
  /** The manager's domain that was chosen by looking, where it has several (launchd: gui, user or system). */
  readonly domain?: string
  /** The version of hermes-svc that last changed the definition; versions that recorded none were before all that do. */
  readonly writtenBy?: string
}

/** Reads recorded settings; undefined if the text is not a whole record that this version understands. */
export function parseSettings(text: string | undefined): ServiceSettings | undefined {
  if (text === undefined) return undefined
  try {
    return parseRecord(JSON.parse(text))
  } catch {
    // Not JSON, or without a policy that is one.
    return undefined
  }
}

/** Each member by itself: in a container the record lies where the gateway can write. Throws a RangeError for a policy that is none. */
function parseRecord(value: unknown): ServiceSettings | undefined {
  if (!isObject(value) || value.schemaVersion !== 1) return undefined
  const {scope, profile, home, account, command, commandIsGiven, createdDefinition, linger, turnedLingerOn, drainSec, cronDrainSec} = value
  const {domain, writtenBy} = value
  const policy = parsePolicy(value.policy)
  const heartbeat = parseHeartbeat(value.heartbeat)
  const resources = parseResources(value.resources)
  if (!policy || !heartbeat || !resources || (scope !== 'user' && scope !== 'system')) return undefined
  if (!isText(profile) || !isText(home) || !isText(account) || !isTexts(command)) return undefined
  if (!isFlag(commandIsGiven) || !isFlag(createdDefinition) || !isFlag(linger) || !isFlag(turnedLingerOn)) return undefined
  if (!isTime(drainSec) || !isTime(cronDrainSec)) return undefined
  if ((domain !== undefined && !isText(domain)) || (writtenBy !== undefined && !isVersion(writtenBy))) return undefined
  return {
    ...{schemaVersion: 1, scope, profile, home, account, command, commandIsGiven, createdDefinition, linger, turnedLingerOn},
    ...{policy, drainSec, cronDrainSec, heartbeat},
    ...(Object.keys(resources).length > 0 ? {resources} : {}),
    ...(domain === undefined ? {} : {domain}),
    ...(writtenBy === undefined ? {} : {writtenBy}),
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText)
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean'
/** JSON can say 1e999, which is read as infinity. */
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const isTime = (value: unknown): value is number => isNumber(value) && value >= 0

/** The version of hermes-svc that recorded settings which only a newer one than this understands; undefined for any others. */
export function newerWriter(text: string | undefined): string | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    const {schemaVersion, writtenBy} = isObject(value) ? value : {}
    return typeof schemaVersion === 'number' && schemaVersion > 1 && isVersion(writtenBy) ? writtenBy : undefined
  } catch {
    return undefined
  }
}

/** It is shown as a part of a command to type, so nothing else may pass for one. */
function isVersion(value: unknown): value is string {
  return typeof value === 'string' && /^\d[\w.+-]{0,63}$/.test(value)
}

function parsePolicy(value: unknown): RestartPolicy | undefined {
  if (!isObject(value)) return undefined
  const {restartDelayMs, firstMs, capMs, forgetAfterMs, plannedAfterMs} = value
  if (!isNumber(restartDelayMs) || !isNumber(firstMs) || !isNumber(capMs) || !isNumber(forgetAfterMs) || !isNumber(plannedAfterMs))
    return undefined
  const policy = {restartDelayMs, firstMs, capMs, forgetAfterMs, plannedAfterMs}
  requireValidPolicy(policy)
  return policy
}

/**
 * A record of before there was a heartbeat has none. One that says null of the watchdog, and not that somebody said so, follows the default: that was
 * null once, and then nobody had to say it.
 */
function parseHeartbeat(value: unknown): HeartbeatSettings | undefined {
  if (value !== undefined && !isObject(value)) return undefined
  const {enabled, intervalSec, watchdogTicks, watchdogIsGiven = false} = {...DEFAULT_HEARTBEAT, watchdogTicks: null, ...value}
  if (!isFlag(enabled) || !isNumber(intervalSec) || intervalSec <= 0 || !isFlag(watchdogIsGiven)) return undefined
  if (watchdogTicks === null) return {enabled, intervalSec, watchdogTicks: watchdogIsGiven ? null : DEFAULT_WATCHDOG_TICKS}
  if (!isNumber(watchdogTicks) || !Number.isInteger(watchdogTicks) || watchdogTicks <= 0) return undefined
  return {enabled, intervalSec, watchdogTicks, ...(watchdogTicks === DEFAULT_WATCHDOG_TICKS ? {watchdogIsGiven: true} : {})}
}

/** The text of a record. Of the watchdog it says what somebody said, or what is not the default. */
export function formatSettings({heartbeat, ...settings}: ServiceSettings): string {
  const {watchdogIsGiven, watchdogTicks, ...others} = heartbeat
  const isDefault = !watchdogIsGiven && watchdogTicks === DEFAULT_WATCHDOG_TICKS
  const watchdog = {watchdogTicks: isDefault ? null : watchdogTicks, ...(watchdogTicks === null ? {watchdogIsGiven: true} : {})}
  return `${JSON.stringify({...settings, heartbeat: {...others, ...watchdog}}, null, 2)}\n`
}
