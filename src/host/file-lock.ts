import fs from 'node:fs'
import {errnoOf} from './errno.js'
import {type HeldLock, HostError} from './host.js'

/** open(2) of macOS: takes flock(2)'s exclusive lock in the same step; with O_NONBLOCK it fails with EAGAIN where another has it. */
const O_EXLOCK = 0x20
/** The file's lock on macOS, held by this process itself; undefined if another holds it. Throws HostErrors. */
export function lockByOpening(file: string): HeldLock | undefined {
  let fd: number | undefined
  try {
    fd = openLocked(file)
  } catch (error) {
    throw new HostError(errnoOf(error), file, 'cannot lock')
  }
  if (fd === undefined) return undefined
  return {
    release: async () => {
      if (fd !== undefined) fs.closeSync(fd)
      fd = undefined
      await Promise.resolve()
    },
  }
}

/**
 * The file's lock on Linux, which flock(1) holds for us: node has no flock(2), and Linux's open(2) takes no locks. Undefined if another holds
 * it. Rejects with HostErrors.
 */
export function lockByProgram(file: string, env: NodeJS.ProcessEnv): Promise<HeldLock | undefined> {
  const held = 75
  return new Promise((resolve, reject) => {
    const child = process
      .getBuiltinModule('node:child_process')
      .spawn('flock', ['-n', '-E', String(held), file, 'sh', '-c', 'echo held && exec cat'], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env,
      })
    let stderr = ''
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
    const exited = new Promise<void>((done) => child.on('close', () => done()))
    child.on('error', (error) => reject(new HostError(errnoOf(error), 'flock', 'cannot run')))
    child.on('exit', (code) => {
      if (code === held) resolve(undefined)
      else if (/Permission denied/.test(stderr)) reject(new HostError('EACCES', file, 'cannot lock'))
      else reject(new HostError('ENOLCK', file, `cannot lock (${stderr.trim()})`))
    })
    child.stdout.once('data', () => {
      child.unref()
      resolve({
        release: async () => {
          child.ref()
          child.stdin.end()
          await exited
        },
      })
    })
  })
}

/**
 * Locks a file or folder, as flock(2) does; undefined if another holds it. The descriptor is the lock: node closes it in every program that
 * it starts, so it ends with `fs.closeSync` or with this process, however that dies. A stock macOS has no flock(1).
 */
function openLocked(file: string): number | undefined {
  try {
    return fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | O_EXLOCK)
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return undefined
    throw error
  }
}
