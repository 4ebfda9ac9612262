import fs from 'node:fs'

/**
 * True for a descriptor that is a terminal. node:tty takes a fifth of node's own start-up to load, with the streams that it needs: of a pipe or a file it
 * is not asked, nor of what is closed.
 */
export function isTerminal(fd: number): boolean {
  try {
    return fs.fstatSync(fd).isCharacterDevice() && process.getBuiltinModule('node:tty').isatty(fd)
  } catch {
    return false
  }
}
