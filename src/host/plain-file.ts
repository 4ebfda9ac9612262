import fs from 'node:fs'
import {errnoError} from './errno.js'

const CHUNK_BYTES = 64 * 1024

/** The device number of /proc; undefined where there is none. */
let procDevice: number | undefined

/**
 * Opens a regular file for reading, or /dev/null, links followed; the descriptor is to be closed. Nothing else is even opened: a FIFO would make a
 * reader wait, and a device may do something. `isGuarded`: the path is one that others can change, who could have this process look at itself by a link
 * into /proc. Throws errors of system calls: EISDIR, EINVAL for what else is no file.
 */
export function openPlain(file: string, isGuarded: boolean): number {
  const {O_RDONLY, O_NONBLOCK, O_NOCTTY} = fs.constants
  if (isGuarded) requirePlain(file, fs.statSync(file))
  const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOCTTY)
  try {
    requirePlain(file, fs.fstatSync(fd), isGuarded)
    return fd
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

function requirePlain(file: string, stat: fs.Stats, isGuarded = true): void {
  if (stat.isDirectory()) throw errnoError('EISDIR')
  // What nothing is to be read from is a link there: a masked unit (systemctl(1), mask).
  if (stat.isCharacterDevice() && stat.rdev === fs.statSync('/dev/null').rdev) return
  if (!stat.isFile()) throw errnoError('EINVAL')
  if (isGuarded && !file.startsWith('/proc/') && stat.dev === deviceOfProc()) throw errnoError('EINVAL')
}

function deviceOfProc(): number {
  procDevice ??= fs.statSync('/proc', {throwIfNoEntry: false})?.dev ?? -1
  return procDevice
}

/** The whole content of a file. Throws EFBIG if it has more bytes, however its size is given: those of /proc have none. */
export function readWhole(fd: number, maxBytes: number): Buffer {
  const {size} = fs.fstatSync(fd)
  if (size > maxBytes) throw errnoError('EFBIG')
  const chunks: Buffer[] = []
  let total = 0
  for (;;) {
    // One byte more than there should be, so that the end of most files is seen by the second call.
    const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(chunks.length === 0 && size > 0 ? size + 1 : CHUNK_BYTES, maxBytes + 1 - total)))
    const read = fs.readSync(fd, chunk, 0, chunk.length, null)
    if (read === 0) return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
    total += read
    if (total > maxBytes) throw errnoError('EFBIG')
    chunks.push(chunk.subarray(0, read))
  }
}
