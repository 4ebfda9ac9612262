import type {LockReading} from './lock-reading.js'
import {type Doors, folderLock, isPrivate} from '../host/host.js'
import {isLockedOnDarwin, readDarwinLock} from './lock-darwin.js'
import {isLockedOnLinux, readLinuxLock} from './lock-linux.js'
import {lockFile} from './records.js'

export {parseLocks} from './lock-linux.js'

/** Tells who holds the lock of a home without trying it. `candidatePids`: of the processes that the records name. Never throws. */
export function readLock(doors: Doors, home: string, candidatePids: readonly number[]): LockReading {
  const read = doors.host.platform === 'darwin' ? readDarwinLock : readLinuxLock
  return read(doors, lockFile(home), candidatePids)
}

/** True if a command of ours other than this one has locked a home (`Door.lockWithin`). Throws HostError where that cannot be seen. */
export function isLockedByAnother(doors: Doors, home: string): boolean {
  const stat = doors.userHost.lstat(home)
  const places = [folderLock(home), ...(stat && isPrivate(stat) ? [home] : [])].filter((place) => doors.userHost.lstat(place) !== undefined)
  return places.some((place) => (doors.host.platform === 'darwin' ? isLockedOnDarwin(doors.host, place) : isLockedOnLinux(doors, place)))
}
