import fs from 'node:fs'
import {HostError} from './host.js'

export type StandardStream = 'stdout' | 'stderr'

const DESCRIPTORS: Readonly<Record<StandardStream, number>> = {stdout: 1, stderr: 2}
const guarded = new Set<StandardStream>()
const direct = new Set<StandardStream>()

/** From here on writes go around the streams of `process`, which take a tenth of node's own start-up to load. For a whole program only. */
export function writeDirectly(): void {
  direct.add('stdout').add('stderr')
}

/** From here on there are no colours, in prompts, help and the programs that we run neither. For a whole program only. */
export function forbidColours(): void {
  process.env.NO_COLOR = '1'
  delete process.env.FORCE_COLOR
}

/**
 * Writes text to this process's own stdout or stderr. A reader that has gone away (`… | head`, a terminal that was closed) is no
 * error: what is left to say has no reader, what is left to undo is undone, and false tells so. Throws HostError if a direct write fails otherwise.
 */
export function writeText(stream: StandardStream, text: string): boolean {
  if (!direct.has(stream)) {
    writeThroughNode(stream, text)
    return true
  }
  const bytes = Buffer.from(text)
  let done = 0
  try {
    while (done < bytes.length) done += fs.writeSync(DESCRIPTORS[stream], bytes, done)
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (isReaderGone(code, DESCRIPTORS[stream])) return false
    if (code !== 'EAGAIN') throw new HostError(code ?? 'EUNKNOWN', stream, 'cannot write to')
    // A pipe that somebody has set not to block, and that is full: node's stream knows how to wait.
    direct.delete(stream)
    writeThroughNode(stream, bytes.subarray(done))
  }
  return true
}

function writeThroughNode(name: StandardStream, data: string | Uint8Array): void {
  const stream = process[name]
  if (!guarded.has(name)) {
    guarded.add(name)
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!isReaderGone(error.code, DESCRIPTORS[name])) throw error
    })
  }
  stream.write(data)
}

/** EIO is how a terminal answers that was hung up; of a file it is a fault. */
function isReaderGone(code: string | undefined, descriptor: number): boolean {
  return code === 'EPIPE' || (code === 'EIO' && !fs.fstatSync(descriptor).isFile())
}
