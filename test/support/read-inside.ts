import fs from 'node:fs'
import type {Machine} from '../../src/smoke/machine.js'

/**
 * Text of a file inside; undefined if there is none. Read from outside where that can be, since what is asked again and again should start no program in
 * the machine each time. Nothing on the way to it may be a link to an absolute path, which would lead to this machine's own files.
 */
export async function readInside(machine: Machine, path: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return machine.readText(path)
  try {
    return fs.readFileSync(`/proc/${machine.leaderPid}/root${path}`, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
