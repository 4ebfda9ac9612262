import {ExitStatus, ServiceError} from '../errors.js'
import {DEFAULT_WEDGE_WINDOW_MS, proveLoop, type ProofHosts} from '../gateway/prove-loop.js'
import type {ManagerObservation} from '../managers/manager.js'
import {observe, type Observation, observeWith} from './observe.js'
import {inOtherScope, isOfTarget, type Target} from './target.js'

export {DEFAULT_WEDGE_WINDOW_MS}

/** Observes a service and, if its gateway's process is alive, proves or disproves its event loop. Reads only. */
export function prove(target: Target, windowMs = DEFAULT_WEDGE_WINDOW_MS): Promise<Observation> {
  return proveSeen(target, observe(target), windowMs)
}

/** The same for a service that was observed already. */
async function proveSeen(target: ProofHosts, seen: Observation, windowMs: number): Promise<Observation> {
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
  const here = askManager(targets)
  const elsewhere = anyScope ? lookElsewhere(targets.filter((target) => !here.has(target))) : new Map<Target, Place>()
  return Promise.all(
    targets.map(async (meant) => {
      const {target, observation} = elsewhere.get(meant) ?? {target: meant, observation: here.get(meant)}
      const seen = observeWith(target, observation ?? target.manager.notInstalled(target.service))
      return {target, seen: await proveSeen(target, seen, windowMs)}
    }),
  )
}

/** What the manager says of those that are on disk: an unknown unit would cost it a search of all its folders. */
function askManager(targets: readonly Target[]): Map<Target, ManagerObservation> {
  const onDisk = targets.filter((target) => target.manager.isOnDisk(target.service))
  const observations = onDisk[0]?.manager.observe(onDisk.map((target) => target.service)) ?? []
  return new Map(
    onDisk.flatMap((target, index) => {
      const observation = observations[index]
      return observation ? [[target, observation]] : []
    }),
  )
}

interface Place {
  readonly target: Target
  readonly observation: ManagerObservation
}

/** Which of these are installed in the other scope, for the same account and home. A manager that cannot be asked has nothing to show. */
function lookElsewhere(targets: readonly Target[]): Map<Target, Place> {
  const others = targets.flatMap((meant) => {
    const target = inOtherScope(meant)
    return target ? [{meant, target}] : []
  })
  try {
    const seen = askManager(others.map(({target}) => target))
    return new Map(
      others.flatMap(({meant, target}) => {
        const observation = seen.get(target)
        return observation && isOfTarget(target, observation) ? [[meant, {target, observation}]] : []
      }),
    )
  } catch (error) {
    if (error instanceof ServiceError) return new Map()
    throw error
  }
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
