import {type AccountHost, HostError} from '../host/host.js'
import {newestLines, numberedLog} from '../host/log-file.js'
import {journalFile} from '../plan/journal.js'
import {availabilities} from './availability.js'
import type {Fact} from './facts.js'
import {journalFact} from './journal-facts.js'
import {type EndReason, timeline} from './timeline.js'

/** What a monitor is told of the last 24 hours, by the home's journal alone: whoever asks each minute asks no manager for it. */
export interface LastDay {
  /** How often it ended, by why. */
  readonly ends: ReadonlyMap<EndReason['kind'], number>
  /** How long it was down while it should have run, in ms; undefined if nothing is known. */
  readonly downMs: number | undefined
  readonly lastEnd: {readonly atMs: number; readonly reason: EndReason['kind']} | undefined
}

/** Of the journal, some thousand ends. */
const MOST_BYTES = 1024 * 1024

/** `upMs`: how long the gateway that runs now has been up; undefined if none does. Undefined where no journal may be read. */
export function readLastDay(userHost: AccountHost, home: string, nowMs: number, upMs: number | undefined): LastDay | undefined {
  const facts: Fact[] = upMs === undefined ? [] : [{kind: 'start', atMs: nowMs - upMs, witness: 'manager'}]
  try {
    for (const line of newestLines(userHost, numberedLog(journalFile(home)), undefined, {left: MOST_BYTES})) {
      const fact = journalFact(line, undefined)
      if (fact) facts.unshift(fact)
    }
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
  const entries = timeline(facts, {nowMs, isUp: upMs !== undefined})
  const [day] = availabilities(entries, nowMs)
  const ends = entries.flatMap((entry) => (entry.kind === 'end' && entry.reason.kind !== 'called-off' ? [entry] : []))
  const counts = new Map<EndReason['kind'], number>()
  for (const {atMs, reason} of ends) if (day && atMs >= nowMs - day.windowMs) counts.set(reason.kind, (counts.get(reason.kind) ?? 0) + 1)
  const last = ends.at(-1)
  return {
    ends: counts,
    downMs: day?.percent === undefined ? undefined : day.downMs,
    lastEnd: last && {atMs: last.atMs, reason: last.reason.kind},
  }
}
