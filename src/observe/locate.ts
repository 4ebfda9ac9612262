import {ExitStatus, ServiceError} from '../errors.js'
import type {ManagerObservation, ObserveOptions} from '../managers/manager.js'
import {inOtherScope, isOfTarget, type Target} from './where.js'

/** A service in the scope in which it is installed, as its manager sees it. */
export interface Located {
  readonly target: Target
  readonly manager: ManagerObservation
  /** Why the manager could not tell of it; `manager` then has only what is on disk. */
  readonly unreachable?: ServiceError
}

/**
 * Asks each manager about many services, once at most. `anyScope`: what is not installed there is looked for in the other scope, by one call
 * more. The results are in the order of the targets. Throws ServiceError (exit 4) if the manager cannot tell of any of them.
 */
export function locateAll(targets: readonly Target[], anyScope: boolean, options: ObserveOptions = {}): Located[] {
  const here = askManagers(targets, options)
  const elsewhere = anyScope
    ? lookElsewhere(
        targets.filter((target) => !here.has(target)),
        options,
      )
    : new Map<Target, Located>()
  return targets.map(
    (target) => elsewhere.get(target) ?? here.get(target) ?? {target, manager: target.manager.observer.notInstalled(target.service)},
  )
}

/** What each manager says of those of its own: mostly there is one, beside what runs in the foreground. */
function askManagers(targets: readonly Target[], options: ObserveOptions): Map<Target, Located> {
  const ofManager = ({manager: {kind, scope}}: Target) => `${kind} ${scope}`
  const managers = [...new Set(targets.map(ofManager))]
  return new Map(
    managers.flatMap((manager) => {
      const own = targets.filter((target) => ofManager(target) === manager)
      return [...askManager(own, options)]
    }),
  )
}

/** What the manager says of those that are on disk: an unknown unit would cost it a search of all its folders. */
function askManager(targets: readonly Target[], options: ObserveOptions): Map<Target, Located> {
  const onDisk = targets.filter((target) => target.manager.observer.isOnDisk(target.service))
  try {
    return askAtOnce(onDisk, options)
  } catch (error) {
    if (!isUntold(error) || onDisk.length < 2) throw error
    // One service of which it cannot tell hides no other one.
    const each = onDisk.map((target): Located => askAlone(target, options))
    if (each.every(({unreachable}) => unreachable)) throw error
    return new Map(each.map((located) => [located.target, located]))
  }
}

function askAtOnce(targets: readonly Target[], options: ObserveOptions): Map<Target, Located> {
  const observations =
    targets[0]?.manager.observer.observe(
      targets.map((target) => target.service),
      options,
    ) ?? []
  return new Map(
    targets.flatMap((target, index) => {
      const manager = observations[index]
      return manager ? [[target, {target, manager}]] : []
    }),
  )
}

/** What a manager says of one service; what lies on disk of it, and why, where the manager cannot tell. */
export function askAlone(target: Target, options: ObserveOptions): Located {
  const {manager, service} = target
  try {
    return {target, manager: manager.observer.observe([service], options)[0] ?? manager.observer.notInstalled(service)}
  } catch (error) {
    if (!isUntold(error)) throw error
    return {target, manager: manager.observer.whileDown?.(service) ?? manager.observer.notInstalled(service), unreachable: error}
  }
}

function isUntold(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.exitStatus === ExitStatus.cannotTell
}

/** Which of these are installed in the other scope, for the same account and home. A manager that cannot be asked has nothing to show. */
function lookElsewhere(targets: readonly Target[], options: ObserveOptions): Map<Target, Located> {
  const others = targets.flatMap((meant) => {
    const target = inOtherScope(meant)
    return target ? [{meant, target}] : []
  })
  try {
    const seen = askManagers(
      others.map(({target}) => target),
      options,
    )
    return new Map(
      others.flatMap(({meant, target}) => {
        const located = seen.get(target)
        return located && isOfTarget(target, located.manager) ? [[meant, located]] : []
      }),
    )
  } catch (error) {
    if (error instanceof ServiceError) return new Map()
    throw error
  }
}
