import fs from 'node:fs'
import {errnoError} from './errno.js'

const CHUNK_BYTES = 64 * 1024

/** The device number of /proc; undefined where there is none. */
let procDevice: number | undefined

/** What the kernel itself makes, by this very path, and nobody can put something else in its place (proc(5)). */
const KERNEL_FILE = /^\/proc\/(\d+\/)?[a-z]+$/

/** What is read goes through this: one for each read would be most of what a look at all processes allocates. */
let scratch: Buffer | undefined

/** An open file and its size in bytes; those of /proc have none, which is 0. */
export interface PlainFile {
  readonly fd: number
  readonly size: number
}

/**
 * Opens a regular file for reading, or /dev/null, links followed; the descriptor is to be closed. Nothing else is even opened: a FIFO would make a
 * reader wait, and a device may do something. `isGuarded`: the path is one that others can change, who could have this process look at itself by a link
 * into /proc. Throws errors of system calls: EISDIR, EINVAL for what else is no file.
 */
export function openPlain(file: string, isGuarded: boolean): PlainFile {
  const {O_RDONLY, O_NONBLOCK, O_NOCTTY} = fs.constants
  if (isGuarded && !KERNEL_FILE.test(file)) requirePlain(file, fs.statSync(file))
  const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOCTTY)
  try {
    const stat = fs.fstatSync(fd)
    requirePlain(file, stat, isGuarded)
    return {fd, size: stat.size}
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

/** The whole content of a file. Throws EFBIG if it has more bytes, however its size is given. */
export function readWhole({fd, size}: PlainFile, maxBytes: number): Buffer {
  if (size > maxBytes) throw errnoError('EFBIG')
  scratch ??= Buffer.allocUnsafeSlow(CHUNK_BYTES)
  const chunks: Buffer[] = []
  let total = 0
  for (;;) {
    // One byte more than there should be: less than asked for is the end of a file that has a size.
    const wanted = Math.min(size > total ? size - total + 1 : CHUNK_BYTES, maxBytes + 1 - total, CHUNK_BYTES)
    const read = fs.readSync(fd, scratch, 0, wanted, null)
    total += read
    if (total > maxBytes) throw errnoError('EFBIG')
    if (read > 0) chunks.push(Buffer.from(scratch.subarray(0, read)))
    if (read === 0 || (size > 0 && read < wanted)) return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
  }
}
