import {lookAtHome} from '../observe/look.js'
import {desiredStateOf, StateField, type DesiredState} from '../gateway/contract.js'
import {type AccountHost, type Doors, HostError, type InPlaceWrite} from '../host/host.js'
import {isObject, stateFile} from '../gateway/records.js'
import {topLevelValue} from '../gateway/state-timestamp.js'

const SPACE = 0x20
/** Those of JSON. */
const BLANKS = [SPACE, 0x09, 0x0a, 0x0d]
/** The gateway may replace the file right after it was written to: then the new one is written to, some times. */
const TRIES = 5

/**
 * Mirrors the desired state in gateway_state.json, where upstream's own container boot reads it. The gateway rewrites that file without a
 * lock, so it is only ever changed in place, through the descriptor that it was read by: what the gateway puts there meanwhile is another
 * file. A field that is there is overwritten (both words have the same length, and no other byte changes); a missing one is added only if
 * `gatewayRuns` is false and none is seen at this moment either. A missing, unreadable or damaged state file is left alone: it must never
 * be created for the mirror's sake. Returns whether the file says `desired` afterwards.
 */
export function mirrorDesired(doors: Doors, home: string, desired: DesiredState, gatewayRuns: boolean): boolean {
  const {userHost} = doors
  let hasWritten = true
  let saysDesired = false
  // Whoever says that it does not run has seen to it that none runs in another PID namespace.
  const mayInsert = !gatewayRuns && lookAtHome(doors, home, true).verdict.state === 'dead'
  const edit = (content: Buffer): InPlaceWrite | undefined => {
    const {current, write} = planMirror(content, desired, mayInsert)
    saysDesired = current === desired
    hasWritten = write !== undefined
    return write
  }
  try {
    for (let attempt = 0; attempt < TRIES && hasWritten; attempt++) {
      if (!userHost.editInPlace(stateFile(home), edit)) return false
    }
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
  return saysDesired
}

/** What the mirror says; undefined where there is none, or nothing of ours. */
export function mirroredDesired(host: AccountHost, home: string): DesiredState | undefined {
  try {
    const state = parse(Buffer.from(host.readText(stateFile(home)) ?? ''))
    return isObject(state) ? desiredStateOf(state[StateField.desired]) : undefined
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/**
 * Takes back that `mirrorDesired` wrote `desired` where before the field said something else, or was not there. Only the very bytes that it wrote are
 * changed, in place; what anybody else wrote since stays. Throws HostError.
 */
export function takeMirrorBack(host: AccountHost, home: string, desired: DesiredState, before: DesiredState | undefined): void {
  host.editInPlace(stateFile(home), (content) => {
    const state = parse(content)
    const place = topLevelValue(content, StateField.desired)
    if (!isObject(state) || state[StateField.desired] !== desired || !place) return undefined
    if (before !== undefined) {
      return content.subarray(place.start, place.end).toString() === `"${desired}"`
        ? {offset: place.start + 1, bytes: Buffer.from(before)}
        : undefined
    }
    const member = `"${StateField.desired}":"${desired}"`
    const written = [`,${member}`, member].find((text) => content.subarray(0, place.end).toString('latin1').endsWith(text))
    return written === undefined ? undefined : {offset: place.end - written.length, bytes: Buffer.alloc(written.length, ' ')}
  })
}

/** Whether `mirrorDesired` would have something to write. Reads only. */
export function isMirrorDue(host: AccountHost, home: string, desired: DesiredState, gatewayRuns: boolean): boolean {
  try {
    const text = host.readText(stateFile(home))
    return text !== undefined && planMirror(Buffer.from(text), desired, !gatewayRuns).write !== undefined
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
}

/** What the field says, and what is to be written for it to say `desired`; nothing if that is done or not to be done. */
function planMirror(content: Buffer, desired: DesiredState, mayInsert: boolean): {current: unknown; write: InPlaceWrite | undefined} {
  const state = parse(content)
  if (!isObject(state)) return {current: undefined, write: undefined}
  const current = state[StateField.desired]
  const place = topLevelValue(content, StateField.desired)
  if (!place) return {current, write: mayInsert ? insertion(content, desired, Object.keys(state).length === 0) : undefined}
  const word = desiredStateOf(current)
  const isWord = word !== undefined && content.subarray(place.start, place.end).toString() === `"${word}"`
  if (!isWord || current === desired) return {current, write: undefined}
  return {current, write: {offset: place.start + 1, bytes: Buffer.from(desired)}}
}

/**
 * Adds the field at the end of the object. First only blanks after it, which JSON permits, so that a full disk fails before anything is
 * changed and nobody reads a file that grows while it changes; then, when it is looked at again, the member takes their place in one call.
 */
function insertion(content: Buffer, desired: DesiredState, isEmpty: boolean): InPlaceWrite {
  // Only blanks are behind the last bracket, and perhaps before it: counted from the end, since a file may hold any number of them.
  const bracket = content.lastIndexOf('}')
  let end = bracket
  while (BLANKS.includes(content[end - 1] ?? 0)) end--
  let spaces = 0
  while (content[content.length - 1 - spaces] === SPACE) spaces++
  const member = Buffer.from(`${isEmpty ? '' : ','}"${StateField.desired}":"${desired}"`)
  const missing = member.length - spaces
  if (missing > 0) return {offset: content.length, bytes: Buffer.alloc(missing, ' ')}
  return {offset: end, bytes: Buffer.concat([member, content.subarray(end, content.length - member.length)])}
}

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString())
  } catch {
    return undefined
  }
}
