import {isFull} from './errno.js'
import {type Door, HostError, type InPlaceWrite} from './host.js'

/** A text for a file, and how it is written over the bytes that are there; absent, or undefined for them: it cannot be. */
interface ToWrite {
  readonly path: string
  readonly text: string
  readonly mode: number
  readonly whenFull?: (content: Buffer) => InPlaceWrite | undefined
}

/** Writes a file; where there is no room for a new one, over the bytes of the one that is there, if that can be. Returns what it then holds. Throws HostError. */
export function writeOver(host: Door, {path, text, mode, whenFull}: ToWrite): string {
  try {
    host.writeAtomic(path, text, mode)
    return text
  } catch (error) {
    if (!whenFull || !(error instanceof HostError) || !isFull(error)) throw error
    let hasWritten = false
    host.editInPlace(path, (content) => {
      const edit = whenFull(content)
      hasWritten = edit !== undefined
      return edit
    })
    if (!hasWritten) throw error
    return host.readText(path) ?? ''
  }
}

/** A text over all bytes of a file, with blanks for those that are left; undefined if the file is too short for it. Pure. */
export function overAll(content: Buffer, text: string): InPlaceWrite | undefined {
  if (Buffer.byteLength(text) > content.length) return undefined
  const bytes = Buffer.alloc(content.length, ' ')
  bytes.write(text)
  return {offset: 0, bytes}
}
