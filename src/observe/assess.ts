import {StateWord} from '../gateway/contract.js'
import {ExitStatus} from '../errors.js'
import {stateOf} from '../gateway/observation.js'
import type {Observation} from './look.js'
import type {Online} from './online.js'

/** This many failures in a row, and a service is crash-looping: the next one is at least some seconds away. */
export const CRASH_LOOP_FAILURES = 3

/** What a service is doing, in one word, and the exit status that `status` ends with for it (DESIGN's contract). */
export interface Assessment {
  readonly actual:
    | 'running'
    | 'starting'
    | 'draining'
    | 'stopping'
    | 'wedged'
    | 'orphaned'
    | 'crash-looping'
    | 'waiting'
    | 'failed'
    | 'stopped'
    | 'not-installed'
    | 'unknown'
  readonly exitStatus: ExitStatus
}

/** Sums an observation up. Pure. */
export function assess(seen: Observation): Assessment {
  const {manager, verdict} = seen
  const state = stateOf(seen.gateway.state)?.gatewayState
  if (seen.unreachable) return {actual: 'unknown', exitStatus: ExitStatus.cannotTell}
  if (verdict.pid !== undefined && seen.supervised === false) return {actual: 'orphaned', exitStatus: ExitStatus.failed}
  if (manager.installed === 'no' && manager.broken === undefined) return {actual: 'not-installed', exitStatus: ExitStatus.cannotTell}
  if (verdict.state === 'wedged') return {actual: 'wedged', exitStatus: ExitStatus.failed}
  const mayBeUp = (verdict.state === 'alive' || verdict.state === 'unknown') && manager.activity === 'running'
  const goesOn = manager.activity === 'running' || manager.activity === 'starting' || manager.activity === 'waiting'
  if (goesOn && manager.failuresInARow >= CRASH_LOOP_FAILURES && !mayBeUp) return {actual: 'crash-looping', exitStatus: ExitStatus.failed}
  switch (manager.activity) {
    case 'running':
      if (verdict.state === 'unknown') return {actual: 'unknown', exitStatus: ExitStatus.cannotTell}
      if (state === StateWord.draining) return {actual: 'draining', exitStatus: ExitStatus.ok}
      // The process is there, and its record follows in a moment: after two minutes without one the verdict is no longer dead.
      if (verdict.state === 'dead' || state === StateWord.starting) {
        return {actual: 'starting', exitStatus: seen.isOverdue ? ExitStatus.failed : ExitStatus.ok}
      }
      return {actual: 'running', exitStatus: ExitStatus.ok}
    case 'starting':
      return {actual: 'starting', exitStatus: ExitStatus.ok}
    case 'stopping':
      return {actual: 'stopping', exitStatus: ExitStatus.notRunning}
    case 'waiting':
      return {actual: 'waiting', exitStatus: ExitStatus.failed}
    case 'failed':
      return {actual: 'failed', exitStatus: ExitStatus.notRunning}
    case 'stopped':
      return {actual: 'stopped', exitStatus: ExitStatus.notRunning}
  }
}

/** What `status` ends with: 1 also for a gateway that is well, and a platform of which is not, as `doctor`. Pure. */
export function statusExit({exitStatus}: Assessment, {platforms}: Online): ExitStatus {
  return exitStatus === ExitStatus.ok && platforms.some(({fault}) => fault !== undefined) ? ExitStatus.failed : exitStatus
}
