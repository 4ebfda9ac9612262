import {type AccountHost, type Door, type InPlaceWrite} from '../host/host.js'
import {isObject} from './records.js'

/** What to write into a file with this content; undefined if nothing is to be written. */
export type JsonEdit = (content: Buffer) => InPlaceWrite | undefined

/** The owner of the file may replace it right after it was written to: then the new one is written to, some times. */
const TRIES = 5

/** A member of a JSON file, and what it should say. */
export interface JsonMember {
  readonly path: string
  readonly field: string
  readonly value: string
}

/** What an edit came to. `before`: what the member said; `changed`: it was another value, and is the wanted one now. */
interface EditedJson {
  readonly before: unknown
  readonly changed: boolean
  readonly saysIt: boolean
}

/**
 * Edits a JSON file in place, through the descriptor that it was read by, again until there is nothing to write: its owner rewrites it without a lock, so
 * what it puts there meanwhile is another file. A missing file is left so. Throws HostError.
 */
export function editJson(host: AccountHost | Door, {path, field, value}: JsonMember, edit: JsonEdit): EditedJson {
  let [isFirst, hasWritten] = [true, true]
  let before: unknown
  let now: unknown
  const look = (content: Buffer): InPlaceWrite | undefined => {
    now = memberOf(content, field)
    if (isFirst) before = now
    isFirst = false
    const write = edit(content)
    hasWritten = write !== undefined
    return write
  }
  for (let attempt = 0; attempt < TRIES && hasWritten; attempt++) {
    if (!host.editInPlace(path, look)) return {before, changed: false, saysIt: false}
  }
  return {before, changed: now === value && before !== value, saysIt: now === value}
}

function memberOf(content: Buffer, field: string): unknown {
  const value = parseJson(content)
  return isObject(value) ? value[field] : undefined
}

/** The value of a JSON file; undefined if it is damaged. */
export function parseJson(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString())
  } catch {
    return undefined
  }
}
