import {ServiceError} from '../errors.js'
import type {ManagerObservation, ObserveOptions} from '../managers/manager.js'
import {inOtherScope, isOfTarget, type Target} from './where.js'

/** A service in the scope in which it is installed, as its manager sees it. */
export interface Located {
  readonly target: Target
  readonly manager: ManagerObservation
}

/**
 * Asks the manager about many services, once at most. `anyScope`: what is not installed there is looked for in the other scope, by one call
 * more. The results are in the order of the targets. Throws ServiceError (exit 4) if the manager cannot be reached.
 */
export function locateAll(targets: readonly Target[], anyScope: boolean, options: ObserveOptions = {}): Located[] {
  const here = askManager(targets, options)
  const elsewhere = anyScope
    ? lookElsewhere(
        targets.filter((target) => !here.has(target)),
        options,
      )
    : new Map<Target, Located>()
  return targets.map(
    (target) => elsewhere.get(target) ?? {target, manager: here.get(target) ?? target.manager.notInstalled(target.service)},
  )
}

/** What the manager says of those that are on disk: an unknown unit would cost it a search of all its folders. */
function askManager(targets: readonly Target[], options: ObserveOptions): Map<Target, ManagerObservation> {
  const onDisk = targets.filter((target) => target.manager.isOnDisk(target.service))
  const observations =
    onDisk[0]?.manager.observe(
      onDisk.map((target) => target.service),
      options,
    ) ?? []
  return new Map(
    onDisk.flatMap((target, index) => {
      const observation = observations[index]
      return observation ? [[target, observation]] : []
    }),
  )
}

/** Which of these are installed in the other scope, for the same account and home. A manager that cannot be asked has nothing to show. */
function lookElsewhere(targets: readonly Target[], options: ObserveOptions): Map<Target, Located> {
  const others = targets.flatMap((meant) => {
    const target = inOtherScope(meant)
    return target ? [{meant, target}] : []
  })
  try {
    const seen = askManager(
      others.map(({target}) => target),
      options,
    )
    return new Map(
      others.flatMap(({meant, target}) => {
        const manager = seen.get(target)
        return manager && isOfTarget(target, manager) ? [[meant, {target, manager}]] : []
      }),
    )
  } catch (error) {
    if (error instanceof ServiceError) return new Map()
    throw error
  }
}
