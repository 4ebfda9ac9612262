import {type Host, HostError} from '../host/host.js'
import {lockFile} from './records.js'

/** Who holds the lock on gateway.lock, as far as it can be told without touching it. */
export type LockReading =
  | {readonly kind: 'held'; /** 0: held from a PID namespace that cannot be seen from here. */ readonly pid: number}
  | {readonly kind: 'free'}
  | {readonly kind: 'absent'}
  | {readonly kind: 'unreadable'; readonly why: string}

/**
 * Reads /proc/locks (proc(5)) instead of trying the lock, since trying it would make a starting gateway fail. Locks are matched by
 * inode alone: a file on overlayfs shows another device number there.
 */
export function readLock(host: Host, home: string): LockReading {
  try {
    const file = host.stat(lockFile(home))
    if (!file) return {kind: 'absent'}
    const locks = host.readText('/proc/locks')
    if (locks === undefined) return {kind: 'unreadable', why: 'there is no /proc/locks here'}
    const holder = parseLocks(locks).find((lock) => lock.inode === file.inode)
    return holder ? {kind: 'held', pid: holder.pid} : {kind: 'free'}
  } catch (error) {
    if (error instanceof HostError) return {kind: 'unreadable', why: error.code}
    throw error
  }
}

/** The flock(2) write locks of /proc/locks that are held, not waited for ("->"). */
export function parseLocks(text: string): {pid: number; inode: number}[] {
  const held = []
  for (const line of text.split('\n')) {
    const match = /^\d+: FLOCK\s+\S+\s+WRITE\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/.exec(line)
    if (match) held.push({pid: Number(match[1]), inode: Number(match[2])})
  }
  return held
}
