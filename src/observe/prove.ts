import {ExitStatus, ServiceError} from '../errors.js'
import {DEFAULT_WEDGE_WINDOW_MS, proveLoop} from './prove-loop.js'
import type {Doors} from '../host/host.js'
import {locateAll} from './locate.js'
import {observe, type Observation, observeWith} from './look.js'
import type {Target} from './where.js'

export {DEFAULT_WEDGE_WINDOW_MS}

/** Observes a service and, if its gateway's process is alive, proves or disproves its event loop. Reads only. */
export function prove(target: Target, windowMs = DEFAULT_WEDGE_WINDOW_MS): Promise<Observation> {
  return proveSeen(target, observe(target), windowMs)
}

/** The same for a service that was observed already. */
export async function proveSeen(target: Doors, seen: Observation, windowMs: number): Promise<Observation> {
  return {...seen, verdict: await proveLoop(target, seen.gateway, seen.verdict, windowMs)}
}

/** A service as it was seen, in the scope in which it was found. */
export interface Found {
  readonly target: Target
  readonly seen: Observation
}

/**
 * The same for many services of one manager: that is asked once at most, and all gateways at once, so that however many are wedged it takes
 * no longer than for one. `anyScope`: what is not installed there is looked for in the other scope, by one call more.
 */
export function proveAll(targets: readonly Target[], windowMs: number, anyScope: boolean): Promise<Found[]> {
  const proved = locateAll(targets, anyScope).map(async ({target, manager}) => ({
    target,
    seen: await proveSeen(target, observeWith(target, manager), windowMs),
  }))
  return Promise.all(proved)
}

/**
 * Throws (exit 1) if a gateway of this home runs where its process cannot be seen: it can be neither asked nor waited for, and no other one
 * starts beside it. For an observation that was proved: by its control socket alone may it have been found.
 */
export function requireVisible(target: Target, seen: Observation): void {
  if (!isUnseen(seen)) return
  throw new ServiceError(`The gateway of ${target.service.profile.home} runs where it cannot be seen from here, probably in a container`, {
    code: 'gateway-unseen',
    exitStatus: ExitStatus.failed,
    evidence: seen.verdict.evidence,
    next: ['the same command where it runs'],
  })
}

/** True if a gateway is there without a process that could be seen: it holds the lock, or its control socket answers. */
export function isUnseen({gateway, verdict}: Observation): boolean {
  return verdict.pid === undefined && (gateway.lock.kind === 'held' || verdict.state === 'alive')
}

/** Asks the control socket where no process was found; what was seen stays as it is else. */
export async function askUnseen(target: Target, seen: Observation): Promise<Observation> {
  return seen.verdict.pid === undefined ? proveSeen(target, seen, 0) : seen
}
