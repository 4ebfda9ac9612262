import {ExitStatus, ServiceError} from '../errors.js'
import {proveLoop} from '../gateway/prove-loop.js'
import {type ProcessTable, readProcessTable} from '../gateway/process-table.js'
import {type Observation, observeWith} from '../lifecycle/observe.js'
import {servedBy} from '../lifecycle/served.js'
import type {Target} from '../lifecycle/target.js'
import type {ManagerObservation} from '../managers/manager.js'

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
  /** Makes what all scenes of one look share, such as the content of a folder, when it is first asked for. */
  readonly once: <T>(key: string, make: () => T) => T
}

export interface SceneOptions {
  /** How long a loop must not be seen working before it is called wedged. */
  readonly wedgeWindowMs: number
  readonly isNamed: boolean
}

/**
 * Looks at services of one manager: one call of it and one look at the process table, however many there are. Reads only. Throws only what
 * is no fault of the service: a manager that cannot be reached is part of what is seen.
 */
export async function observeScenes(targets: readonly Target[], {wedgeWindowMs, isNamed}: SceneOptions): Promise<Scene[]> {
  const [first] = targets
  if (!first) return []
  const {host, manager} = first
  // An unknown unit costs the manager a search of all its folders.
  const asked = isNamed ? targets : targets.filter(({service}) => manager.isOnDisk(service))
  const {observations, unreachable} = askManager(first, asked)
  const processes = readProcessTable(host)
  const once = rememberer()
  const scenes = targets.map(async (target): Promise<Scene> => {
    const known = observations.get(target.service.name) ?? manager.whileDown(target.service) ?? manager.notInstalled(target.service)
    const seen = observeWith(target, known)
    const verdict = await proveLoop(target, seen.gateway, seen.verdict, wedgeWindowMs)
    const [nowMs, monotonicMs] = [host.nowMs(), host.monotonicMs()]
    return {target, seen: {...seen, verdict}, unreachable, processes, nowMs, monotonicMs, isNamed, servedBy: servedBy(target), once}
  })
  return Promise.all(scenes)
}

/** A failure is not remembered: whoever asks next gets it as well. */
function rememberer(): Scene['once'] {
  const made = new Map<string, unknown>()
  return <T>(key: string, make: () => T): T => {
    if (!made.has(key)) made.set(key, make())
    return made.get(key) as T
  }
}

function askManager({manager}: Target, asked: readonly Target[]) {
  const observations = new Map<string, ManagerObservation>()
  try {
    for (const seen of manager.observe(asked.map(({service}) => service))) observations.set(seen.service.name, seen)
    return {observations, unreachable: undefined}
  } catch (error) {
    if (!(error instanceof ServiceError) || error.exitStatus !== ExitStatus.cannotTell) throw error
    return {observations, unreachable: error}
  }
}
