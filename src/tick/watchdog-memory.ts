import {isObject} from '../gateway/records.js'

/** What the watchdog remembers of one service from tick to tick, in the service's runtime folder: a stop by hand or a reboot forgets it. */
export interface WatchdogMemory {
  /** The gateway that was proved wedged in the last ticks. */
  readonly pid: number
  /** As its process tells it. */
  readonly startTime: number
  /** How many ticks in a row. */
  readonly wedgedTicks: number
  /** How often it has killed a gateway of this service, long ago forgotten. */
  readonly kills: number
  /** When it last did, ms on the monotonic clock. */
  readonly lastKillMs: number
}

/** What a tick saw of the gateway. */
export interface Sighting {
  readonly pid: number
  readonly startTime: number
  readonly isWedged: boolean
  /** Since its process started, at least. */
  readonly ageMs: number
}

export interface Decision {
  /** To be remembered; undefined if nothing new is. */
  readonly memory: WatchdogMemory | undefined
  readonly kill: boolean
  /** How long it still holds back although the gateway has been wedged for long enough; 0 if it does not. */
  readonly heldBackMs: number
}

/** A gateway that has only just started may well load something for a while. */
export const YOUNG_MS = 30_000
/** Between a first kill and a second one; it doubles with each. */
const FIRST_PAUSE_MS = 10 * 60_000
const LONGEST_PAUSE_MS = 6 * 3_600_000

const NOTHING_KNOWN: WatchdogMemory = {pid: 0, startTime: 0, wedgedTicks: 0, kills: 0, lastKillMs: 0}

/**
 * Whether a gateway is to be killed after this tick: once it was proved wedged in `limit` ticks in a row, the same process each time,
 * and not sooner after the last kill than the pause that the number of kills has earned. Where killing does not help it thus becomes
 * rare, instead of a restart loop. Pure.
 */
export function afterTick(known: WatchdogMemory | undefined, seen: Sighting | undefined, limit: number, nowMs: number): Decision {
  const before = known ?? NOTHING_KNOWN
  if (seen?.isWedged !== true || seen.ageMs < YOUNG_MS) {
    return {memory: before.wedgedTicks > 0 ? {...before, wedgedTicks: 0} : undefined, kill: false, heldBackMs: 0}
  }
  const {pid, startTime} = seen
  const isSame = before.pid === pid && before.startTime === startTime
  const memory: WatchdogMemory = {...before, pid, startTime, wedgedTicks: (isSame ? before.wedgedTicks : 0) + 1}
  if (memory.wedgedTicks < limit) return {memory, kill: false, heldBackMs: 0}
  // A clock that has gone back (a faked one) must not make it kill more often.
  const heldBackMs = Math.max(0, pauseAfter(before.kills) - Math.max(0, nowMs - before.lastKillMs))
  return {memory, kill: heldBackMs === 0, heldBackMs}
}

/** What is to be remembered once it kills. Earlier kills are forgotten when twice their pause has passed without one. Pure. */
export function afterKill(memory: WatchdogMemory, nowMs: number): WatchdogMemory {
  const isForgotten = nowMs - memory.lastKillMs >= 2 * pauseAfter(memory.kills)
  return {...memory, wedgedTicks: 0, kills: isForgotten ? 1 : memory.kills + 1, lastKillMs: nowMs}
}

/** The least time between a kill and the next one, after so many of them. */
export function pauseAfter(kills: number): number {
  return kills < 1 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(kills - 1, 20))
}

/** Reads what was remembered; undefined if the text is nothing of the kind. */
export function parseMemory(text: string | undefined): WatchdogMemory | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return undefined
    const {pid, startTime, wedgedTicks, kills, lastKillMs} = value
    const isCount = (number: unknown): number is number => typeof number === 'number' && Number.isFinite(number) && number >= 0
    if (!isCount(pid) || !isCount(startTime) || !isCount(wedgedTicks) || !isCount(kills) || !isCount(lastKillMs)) return undefined
    return {pid, startTime, wedgedTicks, kills, lastKillMs}
  } catch {
    return undefined
  }
}
