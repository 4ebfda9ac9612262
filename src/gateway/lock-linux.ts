import {type FileStat, type Host, HostError} from '../host/host.js'
import type {LockReading} from './lock.js'
import {isGatewayCommandLine, readProcess} from './process.js'

/**
 * Tells who holds the lock from what the kernel shows, instead of trying it: a try would make a starting gateway fail. First the open
 * files of the processes that the records name (proc_pid_fdinfo(5)), since /proc/locks (proc_locks(5)) makes every reader wait some
 * 15 ms for all CPUs; that is read only where nobody named holds it.
 */
export function readLinuxLock(host: Host, lock: string, candidatePids: readonly number[]): LockReading {
  try {
    const file = host.stat(lock)
    for (const pid of candidatePids) {
      const held = lockOfProcess(host, pid, lock, file)
      if (typeof held === 'object') return held
    }
    if (!file) return {kind: 'absent'}
    const locks = host.readText('/proc/locks')
    if (locks === undefined) return {kind: 'unreadable', why: 'there is no /proc/locks here'}
    // Inode numbers are unique in one file system only: where the holder's open files can be seen, they decide.
    for (const {pid} of parseLocks(locks).filter(({inode}) => inode === file.inode)) {
      const held = lockOfProcess(host, pid, lock, file)
      if (typeof held === 'object') return held
      if (held === 'unseen' && mayBeGateway(host, pid)) return {kind: 'held', pid, unlinked: false}
    }
    return {kind: 'free'}
  } catch (error) {
    if (error instanceof HostError) return {kind: 'unreadable', why: error.code}
    throw error
  }
}

/** The lock of one process on the file, or on a deleted file that had its name; `unseen` if its open files cannot be looked at. */
function lockOfProcess(host: Host, pid: number, path: string, file: FileStat | undefined): LockReading | 'none' | 'unseen' {
  try {
    const fds = host.list(`/proc/${pid}/fd`)
    for (const fd of fds ?? []) {
      const target = host.readLink(`/proc/${pid}/fd/${fd}`)
      if (!target?.replace(/ \(deleted\)$/, '').endsWith('/gateway.lock')) continue
      const unlinked = target === `${path} (deleted)`
      if (!unlinked && host.stat(`/proc/${pid}/fd/${fd}`)?.inode !== file?.inode) continue
      if (/^lock:\s+\d+: FLOCK\s+\S+\s+WRITE\s/m.test(host.readText(`/proc/${pid}/fdinfo/${fd}`) ?? ''))
        return {kind: 'held', pid, unlinked}
    }
    return fds === undefined ? 'unseen' : 'none'
  } catch (error) {
    if (error instanceof HostError) return 'unseen'
    throw error
  }
}

/** Another user's process that is no gateway locks another file. Of one in another PID namespace nothing can be said. */
function mayBeGateway(host: Host, pid: number): boolean {
  const process = readProcess(host, pid)
  return process === undefined || isGatewayCommandLine(process.argv)
}

/** The flock(2) write locks of /proc/locks that are held, not waited for ("->"). Matched by inode alone: overlayfs shows another device. */
export function parseLocks(text: string): {pid: number; inode: number}[] {
  const held = []
  for (const line of text.split('\n')) {
    const match = /^\d+: FLOCK\s+\S+\s+WRITE\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/.exec(line)
    if (match) held.push({pid: Number(match[1]), inode: Number(match[2])})
  }
  return held
}

/** The pids of those that hold a lock on a file or folder. */
export function linuxLockHolders(host: Host, file: string): number[] {
  const inode = host.stat(file)?.inode
  return parseLocks(host.readText('/proc/locks') ?? '')
    .filter((lock) => lock.inode === inode)
    .map(({pid}) => pid)
}
