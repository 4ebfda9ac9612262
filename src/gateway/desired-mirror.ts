import {type Host, HostError} from '../host/host.js'
import type {DesiredState} from '../managers/manager.js'
import {stateFile} from './records.js'

/** Upstream's field for the operator's intent, at the top level: not within a string (there its quotes have backslashes). */
const FIELD = /([{,]\s*"desired_state"\s*:\s*")(running|stopped)"/g

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
      const current = (state as Record<string, unknown>).desired_state
      if (current === desired) return true
      if (current === undefined) {
        if (gatewayRuns) return false
        host.writeAtomic(file, JSON.stringify({...state, desired_state: desired}), host.stat(file)?.mode ?? 0o600)
        continue
      }
      const offset = fieldOffset(text, current)
      if (offset === undefined) return false
      host.overwrite(file, offset, desired)
    } catch (error) {
      if (error instanceof HostError || error instanceof SyntaxError) return false
      throw error
    }
  }
  return false
}

/** Byte offset of the value, if the field stands in the text exactly once and has one of the two words. */
function fieldOffset(text: string, current: unknown): number | undefined {
  const matches = [...text.matchAll(FIELD)]
  const match = matches[0]
  if (matches.length !== 1 || !match || match[2] !== current) return undefined
  return Buffer.byteLength(text.slice(0, match.index + (match[1] ?? '').length))
}
