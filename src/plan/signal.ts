import path from 'node:path'
import {GatewaySignal, StateWord} from '../gateway/contract.js'
import {readGatewayState} from '../gateway/records.js'
import {type GatewayPlace, type GatewayProcess, isStillThere, signalGateway, writePlannedStop} from '../gateway/signal-gateway.js'
import {stateOf} from '../gateway/observation.js'
import {type AccountHost, type Doors, HostError} from '../host/host.js'
import {waitUntil} from '../host/wait-until.js'
import type {Progress, SignalStep} from './plan.js'

const LOOK_EVERY_MS = 50
/** Of the helpers' memory: there while a stop that somebody asked for is under way. */
const STOPPING = 'stopping'

/** What came of a signal: whether it was sent, and whether the process has ended since. */
export interface Signalled {
  readonly changed: boolean
  readonly came: boolean
}

/**
 * Sends a signal to the very process that is meant, after its identity was checked once more, and waits for its end. Nothing is sent to one that is gone.
 * Throws `survived`'s failure for one that is still there when the wait is over.
 */
export async function signalAndWait(doors: Doors, step: Omit<SignalStep, 'kind' | 'why'>, progress: Progress): Promise<Signalled> {
  const {process, signal, home, waitMs, deadlineMs = Infinity} = step
  const {host, userHost} = doors
  const place: GatewayPlace = {...doors, service: {profile: {home: home ?? ''}}}
  const isThere = () => isStillThere(place, process)
  if (!isThere()) return {changed: false, came: false}
  if (step.memory !== undefined) announceEnd(userHost, step.memory, process)
  if (step.isPlannedStop) announceStop(place, process, progress)
  if (!(home === undefined ? userHost.signal(process.pid, signal) : signalGateway(place, process, signal))) {
    return {changed: false, came: false}
  }
  const startMs = host.monotonicMs()
  const says = (leftMs: number) =>
    `waiting for pid ${process.pid} ${AIMS[signal] ?? 'to end'} (${signal})${workOf(place, home)}; ${Math.ceil(leftMs / 1000)} s left`
  const limits = {
    limitMs: Math.min(waitMs, deadlineMs - startMs),
    everyMs: LOOK_EVERY_MS,
    onWait: (leftMs: number) => progress(says(leftMs)),
  }
  if (waitMs === 0) return {changed: true, came: false}
  const outcome = await waitUntil(host, limits, () => {
    if (!isThere()) return 'ended'
    return isInVain(place, step, host.monotonicMs() - startMs) && 'given up'
  })
  if (outcome === 'ended') return {changed: true, came: true}
  const failure = step.survived?.(host.monotonicMs() >= deadlineMs)
  if (failure) throw failure
  return {changed: true, came: false}
}

const AIMS: Partial<Record<NodeJS.Signals, string>> = {
  [GatewaySignal.restart]: 'to finish its work',
  [GatewaySignal.stop]: 'to stop',
  SIGKILL: 'to disappear',
}

/**
 * Tells the helper that counts failures that the end which is about to come was asked for, whatever it will be: once the gateway is gone the
 * manager may be quicker with the next start than any command. Where the helpers have no memory nobody counts.
 */
function announceEnd(userHost: AccountHost, memory: string, {pid}: GatewayProcess): void {
  try {
    if (userHost.stat(memory)?.kind === 'folder') userHost.writeAtomic(path.join(memory, STOPPING), `${pid}\n`, 0o600)
  } catch (error) {
    // A full disk must not keep a gateway from being stopped; it costs a failure in the count.
    if (!(error instanceof HostError)) throw error
  }
}

/** Without the marker the gateway takes the stop for an accident, which is counted as a failure; but it stops. */
function announceStop(place: GatewayPlace, gateway: GatewayProcess, progress: Progress): void {
  try {
    writePlannedStop(place, gateway)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    progress(`stopping pid ${gateway.pid} without the planned-stop marker: ${error.message}`)
  }
}

/** In vain is the wait for a gateway that was asked and neither says so nor has work in hand. */
function isInVain({userHost}: GatewayPlace, {answerMs, home, process}: Omit<SignalStep, 'kind' | 'why'>, waitedMs: number): boolean {
  if (answerMs === undefined || home === undefined || waitedMs < answerMs) return false
  const state = stateOf(readGatewayState(userHost, home))
  if (state?.process?.pid !== process.pid) return true
  return state.gatewayState !== StateWord.draining && !state.restartRequested && state.activeAgents === 0
}

/** What the gateway of a home says it still works on, in brackets; empty if that is nothing. */
export function workOf({userHost}: Doors, home: string | undefined): string {
  const state = home === undefined ? undefined : stateOf(readGatewayState(userHost, home))
  if (!state) return ''
  const units = state.activeWork.length > 0 ? ` on ${state.activeWork.slice(0, 3).join(', ')}` : ''
  return state.activeAgents > 0 || units !== '' ? ` (${state.activeAgents} active agents${units})` : ''
}
