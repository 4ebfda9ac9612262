import type {Host} from '../host/host.js'
import {isLockedOnDarwin, readDarwinLock} from './lock-darwin.js'
import {linuxLockHolders, readLinuxLock} from './lock-linux.js'
import {readProcess} from './process.js'
import {lockFile} from './records.js'

export {parseLocks} from './lock-linux.js'

/** Who holds the lock on gateway.lock, as far as it can be told without touching it. */
export type LockReading =
  | {
      readonly kind: 'held'
      /** 0: held from a PID namespace that cannot be seen from here. */
      readonly pid: number
      /** The locked file has been deleted since; a second gateway could lock a new one beside it. */
      readonly unlinked: boolean
    }
  | {readonly kind: 'free'}
  | {readonly kind: 'absent'}
  | {readonly kind: 'unreadable'; readonly why: string}

/** Tells who holds the lock of a home without trying it. `candidatePids`: of the processes that the records name. Never throws. */
export function readLock(host: Host, home: string, candidatePids: readonly number[]): LockReading {
  const read = host.platform === 'darwin' ? readDarwinLock : readLinuxLock
  return read(host, lockFile(home), candidatePids)
}

/** True if a command of ours other than this one has locked a home (`Host.lock`). Throws HostError where that cannot be seen. */
export function isLockedByAnother(host: Host, home: string): boolean {
  if (host.platform === 'darwin') return isLockedOnDarwin(host, home)
  // This command's lock is held by a child of it.
  return linuxLockHolders(host, home).some((pid) => readProcess(host, pid)?.parentPid !== host.pid)
}
