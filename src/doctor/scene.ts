import {ExitStatus, ServiceError} from '../errors.js'
import {type ProcessTable, readProcessTable} from '../gateway/process-table.js'
import {type Located, locateAll, askAlone} from '../observe/locate.js'
import {type Observation, proveLocated} from '../observe/look.js'
import {servedBy} from '../observe/served.js'
import type {Target} from '../observe/where.js'

/** One service at one moment, with all that checks share. */
export interface Scene {
  readonly target: Target
  /** Its verdict is proved: a wedged event loop is told from one that works. */
  readonly seen: Observation
  /** Why the manager could not be asked; `seen.manager` then has only what is on disk. */
  readonly unreachable: ServiceError | undefined
  readonly processes: ProcessTable
  /** Wall clock, ms since the epoch. */
  readonly nowMs: number
  /** ms since boot. */
  readonly monotonicMs: number
  /** It was asked for by itself, not only as one of all profiles. */
  readonly isNamed: boolean
  /** The profile whose gateway serves this one. */
  readonly servedBy: string | undefined
}

export interface SceneOptions {
  /** How long a loop must not be seen working before it is called wedged. */
  readonly wedgeWindowMs: number
  readonly isNamed: boolean
  /** What is not installed in the scope of its target is looked for in the other one. */
  readonly anyScope: boolean
}

/**
 * Looks at services of one manager: one call of it for each scope and one look at the process table, however many there are. Reads only.
 * Throws only what is no fault of the service: a manager that cannot be reached is part of what is seen.
 */
export async function observeScenes(targets: readonly Target[], {wedgeWindowMs, isNamed, anyScope}: SceneOptions): Promise<Scene[]> {
  const [first] = targets
  if (!first) return []
  const located = locate(targets, isNamed, anyScope)
  const processes = readProcessTable(first.host)
  const found = await proveLocated(located, wedgeWindowMs)
  return found.map(({target, seen}): Scene => {
    const [nowMs, monotonicMs] = [target.host.nowMs(), target.host.monotonicMs()]
    return {target, seen, unreachable: seen.unreachable, processes, nowMs, monotonicMs, isNamed, servedBy: servedBy(target)}
  })
}

function locate(targets: readonly Target[], isNamed: boolean, anyScope: boolean): readonly Located[] {
  // A service that was asked for may be known to the manager without being on disk any more.
  if (isNamed) return targets.map((target) => askAlone(target, {withTick: true}))
  try {
    return locateAll(targets, anyScope, {withTick: true})
  } catch (error) {
    if (!(error instanceof ServiceError) || error.exitStatus !== ExitStatus.cannotTell) throw error
    return targets.map((target) => {
      const {manager, service} = target
      return {target, manager: manager.observer.whileDown?.(service) ?? manager.observer.notInstalled(service), unreachable: error}
    })
  }
}
