import type {Verdict} from './judge.js'
import {desiredStateOf, GatewayLimit, StateWord, stateWordOf, type DesiredState} from '../gateway/contract.js'
import {formatTimestamp, pythonInt, timestampMicros} from '../gateway/python-values.js'
import {wishOf} from '../service/desired-state.js'

/** What the payload is built from, all seen at one moment. */
export interface HealthObservation {
  readonly verdict: Verdict['state']
  /**
   * The process table that the verdict rests on is the gateway's own, and so is the manager here; a process that is not in it is gone.
   * False where the gateway may run in another container.
   */
  readonly isOwn: boolean
  readonly stateFile: StateFileText
  readonly nowMs: number
}

/** The raw gateway_state.json, or why there is none. `no-access`: none of the gateway's files may be looked at. */
export type StateFileText =
  | {readonly kind: 'text'; readonly text: string}
  | {readonly kind: 'absent' | 'unreadable'}
  | {readonly kind: 'no-access'; readonly error: string}

/** What the WebUI (hermes-webui, api/agent_health.py, May 2026) shows of a gateway, with its names. Members are in its order. */
export interface HealthPayload {
  /** Null: cannot be told, or there is no gateway to be alive. */
  readonly alive: boolean | null
  readonly checked_at: string
  readonly details: HealthDetails
}

export interface HealthDetails {
  readonly state: 'alive' | 'down' | 'unknown'
  readonly reason?: HealthReason
  /** Kind of the error, only with `gateway_status_unavailable`: the name of Python's exception, as in the WebUI. */
  readonly error?: string
  readonly gateway_state?: string
  readonly updated_at?: string
  readonly active_agents?: number
  readonly platform_count?: number
  readonly platform_states?: Readonly<Record<string, number>>
}

export type HealthReason =
  | 'cross_container_freshness'
  | 'gateway_not_configured'
  | 'gateway_not_running'
  | 'gateway_stale_stopped_state'
  | 'gateway_status_unavailable'

/** Not configurable, so that two people who compare what they see compare the same. */
const FRESH_MICROS = GatewayLimit.stateFreshSec * 1_000_000

type StateFile = Readonly<Record<string, unknown>>

/**
 * The WebUI's payload. A proof comes first, however fresh or old the file is; only where there is none does the file's word count, and of
 * it only a timestamp with a zone. Holds no argv, pid, path, environment or token.
 */
export function healthPayload({verdict, isOwn, stateFile, nowMs}: HealthObservation): HealthPayload {
  const file = stateFile.kind === 'text' ? parseStateFile(stateFile.text) : undefined
  const conclude = (alive: HealthPayload['alive'], reason?: HealthReason, more: Partial<HealthDetails> = {}): HealthPayload => ({
    alive,
    checked_at: formatTimestamp(nowMs),
    details: {state: stateWord(alive), ...(reason && {reason}), ...more, ...(file && shownDetails(file))},
  })
  if (verdict === 'alive') return conclude(true)
  if (isOwn && verdict !== 'unknown') return conclude(false, 'gateway_not_running')
  if (stateFile.kind === 'no-access') return conclude(null, 'gateway_status_unavailable', {error: stateFile.error})
  if (!file) return conclude(null, 'gateway_not_configured')

  const word = stateWordOf(file.gateway_state)
  const updatedMicros = typeof file.updated_at === 'string' ? timestampMicros(file.updated_at) : undefined
  const ageMicros = updatedMicros === undefined ? undefined : nowMs * 1000 - updatedMicros
  if (ageMicros !== undefined) {
    if (word === StateWord.running && Math.abs(ageMicros) <= FRESH_MICROS) return conclude(true, 'cross_container_freshness')
    if (word === StateWord.stopped && ageMicros > FRESH_MICROS) return conclude(null, 'gateway_stale_stopped_state')
  }
  return conclude(false, 'gateway_not_running')
}

/**
 * Whether the gateway is meant to run: by the operator's record and upstream's field of the state file, else by how the gateway left that
 * file (one that was stopped wrote so, unless it was to come back). Undefined if nothing says, as for one that was never configured.
 */
export function isMeantToRun(recorded: DesiredState | undefined, stateFile: StateFileText): boolean | undefined {
  const file = stateFile.kind === 'text' ? parseStateFile(stateFile.text) : undefined
  const wish = wishOf(recorded, desiredStateOf(file?.desired_state))
  if (wish !== undefined) return wish === 'running'
  const word = stateWordOf(file?.gateway_state)
  if (word === undefined) return undefined
  return word !== StateWord.stopped || file?.restart_requested === true
}

export const PROBES = ['liveness', 'readiness'] as const
export type Probe = (typeof PROBES)[number]

/**
 * The answer of a probe of Docker or Kubernetes. `liveness` fails only for a gateway that is meant to run and was found dead or wedged,
 * since who asks will kill it; `readiness` succeeds only for one that is alive and says `running`.
 */
export function answersProbe(probe: Probe, payload: HealthPayload, verdict: Verdict['state'], meantToRun: boolean | undefined): boolean {
  if (probe === 'readiness') return payload.alive === true && stateWordOf(payload.details.gateway_state) === StateWord.running
  const isDown = payload.alive === false && (verdict === 'dead' || verdict === 'wedged')
  return !(meantToRun && isDown)
}

/** An object, or undefined for text that is not JSON or another value. */
function parseStateFile(text: string): StateFile | undefined {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return undefined
  }
}

function stateWord(alive: HealthPayload['alive']): HealthDetails['state'] {
  return alive === null ? 'unknown' : alive ? 'alive' : 'down'
}

function shownDetails(file: StateFile): Partial<HealthDetails> {
  const agents = activeAgents(file.active_agents)
  const platforms = asObject(file.platforms)
  const states = platforms && platformStates(platforms)
  return {
    ...(isText(file.gateway_state) && {gateway_state: file.gateway_state}),
    ...(isText(file.updated_at) && {updated_at: file.updated_at}),
    ...(agents !== undefined && {active_agents: agents}),
    ...(platforms && {platform_count: Object.keys(platforms).length}),
    ...(states && {platform_states: states}),
  }
}

/**
 * The WebUI's `max(0, int(value or 0))` with Python's truth and Python's int(); undefined where that raises. A number that not every
 * reader of JSON holds exactly (RFC 8259, section 6) is no count of anything: undefined too.
 */
export function activeAgents(value: unknown): number | undefined {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
  const count = !value || isEmpty ? 0 : pythonInt(value)
  if (count === undefined) return undefined
  if (count <= 0) return 0
  return Number.isSafeInteger(count) ? count : undefined
}

/** How many platforms are in each state; undefined if none names one. */
function platformStates(platforms: StateFile): Readonly<Record<string, number>> | undefined {
  const counts = new Map<string, number>()
  for (const platform of Object.values(platforms)) {
    const state = asObject(platform)?.state
    if (isText(state)) counts.set(state, (counts.get(state) ?? 0) + 1)
  }
  return counts.size > 0 ? Object.fromEntries(counts) : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function asObject(value: unknown): StateFile | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as StateFile) : undefined
}
