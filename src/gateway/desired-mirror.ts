import {type Host, HostError} from '../host/host.js'
import type {DesiredState} from '../managers/manager.js'
import {stateFile} from './records.js'

/** Upstream's field for the operator's intent. */
const FIELD = 'desired_state'
const STRING_OR_STRUCTURE = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

/**
 * Mirrors the desired state in gateway_state.json, where upstream's own container boot reads it. The gateway rewrites that file without a
 * lock, so the field is overwritten in place where it is (both words have the same length, and no other byte changes), and inserted only
 * if `gatewayRuns` is false. A missing, unreadable or damaged state file is left alone: it must never be created for the mirror's sake.
 * Returns whether the file says `desired` afterwards.
 */
export function mirrorDesired(host: Host, home: string, desired: DesiredState, gatewayRuns: boolean): boolean {
  const file = stateFile(home)
  // The gateway may have replaced the file between the read and the write: look again, some times.
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      const text = host.readText(file)
      if (text === undefined) return false
      const state: unknown = JSON.parse(text)
      if (typeof state !== 'object' || state === null || Array.isArray(state)) return false
      const current = (state as Record<string, unknown>)[FIELD]
      if (current === desired) return true
      if (current === 'running' || current === 'stopped') {
        const index = valueIndex(text, current)
        if (index === undefined) return false
        host.overwrite(file, Buffer.byteLength(text.slice(0, index)), current, desired)
      } else {
        if (current !== undefined || gatewayRuns) return false
        host.writeAtomic(file, withField(text, desired, Object.keys(state).length === 0), host.stat(file)?.mode ?? 0o600)
      }
    } catch (error) {
      if (error instanceof HostError || error instanceof SyntaxError) return false
      throw error
    }
  }
  return false
}

/** Where the text of the field's value begins in a JSON object; undefined if it is written with escapes. Of several the last counts. */
function valueIndex(json: string, current: DesiredState): number | undefined {
  let depth = 0
  let key: unknown
  let found: {token: string; index: number} | undefined
  for (const {0: token, index} of json.matchAll(STRING_OR_STRUCTURE)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (depth !== 1 || token === ':') continue
    else if (token === ',') key = undefined
    else if (key === undefined) key = JSON.parse(token)
    else if (key === FIELD) found = {token, index}
  }
  return found?.token === `"${current}"` ? found.index + 1 : undefined
}

/** A JSON object with the field added; every other byte stays. */
function withField(json: string, desired: DesiredState, isEmpty: boolean): string {
  const end = json.slice(0, json.lastIndexOf('}')).trimEnd().length
  return `${json.slice(0, end)}${isEmpty ? '' : ','}"${FIELD}":"${desired}"${json.slice(end)}`
}
