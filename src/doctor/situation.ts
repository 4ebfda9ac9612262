import type {ProcessEntry, ProcessInfo} from '../gateway/process-info.js'
import {type Online, onlineOf} from '../observe/online.js'
import {START_UNIT_MS} from '../gateway/process.js'
import type {Scene} from './scene.js'

/** What began or ended this short a time ago is still on its way: what it leaves or lacks is no finding yet. */
export const SETTLED_MS = 3000

/** True while the service starts, stops or waits for its next start, and for a moment after that. */
export function isOnItsWay(scene: Pick<Scene, 'seen' | 'monotonicMs'>): boolean {
  return ['starting', 'stopping', 'waiting'].includes(scene.seen.manager.activity) || hasJustChanged(scene)
}

/** True for a moment after the service was started, or has ended. */
function hasJustChanged({seen: {manager}, monotonicMs}: Pick<Scene, 'seen' | 'monotonicMs'>): boolean {
  const sinceMs = [manager.changedAtMs, manager.mainPid === undefined ? undefined : manager.startedAtMs]
  return sinceMs.some((ms) => ms !== undefined && monotonicMs - ms < SETTLED_MS)
}

/**
 * How long a process has been there, in ms, by no clock that jumps; undefined if it cannot be told. Compared with this very process,
 * whose age is known: the clock of the process table goes on while the machine sleeps, the monotonic one does not.
 */
export function processAgeMs(
  {processes, target, monotonicMs}: Pick<Scene, 'processes' | 'target' | 'monotonicMs'>,
  {startTime}: ProcessInfo | ProcessEntry,
): number | undefined {
  const {host} = target
  const own = processes.entries.get(host.pid)
  // At the moment of the scene, as its other times.
  const ownAgeMs = host.ownAgeMs() - (host.monotonicMs() - monotonicMs)
  return own && ownAgeMs + (own.startTime - startTime) * START_UNIT_MS
}

/** How long the gateway that lives has been there, in ms; undefined if there is none or it cannot be told. */
export function gatewayAgeMs(scene: Scene): number | undefined {
  const {seen, monotonicMs} = scene
  const {pid} = seen.verdict
  if (pid === undefined) return undefined
  if (pid === seen.manager.mainPid && seen.manager.startedAtMs !== undefined) return monotonicMs - seen.manager.startedAtMs
  const process = seen.gateway.processes.get(pid)
  return process && processAgeMs(scene, process)
}

/** True if a file was written a moment ago, or its time says nothing because it lies as little ahead. */
export function isJustWritten({target, nowMs}: Pick<Scene, 'target' | 'nowMs'>, file: string): boolean {
  const stat = target.userHost.lstat(file)
  return stat !== undefined && Math.abs(nowMs - stat.modifiedMs) < SETTLED_MS
}

/** Whether people reach the gateway of a scene. */
export function onlineOfScene(scene: Scene): Online {
  return onlineOf(scene.seen, {nowMs: scene.nowMs, ageMs: gatewayAgeMs(scene)})
}
