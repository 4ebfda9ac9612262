import type {SeenGateway} from '../observe/look.js'
import {clipped, type Moment, onlineOf} from '../observe/online.js'
import {CRASH_LOOP_FAILURES} from '../observe/assess.js'
import {COMES_UP_MS, RECORD_WITHIN_MS} from '../observe/judge.js'
import {isSettling} from '../observe/settling.js'
import {GatewayExit, PlatformWord} from '../gateway/contract.js'
import {OOM_WORDS} from '../service/end-line.js'
import {visible} from '../text/visible.js'
import type {Condition, Sight} from './transition.js'

/** What the conditions of a service are about that are its gateway's own; others are about a platform, by its name. */
export const GATEWAY = 'gateway'
/** What doctor tells of in the place of the tick: that there is none. */
export const HEARTBEAT = 'heartbeat'

/** What a tick knows of a service. */
export interface Known {
  readonly seen: SeenGateway
  /** Of the gateway; see onlineOf. */
  readonly moment: Moment
  /** The operator has it stopped, for good or until the next boot. */
  readonly isStopMeant: boolean
  readonly failuresInARow: number
  /** How long ago it was let go, if no end has been noted since. */
  readonly startedForMs: number | undefined
  /** When it ended, UNIX ms, where that is recorded. */
  readonly endedMs: number | undefined
  /** That was by the kernel, for lack of memory. */
  readonly wasOom: boolean
  /** How long the machine, or the container, has been up, and awake. */
  readonly awakeForMs: number
  /** How often it is ticked. */
  readonly tickEveryMs: number
  /** Why its manager does not start it again; undefined if it does, or that is not known. */
  readonly keptDown: 'fatal-config' | 'start-limit' | undefined
}

/** What is bad with a service, what is well, and what is meant to be so. Pure. */
export function sightOf(known: Known): Sight {
  const {seen, isStopMeant, awakeForMs, tickEveryMs} = known
  const nothing: Sight = {bad: [], well: [], meant: []}
  if (isStopMeant) return {...nothing, meant: 'everything'}
  if (isSettling(awakeForMs, tickEveryMs)) return nothing
  switch (seen.verdict.state) {
    case 'unknown':
      return nothing
    case 'wedged':
      return {...nothing, bad: [{about: GATEWAY, kind: 'wedged', sinceMs: undefined, what: 'does not respond: its event loop is stuck'}]}
    case 'dead':
      return {...nothing, bad: ofDead(known)}
    case 'alive':
      return together(ofLiving(known), ofPlatforms(known))
  }
}

function ofDead({keptDown, failuresInARow, startedForMs, endedMs, wasOom}: Known): Condition[] {
  const is = (kind: Condition['kind'], what: string): Condition[] => [{about: GATEWAY, kind, sinceMs: endedMs, what}]
  const status = GatewayExit.fatalConfiguration
  const why = wasOom ? `; it was ${OOM_WORDS}` : ''
  if (keptDown === 'fatal-config') return is(keptDown, `ended with ${status}: its configuration is wrong, so it does not start again`)
  if (keptDown === 'start-limit') return is(keptDown, `has reached the start limit of its service manager and does not start again${why}`)
  // It has been started, and may not have written yet who it is; or it has ended right now, and what ended it is not noted yet.
  if (startedForMs !== undefined && startedForMs < RECORD_WITHIN_MS) return []
  if (failuresInARow >= CRASH_LOOP_FAILURES)
    return is('crash-looping', `ends soon after each start (${failuresInARow} failures in a row)${why}`)
  return is('down', `is down, but it should be running${why}`)
}

/** One that has come up after many failures may be about to fail again. */
function ofLiving({failuresInARow, moment: {ageMs}}: Known): Sight {
  const isOnTrial = failuresInARow >= CRASH_LOOP_FAILURES && (ageMs ?? 0) < COMES_UP_MS
  return {bad: [], well: isOnTrial ? [] : [GATEWAY], meant: []}
}

function ofPlatforms(known: Known): Sight {
  const {nowMs, ageMs} = known.moment
  const {state, platforms} = onlineOf(known.seen, known.moment)
  const bad = platforms.flatMap(({said, fault, forMs}): Condition[] => {
    if (fault === undefined) return []
    const why = said.errorMessage === undefined ? '' : `: ${visible(clipped(said.errorMessage))}`
    const what = `has no connection to ${visible(clipped(said.name))}${fault === 'fatal' ? ' and no longer tries to connect' : ''}${why}`
    return [{about: said.name, kind: 'platform-down', sinceMs: forMs === undefined ? undefined : nowMs - forMs, what}]
  })
  const well = platforms.filter(({word, fault}) => word === PlatformWord.connected && fault === undefined).map(({said}) => said.name)
  const meant = platforms.filter(({word}) => word === PlatformWord.paused).map(({said}) => said.name)
  // A young one may not have named all of them yet.
  const isWhole = (ageMs ?? 0) >= COMES_UP_MS && (platforms.length > 0 || state === 'none-configured')
  const all = isWhole ? [GATEWAY, ...platforms.map(({said}) => said.name)] : undefined
  return {bad: bad.filter(({about}) => about !== GATEWAY), well: well.filter((name) => name !== GATEWAY), meant, all}
}

function together(one: Sight, other: Sight): Sight {
  const meant = [one.meant, other.meant].flatMap((names) => (names === 'everything' ? [] : names))
  return {bad: [...one.bad, ...other.bad], well: [...one.well, ...other.well], meant, all: other.all}
}
