import type {ProcessTable} from '../gateway/process-table.js'
import type {Scene} from './scene.js'

/**
 * What costs much and is the same for many services, such as the programs in /usr/bin: found out once a look at the machine, however many
 * services that look is about. A later look finds it out anew. `key`: which of several such things. A failure is not remembered.
 */
export function oncePerLook<T>(find: (scene: Scene, key: string) => T): (scene: Scene, key: string) => T {
  // All scenes of one look share one table of processes.
  const known = new WeakMap<ProcessTable, Map<string, T>>()
  return (scene, key) => {
    const ofLook = known.get(scene.processes) ?? new Map<string, T>()
    known.set(scene.processes, ofLook)
    if (!ofLook.has(key)) ofLook.set(key, find(scene, key))
    return ofLook.get(key) as T
  }
}
