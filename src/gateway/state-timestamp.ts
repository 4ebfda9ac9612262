import type {ProcessInfo} from './process-info.js'
import {HomeFile, RESTING_STATES, StateField, stateWordOf} from './contract.js'
import type {InPlaceWrite} from '../host/host.js'
import {startedAt} from './process.js'
import {isObject} from './records.js'

/** The living gateway that a state file must belong to before its timestamp is refreshed. */
export type StateOwner = Pick<ProcessInfo, 'pid' | 'startTime' | 'startSlack'>

/** What a refresh of `updated_at` comes to. */
export type Refresh =
  | {readonly kind: 'write'; readonly write: InPlaceWrite; readonly updatedAt: string}
  /** Makes the file longer, so that there is room next time. */
  | {readonly kind: 'make-room'; readonly write: InPlaceWrite}
  /** The gateway itself wrote it a moment ago. */
  | {readonly kind: 'fresh'; readonly updatedAt: string}
  /** The new value is longer than the old one, so what stands behind it has to move: see `mayMove`. */
  | {readonly kind: 'too-short'}
  | {readonly kind: 'leave'; readonly why: string; readonly isDamaged?: true}

/**
 * A timestamp this young needs no refresh. Gateways of early 2026 write their state in place, not by renaming: this keeps us from writing
 * while one of them does.
 */
const FRESH_MS = 500

/** Tokens, quotes included: with six digits of a second, and without. */
const FULL_LENGTH = 34
const SHORT_LENGTH = 27

/** A time as Python's datetime.isoformat() writes it: with microseconds and zone, which every version of Python reads back. */
export function pythonTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000+00:00')
}

/**
 * Plans the refresh of the top-level `updated_at` in the bytes of a gateway_state.json, every other byte left as it is (platforms have
 * an `updated_at`, too). A value of the usual width is replaced by one of exactly that width, so what anybody reads is always a whole
 * document; a longer one gets blanks after it. A shorter one (an integer, say) needs room. A file that grew under somebody who reads it
 * in two pieces would show him old and new together, so first there are only blanks at its end, which JSON permits, and when those who
 * have seen it without them have long done, all that follows the value is written anew within the same length, in one call. Somebody
 * else may be about to write in place what is then moved, so `mayMove` is only for who has locked the home.
 */
export function planRefresh(content: Buffer, owner: StateOwner, nowMs: number, mayMove: boolean): Refresh {
  const state = parse(content)
  if (!isObject(state)) return {kind: 'leave', why: `${HomeFile.state} is damaged`, isDamaged: true}
  if (state.pid !== owner.pid || (typeof state.start_time === 'number' && !startedAt(owner, state.start_time))) {
    return {kind: 'leave', why: `${HomeFile.state} does not belong to pid ${owner.pid}`}
  }
  const word = stateWordOf(state.gateway_state)
  if (RESTING_STATES.has(word)) {
    return {kind: 'leave', why: `${HomeFile.state} says ${word}`}
  }
  const old = state.updated_at
  if (old !== null && typeof old !== 'string' && typeof old !== 'number') {
    return {kind: 'leave', why: `${HomeFile.state} has no updated_at to refresh`}
  }
  if (typeof old === 'string' && hasZone(old) && Math.abs(nowMs - Date.parse(old)) < FRESH_MS) return {kind: 'fresh', updatedAt: old}

  const place = topLevelValue(content, StateField.updatedAt)
  if (!place) return {kind: 'leave', why: `${HomeFile.state} is damaged`, isDamaged: true}
  const width = place.end - place.start
  const full = pythonTimestamp(nowMs)
  const updatedAt = width < FULL_LENGTH && width >= SHORT_LENGTH ? full.replace(/\.\d{6}/, '') : full
  const token = JSON.stringify(updatedAt)
  if (width >= token.length) return {kind: 'write', write: {offset: place.start, bytes: Buffer.from(token.padEnd(width))}, updatedAt}
  if (!mayMove) return {kind: 'too-short'}
  const missing = token.length - width
  const room = blanksAtEnd(content)
  if (room < missing) return {kind: 'make-room', write: {offset: content.length, bytes: Buffer.alloc(missing - room, BLANK)}}
  const moved = Buffer.concat([Buffer.from(token), content.subarray(place.end, content.length - missing)])
  return {kind: 'write', write: {offset: place.start, bytes: moved}, updatedAt}
}

function blanksAtEnd(content: Uint8Array): number {
  let count = 0
  while (content[content.length - 1 - count] === BLANK) count++
  return count
}

/**
 * Where the value of a key of the outermost object stands, in bytes, first one to the one after the last. Of keys that stand there more
 * than once the last counts, as it does for every reader. The content must be valid JSON; undefined if there is no such key.
 */
export function topLevelValue(content: Uint8Array, key: string): {start: number; end: number} | undefined {
  let found: {start: number; end: number} | undefined
  let at = skipBlanks(content, 0)
  if (content[at] !== OPEN_BRACE) return undefined
  at = skipBlanks(content, at + 1)
  while (content[at] === QUOTE) {
    const keyEnd = skipString(content, at)
    const name: unknown = JSON.parse(Buffer.from(content.subarray(at, keyEnd)).toString())
    // One for the colon.
    const start = skipBlanks(content, skipBlanks(content, keyEnd) + 1)
    const end = skipValue(content, start)
    if (name === key) found = {start, end}
    at = skipBlanks(content, end)
    if (content[at] === COMMA) at = skipBlanks(content, at + 1)
  }
  return found
}

const [QUOTE, BACKSLASH, COMMA, OPEN_BRACE] = [0x22, 0x5c, 0x2c, 0x7b]
const OPENING = [OPEN_BRACE, 0x5b]
const CLOSING = [0x7d, 0x5d]
const BLANK = 0x20
const BLANKS = [BLANK, 0x09, 0x0a, 0x0d]

function skipBlanks(content: Uint8Array, at: number): number {
  while (BLANKS.includes(content[at] ?? 0)) at++
  return at
}

/** `at`: its first quote. Bytes of UTF-8 beyond ASCII are never a quote or a backslash. */
function skipString(content: Uint8Array, at: number): number {
  for (at++; at < content.length && content[at] !== QUOTE; at++) if (content[at] === BACKSLASH) at++
  return at + 1
}

function skipValue(content: Uint8Array, at: number): number {
  for (let depth = 0; at < content.length; ) {
    const byte = content[at] ?? 0
    if (byte === QUOTE) {
      at = skipString(content, at)
      if (depth === 0) return at
      continue
    }
    if (CLOSING.includes(byte)) {
      // Of the object around a number or a word.
      if (depth === 0) return at
      depth--
      at++
      if (depth === 0) return at
      continue
    }
    if (depth === 0 && (byte === COMMA || BLANKS.includes(byte))) return at
    if (OPENING.includes(byte)) depth++
    at++
  }
  return at
}

function hasZone(text: string): boolean {
  return /(?:Z|[+-]\d\d:\d\d)$/.test(text)
}

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString())
  } catch {
    return undefined
  }
}
