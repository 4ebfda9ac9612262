import {LIVING_STATES, PlatformWord, type PlatformWordSaid, RESTING_STATES, StateWord} from '../gateway/contract.js'
import {stateOf} from '../gateway/observation.js'
import {ageMs} from '../gateway/process.js'
import {momentMs} from '../gateway/python-values.js'
import type {GatewayState, PlatformState} from '../gateway/records.js'
import {HostError, type Host} from '../host/host.js'
import {COMES_UP_MS} from './judge.js'
import type {Observation, SeenGateway} from './look.js'

// Whether people reach the bot: told in one place, for status, list, doctor, and whatever starts a gateway.

/** What the platforms of a gateway come to. */
export type OnlineState =
  /** At least one is connected, and none of the others has failed. */
  | 'online'
  /** At least one is connected, and another one has failed. */
  | 'partly'
  /** None is connected yet, and it goes on trying. */
  | 'connecting'
  /** None is connected, and none is about to be: there is no gateway that works, or all its platforms have failed. */
  | 'offline'
  /** It lives, and knows of no platform. */
  | 'none-configured'
  /** It cannot be told. */
  | 'unknown'

/** Why a platform is not what it should be. */
export type PlatformFault = 'fatal' | 'needs-attention' | 'retrying'

/** One platform of the gateway that lives. */
export interface PlatformSeen {
  /** What the gateway wrote of it; its texts are others' words. */
  readonly said: PlatformState
  readonly word: PlatformWordSaid | undefined
  /** How long it has been so, where that is told and matters. */
  readonly forMs: number | undefined
  readonly fault: PlatformFault | undefined
}

export interface Online {
  readonly state: OnlineState
  readonly platforms: readonly PlatformSeen[]
}

/** The moment at which a gateway was seen. */
export interface Moment {
  /** By the wall clock, ms since the epoch. */
  readonly nowMs: number
  /** How long the gateway has been there, by a clock that does not jump: nothing of its can have lasted longer. */
  readonly ageMs: number | undefined
}

/** A platform that reconnects is nothing unusual for that long. */
const LONG_MS = 900_000
/** Platforms that are looked at; upstream knows some dozens. */
const MOST = 200
/** Characters of a name or a word of a platform's that are shown. */
const LONGEST_WORD = 80
/** By so much the clock of a file may be behind that of the process table. */
const SLACK_MS = 10_000

/** What a gateway that was seen says of its platforms, and what that comes to. Pure. */
export function onlineOf(seen: SeenGateway, moment: Moment): Online {
  const {verdict} = seen
  if (verdict.state === 'dead' || verdict.state === 'wedged') return {state: 'offline', platforms: []}
  if (verdict.state === 'unknown') return {state: 'unknown', platforms: []}
  const state = stateOf(seen.gateway.state)
  const isYoung = moment.ageMs !== undefined && moment.ageMs < COMES_UP_MS
  if (!state || !isOwn(seen, state)) return {state: isYoung ? 'connecting' : 'unknown', platforms: []}
  const platforms = ownPlatforms(state, moment)?.map((said) => judged(said, moment))
  return {state: summed(state, platforms), platforms: platforms ?? []}
}

/** The moment at which a service was just seen. */
export function momentOf(host: Host, {manager, verdict, gateway}: Observation): Moment {
  const nowMs = host.nowMs()
  const {pid} = verdict
  if (pid === undefined) return {nowMs, ageMs: undefined}
  if (pid === manager.mainPid && manager.startedAtMs !== undefined) return {nowMs, ageMs: host.monotonicMs() - manager.startedAtMs}
  const process = gateway.processes.get(pid)
  try {
    return {nowMs, ageMs: process && ageMs(host, process)}
  } catch (error) {
    if (error instanceof HostError) return {nowMs, ageMs: undefined}
    throw error
  }
}

/** The name of a platform, or a word that one said of itself, as it is shown: it is others'. */
export function clipped(word: string): string {
  return word.length > LONGEST_WORD ? `${word.slice(0, LONGEST_WORD)}…` : word
}

/** The state file is this very gateway's, which may know itself by another number: in a PID namespace of its own. */
function isOwn({verdict: {pid}, loop}: SeenGateway, {process}: GatewayState): boolean {
  return pid !== undefined && (process?.pid === pid || (loop?.ownPid !== undefined && process?.pid === loop.ownPid))
}

/**
 * What this gateway itself has said: the file keeps what former ones said of platforms that it does not have any more. Who wrote an entry is noted by
 * newer gateways; of older ones those are left out that were there before it was, by a clock that the file itself goes by too.
 */
function ownPlatforms({platforms, updatedAt, process}: GatewayState, {nowMs, ageMs}: Moment) {
  const beganMs = ageMs === undefined ? -Infinity : nowMs - ageMs - SLACK_MS
  const isBefore = (time: string | number | undefined) => (momentMs(time) ?? Infinity) < beganMs
  const isClockGood = !isBefore(updatedAt)
  const isOf = ({writerPid, updatedAt: at}: PlatformState) =>
    writerPid === undefined ? !(isClockGood && isBefore(at)) : writerPid === process?.pid
  return platforms?.filter(isOf).slice(0, MOST)
}

function judged(said: PlatformState, {nowMs, ageMs}: Moment): PlatformSeen {
  const {word, needsAttention, retryingSince, updatedAt} = said
  const sinceMs = (time: string | number | undefined) => {
    const ms = momentMs(time)
    return ms === undefined ? undefined : Math.max(0, Math.min(nowMs - ms, ageMs ?? 0))
  }
  if (word === PlatformWord.fatal) return {said, word, forMs: sinceMs(updatedAt), fault: 'fatal'}
  const attentionMs = needsAttention ? sinceMs(updatedAt) : undefined
  if (attentionMs !== undefined && attentionMs > LONG_MS) return {said, word, forMs: attentionMs, fault: 'needs-attention'}
  const retryingMs = sinceMs(retryingSince)
  const fault = retryingMs !== undefined && retryingMs > LONG_MS ? 'retrying' : undefined
  return {said, word, forMs: needsAttention ? attentionMs : retryingMs, fault}
}

function summed(state: GatewayState, platforms: readonly PlatformSeen[] | undefined): OnlineState {
  if (RESTING_STATES.has(state.gatewayState)) return 'offline'
  if (!platforms || !LIVING_STATES.has(state.gatewayState)) return state.gatewayState === StateWord.starting ? 'connecting' : 'unknown'
  const has = (is: (one: PlatformSeen) => boolean) => platforms.some(is)
  if (has(({word}) => word === PlatformWord.connected)) return has(({fault}) => fault !== undefined) ? 'partly' : 'online'
  if (state.gatewayState === StateWord.starting) return 'connecting'
  if (platforms.length === 0) return 'none-configured'
  const isTrying = ({word, fault}: PlatformSeen) =>
    fault === undefined && (word === PlatformWord.connecting || word === PlatformWord.retrying)
  if (has(isTrying)) return 'connecting'
  return platforms.every(isOut) ? 'offline' : 'unknown'
}

function isOut({word, fault}: PlatformSeen): boolean {
  return fault !== undefined || word === PlatformWord.disconnected || word === PlatformWord.paused
}
