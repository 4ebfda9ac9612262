import type {AccountHost} from '../host/host.js'
import {HostError} from '../host/host.js'
import {recentEnds} from '../plan/journal.js'
import type {LastEnd} from '../observe/report.js'
import {endFact} from './journal-facts.js'
import {reasonOf} from './timeline.js'
import {reasonWords} from './words.js'

/** Some dozens of ends: one read. */
const TAIL_BYTES = 8 * 1024

/** How the gateway last ended by the end of the home's journal; undefined where that does not tell. A start that was called off is none. */
export function readLastEnd(userHost: AccountHost, home: string): LastEnd | undefined {
  try {
    const end = recentEnds(userHost, home, TAIL_BYTES).findLast(({reason}) => reason !== 'called-off')
    if (!end) return undefined
    const reason = reasonOf(endFact(end))
    return {time: new Date(end.time).toISOString(), reason: reason.kind, text: reasonWords(reason)}
  } catch (error) {
    // What may not be read tells nothing here; doctor says so.
    if (error instanceof HostError) return undefined
    throw error
  }
}
