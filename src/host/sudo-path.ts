import fs from 'node:fs'
import path from 'node:path'
import {shellWord} from '../text/shell-quote.js'

/** Where sudo looks for a program whatever PATH says: secure_path of sudoers(5), as the distributions of Linux set it. macOS sets none. */
const SECURE_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** What of this process, and of its machine, the advice depends on. */
export interface Typed {
  readonly platform: NodeJS.Platform
  readonly node: string
  /** The program as it was started. */
  readonly entry: string | undefined
  readonly exists: (file: string) => boolean
}

const here = (): Typed => ({platform: process.platform, node: process.execPath, entry: process.argv[1], exists: fs.existsSync})

/**
 * A line of advice as it can be typed: where sudo would not find `hermes-svc` (npm's prefix, or a version manager's, is not in its
 * secure_path) its program is named by its path, and with its node if sudo would not find that.
 */
export function typedWithSudo(line: string, {platform, node, entry, exists}: Typed = here()): string {
  if (!/\bsudo\b/.test(line) || platform !== 'linux' || entry === undefined) return line
  const isFound = (program: string) => SECURE_FOLDERS.some((folder) => exists(path.join(folder, program)))
  if (isFound('hermes-svc')) return line
  const own = `sudo ${isFound('node') ? '' : `${shellWord(node)} `}${shellWord(entry)}`
  return line.includes('sudo hermes-svc')
    ? line.replace('sudo hermes-svc', own)
    : line.replace(/^run the same command with sudo$/, `run the same command with sudo: ${own} …`)
}
