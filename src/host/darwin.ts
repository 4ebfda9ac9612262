import fs from 'node:fs'
import type {Account} from './host.js'

// What macOS does in another way than Linux, for the real host.

/** open(2): takes flock(2)'s exclusive lock in the same step; with O_NONBLOCK it fails with EAGAIN where another has it. */
const O_EXLOCK = 0x20
/** open(2): no part of the path may be a symbolic link. */
const O_NOFOLLOW_ANY = 0x2000_0000

/**
 * Locks a file or folder, as flock(2) does; undefined if another holds it. The descriptor is the lock: node closes it in every program that
 * it starts, so it ends with `fs.closeSync` or with this process, however that dies. A stock macOS has no flock(1).
 */
export function openLocked(file: string): number | undefined {
  try {
    return fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | O_EXLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
    throw error
  }
}

/**
 * Works on what is at an absolute path, no part of which may be a link (ELOOP), by a descriptor. A system that is too old to know
 * O_NOFOLLOW_ANY is caught by a look at the path afterwards. Throws EACCES for what may not be read.
 */
export function withDescriptor(file: string, work: (fd: number, stat: fs.Stats) => void): void {
  const {O_RDONLY, O_NONBLOCK, O_NOFOLLOW} = fs.constants
  const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOFOLLOW_ANY)
  try {
    const [stat, now] = [fs.fstatSync(fd), fs.lstatSync(file)]
    if (fs.realpathSync(file) !== file || now.ino !== stat.ino || now.dev !== stat.dev) throw Object.assign(new Error(), {code: 'ELOOP'})
    work(fd, stat)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Parses a line of master.passwd(5), as `id -P` prints it for an account of any user database:
 * name:password:uid:gid:class:change:expire:gecos:home:shell.
 */
export function parseMasterPasswd(text: string): Account | undefined {
  const [name, , uid, gid, , , , , home] = text.trim().split(':')
  if (!name || !home || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return undefined
  return {name, uid: Number(uid), gid: Number(gid), home}
}
