import type {Scope} from '../managers/manager.js'
import {requireValidPolicy, type RestartPolicy} from './restart-policy.js'

/** Whether and how often the gateway's `updated_at` is refreshed, and what is done about a gateway that does not deserve it. */
export interface HeartbeatSettings {
  readonly enabled: boolean
  readonly intervalSec: number
  /** The gateway is killed, and so restarted, after this many ticks in a row that proved it wedged; null: never. */
  readonly watchdogTicks: number | null
}

export const DEFAULT_HEARTBEAT: HeartbeatSettings = {enabled: true, intervalSec: 60, watchdogTicks: null}

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
  /** The manager's domain that was chosen by looking, where it has several (launchd: gui, user or system). */
  readonly domain?: string
  /** The version of hermes-svc that last changed the definition; versions that recorded none were before all that do. */
  readonly writtenBy?: string
}

/** Reads recorded settings; undefined if the text is not a whole record that this version understands. */
export function parseSettings(text: string | undefined): ServiceSettings | undefined {
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as ServiceSettings
    requireValidPolicy(value.policy)
    // A record of before there was a heartbeat has none.
    const heartbeat = {...DEFAULT_HEARTBEAT, ...(value.heartbeat as Partial<HeartbeatSettings> | undefined)}
    return isWhole(value) && isValidHeartbeat(heartbeat) ? {...value, heartbeat} : undefined
  } catch {
    // Not JSON, or without a policy that is one.
    return undefined
  }
}

/** The version of hermes-svc that recorded settings which only a newer one than this understands; undefined for any others. */
export function newerWriter(text: string | undefined): string | undefined {
  try {
    const {schemaVersion, writtenBy} = JSON.parse(text ?? '') as {schemaVersion?: unknown; writtenBy?: unknown}
    return typeof schemaVersion === 'number' && schemaVersion > 1 && isVersion(writtenBy) ? writtenBy : undefined
  } catch {
    return undefined
  }
}

/** It is shown as a part of a command to type, so nothing else may pass for one. */
function isVersion(value: unknown): value is string {
  return typeof value === 'string' && /^\d[\w.+-]{0,63}$/.test(value)
}

function isWhole(value: ServiceSettings): boolean {
  const {schemaVersion, scope, command, profile, home, account, commandIsGiven, createdDefinition, linger, turnedLingerOn} = value
  return (
    schemaVersion === 1 &&
    (scope === 'user' || scope === 'system') &&
    Array.isArray(command) &&
    [profile, home, account, ...(command as unknown[])].every((text) => typeof text === 'string') &&
    [commandIsGiven, createdDefinition, linger, turnedLingerOn].every((flag) => typeof flag === 'boolean') &&
    (value.domain === undefined || typeof value.domain === 'string') &&
    (value.writtenBy === undefined || isVersion(value.writtenBy)) &&
    [value.drainSec, value.cronDrainSec].every((time) => typeof time === 'number' && time >= 0)
  )
}

function isValidHeartbeat({enabled, intervalSec, watchdogTicks}: HeartbeatSettings): boolean {
  return (
    typeof enabled === 'boolean' &&
    typeof intervalSec === 'number' &&
    intervalSec > 0 &&
    (watchdogTicks === null || (Number.isInteger(watchdogTicks) && watchdogTicks > 0))
  )
}

export function formatSettings(settings: ServiceSettings): string {
  return `${JSON.stringify(settings, null, 2)}\n`
}
