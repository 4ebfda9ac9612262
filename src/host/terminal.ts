import fs from 'node:fs'

/** The major number of /dev/null, /dev/zero and the like (Linux, Documentation/admin-guide/devices.txt). */
const LINUX_MEMORY_DEVICES = 1

/**
 * True for a descriptor that is a terminal. node:tty takes a fifth of node's own start-up to load, with the streams that it needs: of a pipe, a file or
 * /dev/null it is not asked, nor of what is closed.
 */
export function isTerminal(fd: number): boolean {
  try {
    const stat = fs.fstatSync(fd)
    if (!stat.isCharacterDevice()) return false
    // makedev(3): the major number is in bits 8 to 19.
    if (process.platform === 'linux' && ((stat.rdev >> 8) & 0xfff) === LINUX_MEMORY_DEVICES) return false
    return process.getBuiltinModule('node:tty').isatty(fd)
  } catch {
    return false
  }
}
