import {parseEntry} from '../plan/journal.js'
import {type EndLine, parseEndLine} from '../service/end-line.js'
import {parseEventLine} from '../service/event-line.js'
import type {CommandFact, EndFact, EventFact} from './facts.js'
import {beganMs} from './timeline.js'

/**
 * What a line of the home's journal tells; undefined for what is none, and for a command about another service than these (of a home there can be one in
 * each scope); undefined: about any. Pure.
 */
export function journalFact(line: string, service: string | undefined): EndFact | CommandFact | EventFact | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // Half a line, or none of ours.
    return undefined
  }
  const end = parseEndLine(value)
  if (end) return endFact(end)
  const event = parseEventLine(value)
  if (event) return {kind: 'event', atMs: Date.parse(event.time), sinceMs: Date.parse(event.since), event: event.event, about: event.about}
  const entry = parseEntry(value)
  const atMs = Date.parse(entry?.time ?? '')
  if (!entry || !Number.isFinite(atMs) || (service !== undefined && entry.service !== service && entry.service !== '')) return undefined
  const files = entry.steps.filter(({kind, changed}) => changed && (kind === 'write-file' || kind === 'remove-file')).length
  return {
    ...{
      kind: 'command',
      atMs,
      beganMs: beganMs(atMs, entry.tookMs),
      command: entry.command.slice(0, LONGEST_COMMAND),
      outcome: entry.outcome,
      files,
    },
    ...(entry.error === undefined ? {} : {error: entry.error.slice(0, LONGEST_ERROR)}),
  }
}

/** An end as the helper notes it, as a fact. */
export function endFact({time, code: how, status, result, uptimeMs, reason, failures, delayMs}: EndLine): EndFact {
  const laterMs = time.includes('.') ? 0 : WHOLE_MS
  const known = {how, status, result, reason, failures, delayMs}
  return {kind: 'end', atMs: Date.parse(time), laterMs, witness: 'helper', upMs: uptimeMs ?? undefined, ...known}
}

/** Within so long of the time that it notes is what the helper tells of. */
const WHOLE_MS = 1000
/** Characters: whoever owns the home can write anything there. */
const LONGEST_COMMAND = 60
const LONGEST_ERROR = 300
