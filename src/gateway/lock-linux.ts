import type {LockReading} from './lock-reading.js'
import {HomeFile} from './contract.js'
import {type Door, type Doors, type FileStat, HostError} from '../host/host.js'
import {listIfAllowed, readIfAllowed, statIfAllowed} from '../host/tolerant-read.js'
import {isGatewayCommandLine, readProcess} from './process.js'

/**
 * Tells who holds the lock from what the kernel shows, instead of trying it: a try would make a starting gateway fail. First the open
 * files of the processes that the records name (proc_pid_fdinfo(5)), since /proc/locks (proc_locks(5)) makes every reader wait some
 * 15 ms for all CPUs; that is read only where nobody named holds it.
 */
export function readLinuxLock({host, userHost}: Doors, lock: string, candidatePids: readonly number[]): LockReading {
  try {
    const file = userHost.stat(lock)
    // Root without CAP_SYS_PTRACE, as in a container, sees no open files but its own; the gateway's user sees the gateway's.
    const lockOf = (pid: number) => {
      const held = lockOfProcess(host, pid, lock, file)
      return held === 'unseen' ? lockOfProcess(userHost, pid, lock, file) : held
    }
    for (const pid of candidatePids) {
      const held = lockOf(pid)
      if (typeof held === 'object') return held
    }
    if (!file) return {kind: 'absent'}
    const locks = host.readText('/proc/locks')
    if (locks === undefined) return {kind: 'unreadable', why: '/proc/locks does not exist here'}
    // Inode numbers are unique in one file system only, so that the file system has to be the same too.
    const sameInode = parseLocks(locks).filter(({inode}) => inode === file.inode)
    const device = sameInode.length > 0 ? kernelDevice({host, userHost}, lock) : undefined
    let untold: number | undefined
    for (const {pid} of sameInode.filter((one) => device === undefined || one.device === device)) {
      const held = lockOf(pid)
      if (typeof held === 'object') return held
      if (held === 'none') continue
      if (device !== undefined) return {kind: 'held', pid, unlinked: false}
      if (mayBeGateway(host, pid)) untold ??= pid
    }
    if (untold === undefined) return {kind: 'free'}
    return {
      kind: 'unreadable',
      why: `process ${untold} holds a lock on a file with the same inode number, and hermes-svc cannot tell on which file system`,
    }
  } catch (error) {
    if (error instanceof HostError) return {kind: 'unreadable', why: error.code}
    throw error
  }
}

/** The lock of one process on the file, or on a deleted file that had its name; `unseen` if its open files cannot be looked at. */
function lockOfProcess(host: Door, pid: number, path: string, file: FileStat | undefined): LockReading | 'none' | 'unseen' {
  try {
    const fds = host.list(`/proc/${pid}/fd`)
    for (const fd of fds ?? []) {
      const target = host.readLink(`/proc/${pid}/fd/${fd}`)
      if (!target?.replace(/ \(deleted\)$/, '').endsWith(`/${HomeFile.lock}`)) continue
      const unlinked = target === `${path} (deleted)`
      if (!unlinked && !isSameFile(host.stat(`/proc/${pid}/fd/${fd}`), file)) continue
      if (hasWriteLock(host.readText(`/proc/${pid}/fdinfo/${fd}`) ?? '')) return {kind: 'held', pid, unlinked}
    }
    return fds === undefined ? 'unseen' : 'none'
  } catch (error) {
    if (error instanceof HostError) return 'unseen'
    throw error
  }
}

/** By proc_pid_fdinfo(5). */
function hasWriteLock(fdinfo: string): boolean {
  return /^lock:\s+\d+: FLOCK\s+\S+\s+WRITE\s/m.test(fdinfo)
}

/** Where file systems cannot be told apart: another user's process that is no gateway locks another file. Of one in another PID namespace nothing can be said. */
function mayBeGateway(host: Door, pid: number): boolean {
  const process = readProcess(host, pid)
  return process === undefined || isGatewayCommandLine(process.argv)
}

/** The flock(2) write locks of /proc/locks that are held, not waited for ("->"). `device`: of the file system, as `kernelDevice` says it. */
export function parseLocks(text: string): {pid: number; device: string; inode: number}[] {
  const held = []
  for (const line of text.split('\n')) {
    const match = /^\d+: FLOCK\s+\S+\s+WRITE\s+(\d+)\s+([0-9a-f]+):([0-9a-f]+):(\d+)\s/.exec(line)
    if (!match) continue
    const [, pid, major = '', minor = '', inode] = match
    held.push({pid: Number(pid), device: `${parseInt(major, 16)}:${parseInt(minor, 16)}`, inode: Number(inode)})
  }
  return held
}

/**
 * The device of the file system that a file is on, as `MAJOR:MINOR` in decimal, and as the kernel itself numbers it: that of its mount in
 * /proc/self/mountinfo (proc_pid_mountinfo(5)). /proc/locks has the same; stat(2) shows another one on overlayfs and btrfs. Undefined if it
 * cannot be told.
 */
function kernelDevice({host, userHost}: Doors, file: string): string | undefined {
  const real = userHost.realPath(file)
  if (real === undefined) return undefined
  let found: {readonly at: string; readonly device: string} | undefined
  for (const line of (host.readText('/proc/self/mountinfo') ?? '').split('\n')) {
    const [, , device, , escaped] = line.split(' ')
    if (device === undefined || escaped === undefined) continue
    const at = escaped.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)))
    const isAbove = real.startsWith(at === '/' ? '/' : `${at}/`)
    // Of two mounts on one place the later one covers the other.
    if (isAbove && at.length >= (found?.at.length ?? 0)) found = {at, device}
  }
  return found?.device
}

function isSameFile(one: FileStat | undefined, other: FileStat | undefined): boolean {
  return one !== undefined && one.inode === other?.inode && one.device === other.device
}

/**
 * True if another process holds a lock on a file or folder, by what it has open: /proc/locks names the program that took the lock, and that may have handed
 * it on and ended. Processes that this user may not look at are no commands of ours on it.
 */
export function isLockedOnLinux({host, userHost}: Doors, place: string): boolean {
  const own = userHost.lstat(place)
  const pids = (host.list('/proc') ?? []).filter((name) => /^\d+$/.test(name) && Number(name) !== host.pid)
  return pids.some((pid) =>
    listIfAllowed(host, `/proc/${pid}/fd`).some((fd) => {
      const open = statIfAllowed(host, `/proc/${pid}/fd/${fd}`)
      return isSameFile(open, own) && hasWriteLock(readIfAllowed(host, `/proc/${pid}/fdinfo/${fd}`) ?? '')
    }),
  )
}
