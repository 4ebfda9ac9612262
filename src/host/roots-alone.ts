import path from 'node:path'
import type {Door} from './host.js'

const ROOT_UID = 0
/** Permission bits by which others than the owner may write (chmod(2)). */
export const OTHERS_WRITE = 0o022

/** True if others than its owner may write what has this mode: an access control list shows in the group's bits (acl(5)). */
export function mayOthersWrite({mode}: {readonly mode: number}): boolean {
  return (mode & OTHERS_WRITE) !== 0
}

/** A mode without what lets others write. */
export function closedMode({mode}: {readonly mode: number}): number {
  return mode & ~OTHERS_WRITE
}

/** True if only root can change this file, or what is in this folder; whether another could be put in its place, the folders above say. */
export function isRoots({uid, mode}: {readonly uid: number; readonly mode: number}): boolean {
  return uid === ROOT_UID && !mayOthersWrite({mode})
}

/** True if only root can change the file, or put another in its place. `file`: absolute, without a link. Throws HostErrors. */
export function isRootsAlone(door: Pick<Door, 'stat'>, file: string): boolean {
  const stat = door.stat(file)
  if (!stat || !isRoots(stat)) return false
  return file === '/' || isRootsAlone(door, path.dirname(file))
}
