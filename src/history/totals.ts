import {type AccountHost, HostError} from '../host/host.js'
import {JOURNAL_BYTES, journalFile} from '../plan/journal.js'
import type {Fact} from './facts.js'
import {journalFact} from './journal-facts.js'
import {type EndReason, reasonOf, STOPPING} from './timeline.js'

/** What counts up since the home's journal was begun. */
export interface Totals {
  /** How often the gateway ended, by why; all of COUNTED are in it. */
  readonly ends: ReadonlyMap<EndReason['kind'], number>
  /** How long it was down while it should have run, in ms, of outages that are over. */
  readonly downMs: number
}

/** Twice what a journal has when it is begun anew. */
const MOST_BYTES = 2 * JOURNAL_BYTES
/** Reasons that a line tells by itself. Each is there from the first: what begins with 1 is no rise to who counts. */
const COUNTED = ['planned-restart', 'stop-asked', 'config', 'exit', 'signal', 'oom', 'stop-timeout', 'watchdog', 'start-failed'] as const
/** What an event of the tick is about, if not about a platform. */
const GATEWAY = 'gateway'

/**
 * Totals by the journal as it is now: when that is begun anew they are back at nothing, as those of a program that was restarted, and between the two they only
 * grow, since each line counts for what it is, whatever comes after it. So the former journal does not count, nor does an outage before it is over. Undefined
 * where the journal may not be read, or is too large.
 */
export function readTotals(userHost: AccountHost, home: string): Totals | undefined {
  try {
    return totalsOf((userHost.readText(journalFile(home), MOST_BYTES) ?? '').split('\n'))
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** Of the lines of a journal, oldest first. More lines never make less of it. Pure. */
export function totalsOf(lines: readonly string[]): Totals {
  const ends = new Map<EndReason['kind'], number>(COUNTED.map((kind) => [kind, 0]))
  let [downMs, downSinceMs] = [0, NaN]
  const over = (atMs: number) => {
    if (Number.isNaN(downSinceMs)) return
    downMs += Math.max(0, atMs - downSinceMs)
    downSinceMs = NaN
  }
  for (const line of lines) {
    const fact: Fact | undefined = journalFact(line, undefined)
    if (fact?.kind === 'command' && fact.outcome === 'done' && STOPPING.has(fact.command)) over(fact.atMs)
    // The tick has seen that it is well again.
    if (fact?.kind === 'event' && fact.event === 'recovered' && fact.about === GATEWAY) over(fact.atMs)
    if (fact?.kind !== 'end') continue
    const {kind} = reasonOf(fact)
    if (kind === 'called-off') continue
    ends.set(kind, (ends.get(kind) ?? 0) + 1)
    // What could not be started is down as before.
    if (kind !== 'start-failed' && fact.upMs !== undefined) over(fact.atMs - fact.upMs)
    if (Number.isNaN(downSinceMs) && fact.reason !== 'stop') downSinceMs = fact.atMs
  }
  return {ends, downMs}
}
