import path from 'node:path'
import {ownerDoor} from '../host/account-door.js'
import {type Door, HostError} from '../host/host.js'
import type {Scene} from './scene.js'
import {processAgeMs} from './situation.js'

/** A process begins before its program: what the manager makes of what the definition says, such as mounts, it makes in between. */
const SET_UP_MS = 1000

/**
 * When the program of the service's main process was started, ms since the epoch, if it was started on the definition as it is on disk now; undefined if it was not,
 * or if that cannot be told. What that definition needs was there then, whatever we make of its text.
 */
export function startedOnDefinitionMs(scene: Scene): number | undefined {
  const {seen, target, processes, nowMs} = scene
  const {activity, mainPid, needsReload, definitionPaths} = seen.manager
  const process = mainPid === undefined ? undefined : processes.entries.get(mainPid)
  const ageMs = process && processAgeMs(scene, process)
  if (activity !== 'running' || needsReload || ageMs === undefined || definitionPaths.length === 0) return undefined
  const startedMs = nowMs - ageMs + SET_UP_MS
  const door = ownerDoor(target.host, target.manager.placement.owner(target.service))
  return definitionPaths.every((file) => (modifiedMs(door, file) ?? Infinity) <= startedMs) ? startedMs : undefined
}

/** True if a file, or its absence, has been what it is since then: neither it nor the folder that it is or would be in was changed. */
export function isUnchangedSince(door: Door, file: string, sinceMs: number): boolean {
  const own = modifiedMs(door, file)
  if (own !== undefined && own > sinceMs) return false
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const changedMs = modifiedMs(door, folder)
    if (changedMs !== undefined) return changedMs <= sinceMs
    if (folder === path.dirname(folder)) return false
  }
}

function modifiedMs(door: Door, file: string): number | undefined {
  try {
    return door.stat(file)?.modifiedMs
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}
