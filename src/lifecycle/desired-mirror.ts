import {desiredStateOf, StateField, type DesiredState} from '../gateway/contract.js'
import {type AccountHost, type Doors, HostError, type InPlaceWrite} from '../host/host.js'
import {type JsonEdit, parseJson} from '../gateway/edit-json.js'
import {isObject, stateFile} from '../gateway/records.js'
import {topLevelValue} from '../gateway/state-timestamp.js'
import {lookAtHome} from '../observe/look.js'

const SPACE = 0x20
/** Those of JSON. */
const BLANKS = [SPACE, 0x09, 0x0a, 0x0d]

/**
 * Mirrors the desired state in gateway_state.json, where upstream's own container boot reads it, as an edit for `editJson`. A field that is there is
 * overwritten (both words have the same length, and no other byte changes); a missing one is added only if `gatewayRuns` is false and none is seen at
 * this moment either: the gateway's own write could be lost. A damaged file is left alone.
 */
export function mirrorEdit(doors: Doors, home: string, desired: DesiredState, gatewayRuns: boolean): JsonEdit {
  // Whoever says that it does not run has seen to it that none runs in another PID namespace.
  const mayInsert = !gatewayRuns && lookAtHome(doors, home, true).verdict.state === 'dead'
  return (content) => planMirror(content, desired, mayInsert)
}

/**
 * Takes back that `mirrorEdit` wrote `desired` where before the field said something else, or was not there. Only the very bytes that it wrote are
 * changed; what anybody else wrote since stays.
 */
export function mirrorBackEdit(desired: DesiredState, said: unknown): JsonEdit {
  const before = desiredStateOf(said)
  return (content) => {
    const state = parseJson(content)
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
  }
}

/** Whether `mirrorEdit` would have something to write. Reads only. */
export function isMirrorDue(host: AccountHost, home: string, desired: DesiredState, gatewayRuns: boolean): boolean {
  try {
    const text = host.readText(stateFile(home))
    return text !== undefined && planMirror(Buffer.from(text), desired, !gatewayRuns) !== undefined
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
}

/** What is to be written for the field to say `desired`; nothing if that is done or not to be done. */
function planMirror(content: Buffer, desired: DesiredState, mayInsert: boolean): InPlaceWrite | undefined {
  const state = parseJson(content)
  if (!isObject(state)) return undefined
  const current = state[StateField.desired]
  const place = topLevelValue(content, StateField.desired)
  if (!place) return mayInsert ? insertion(content, desired, Object.keys(state).length === 0) : undefined
  const word = desiredStateOf(current)
  const isWord = word !== undefined && content.subarray(place.start, place.end).toString() === `"${word}"`
  return isWord && current !== desired ? {offset: place.start + 1, bytes: Buffer.from(desired)} : undefined
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
