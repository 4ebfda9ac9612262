import type * as ChildProcess from 'node:child_process'
import fs from 'node:fs'
import {errnoError, errnoOf} from './errno.js'
import {folderLock, type HeldLock, HostError} from './host.js'

/** open(2) of macOS: takes flock(2)'s exclusive lock in the same step; with O_NONBLOCK it fails with EAGAIN where another has it. */
const O_EXLOCK = 0x20
/** What flock(1) is to end with where another holds the lock. */
const HELD_BY_ANOTHER = 75
/** flock(1) is asked not to wait for the lock, so it takes no longer than any small program. */
const FLOCK_TIMEOUT_MS = 20_000

/** Where there is no room for a new file, or no right to make one. */
const CANNOT_MAKE = ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM']

/** flock(2) is on the open file, so this is the lock: it ends with `fs.closeSync`, or with this process, however that dies. `before`: done before that. */
export function heldBy(fd: number, before: () => void = () => undefined): HeldLock {
  let isOpen = true
  return {
    release: () => {
      if (!isOpen) return Promise.resolve()
      isOpen = false
      try {
        before()
      } finally {
        fs.closeSync(fd)
      }
      return Promise.resolve()
    },
  }
}

/**
 * Opens a file or folder to be locked; on macOS it is locked by then, and undefined if another holds it. Whatever else stands in its place is not
 * waited for, and nothing is made. Throws errors of system calls: ELOOP for a link, EINVAL for what is neither file nor folder.
 */
export function openToLock(file: string, flags = fs.constants.O_RDONLY): number | undefined {
  const {O_NONBLOCK, O_NOFOLLOW, O_NOCTTY} = fs.constants
  let fd: number
  try {
    fd = fs.openSync(file, flags | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | (process.platform === 'darwin' ? O_EXLOCK : 0), 0o600)
  } catch (error) {
    if (process.platform === 'darwin' && errnoOf(error) === 'EAGAIN') return undefined
    throw error
  }
  const stat = fs.fstatSync(fd)
  if (stat.isFile() || stat.isDirectory()) return fd
  fs.closeSync(fd)
  throw errnoError('EINVAL')
}

/**
 * Opens the file that is locked for what is in a folder, which is made if it is missing, and is nobody else's; as `openToLock` does it. `unmakeable` if
 * there is none and none can be made. Throws errors of system calls, ELOOP and ENOTDIR for what is no folder.
 */
export function openFolderLock(folder: string): number | undefined | 'unmakeable' {
  const place = fs.lstatSync(folder)
  if (!place.isDirectory()) throw errnoError(place.isSymbolicLink() ? 'ELOOP' : 'ENOTDIR')
  const file = folderLock(folder)
  const {O_RDWR, O_CREAT} = fs.constants
  try {
    // What another account has left there could be locked by it too.
    const left = fs.lstatSync(file, {throwIfNoEntry: false})
    if (left && left.uid !== process.geteuid?.()) fs.unlinkSync(file)
    return openToLock(file, O_RDWR | O_CREAT)
  } catch (error) {
    if (CANNOT_MAKE.includes(errnoOf(error))) return 'unmakeable'
    throw error
  }
}

/** True while an open file is the one that is found under this name. */
export function isStillAt(fd: number, file: string): boolean {
  const [open, now] = [fs.fstatSync(fd), fs.lstatSync(file, {throwIfNoEntry: false})]
  return open.ino === now?.ino && open.dev === now.dev
}

/**
 * Takes the lock of an open file by flock(1), to which the descriptor is handed: node has no flock(2), and Linux's open(2) takes no locks. The lock
 * stays with the descriptor when flock(1) has ended. False if another holds it. Throws HostErrors.
 */
export function lockByProgram(child: typeof ChildProcess, fd: number, file: string, env: NodeJS.ProcessEnv): boolean {
  const result = child.spawnSync('flock', ['-n', '-E', String(HELD_BY_ANOTHER), '3'], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    encoding: 'utf8',
    env,
    // Keys pressed on the terminal are not for it.
    ...{detached: true},
    timeout: FLOCK_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  if (result.status === 0) return true
  if (result.status === HELD_BY_ANOTHER) return false
  if (result.error) throw new HostError(errnoOf(result.error), 'flock', 'cannot run')
  throw new HostError('ENOLCK', file, `cannot lock (${String(result.stderr ?? '').trim()})`)
}
