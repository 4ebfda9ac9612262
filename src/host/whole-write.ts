import fs from 'node:fs'
import path from 'node:path'
import {errnoError, errnoOf} from './errno.js'
import {temporaryPath} from './host.js'

const NAME_TRIES = 5
/** What a file system answers that cannot do it for a folder (CIFS, gocryptfs, some FUSE and 9p), or a folder that may not be read. */
const CANNOT_SYNC_FOLDER = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF', 'EACCES', 'EPERM', 'EISDIR']

/**
 * Writes a file whole or not at all, with exactly this mode, and the owner of what it replaces. Throws errors of system calls; ELOOP where a link
 * stands there. An EIO of the folder's own fsync comes after the new file is in place: it may not last, and whoever called decides; so does an ENOTDIR where
 * the folder itself was replaced meanwhile.
 */
export function replaceFile(file: string, text: string, mode: number): void {
  const old = fs.lstatSync(file, {throwIfNoEntry: false})
  if (old?.isSymbolicLink()) throw errnoError('ELOOP')
  const {temporary, fd} = openTemporary(file)
  try {
    fs.writeFileSync(fd, text)
    if (old && (old.uid !== process.geteuid?.() || old.gid !== process.getegid?.())) fs.fchownSync(fd, old.uid, old.gid)
    fs.fchmodSync(fd, mode)
    fs.fsyncSync(fd)
    fs.renameSync(temporary, file)
  } catch (error) {
    fs.rmSync(temporary, {force: true})
    throw error
  } finally {
    fs.closeSync(fd)
  }
  syncFolder(path.dirname(file))
}

/**
 * Adds one line to a file, whole or not at all, and on a line of its own whatever stands before it: what was cut off by a full disk ends there. Throws
 * errors of system calls.
 */
export function addLine(file: string, line: string, mode: number): void {
  const {O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK} = fs.constants
  const fd = fs.openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode)
  try {
    const stat = fs.fstatSync(fd)
    // Reading and writing, a FIFO opens without another side, and nobody would get the line.
    if (!stat.isFile()) throw errnoError('ENXIO')
    const bytes = Buffer.from(`${endsInLine(fd, stat.size) ? '' : '\n'}${line}\n`)
    let written = 0
    try {
      while (written < bytes.length) written += fs.writeSync(fd, bytes, written)
    } catch (error) {
      if (written > 0 && fs.fstatSync(fd).size === stat.size + written) fs.ftruncateSync(fd, stat.size)
      throw error
    }
  } finally {
    fs.closeSync(fd)
  }
}

/** Makes a folder with exactly this mode, whatever the umask, or none. Returns false if it was there. Throws errors of system calls. */
export function makeFolderWhole(folder: string, mode: number): boolean {
  try {
    fs.mkdirSync(folder, {mode})
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && fs.statSync(folder).isDirectory()) return false
    throw error
  }
  try {
    fs.chmodSync(folder, mode)
  } catch (error) {
    fs.rmdirSync(folder)
    throw error
  }
  return true
}

/** Nobody else has this name, be it another process of ours that writes the same file, or a folder that somebody made of it. */
function openTemporary(file: string): {temporary: string; fd: number} {
  const {O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW} = fs.constants
  for (let attempt = 1; ; attempt++) {
    const temporary = temporaryPath(file, (process.pid * 2 ** 32 + Math.floor(Math.random() * 2 ** 32)).toString(16))
    try {
      return {temporary, fd: fs.openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)}
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || attempt === NAME_TRIES) throw error
    }
  }
}

function endsInLine(fd: number, size: number): boolean {
  const last = Buffer.alloc(1)
  return size === 0 || fs.readSync(fd, last, 0, 1, size - 1) < 1 || last[0] === 0x0a
}

/**
 * Has a rename last over a loss of power, where the file system can do that. Its owner may have put something else in the folder's place by now: a FIFO
 * would have an open wait for ever.
 */
function syncFolder(folder: string): void {
  const {O_RDONLY, O_DIRECTORY, O_NONBLOCK} = fs.constants
  let fd: number | undefined
  try {
    fd = fs.openSync(folder, O_RDONLY | O_DIRECTORY | O_NONBLOCK)
    fs.fsyncSync(fd)
  } catch (error) {
    if (!CANNOT_SYNC_FOLDER.includes(errnoOf(error))) throw error
  } finally {
    if (fd !== undefined) fs.closeSync(fd)
  }
}
