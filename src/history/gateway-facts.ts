import type {ExitNote} from '../gateway/exit-log.js'
import type {Fact} from './facts.js'

/** Between the two notes of one end, at most. */
const SAME_END_MS = 60_000

/**
 * What gateways have noted of themselves, as facts. `last`: how the last one ended by its lifecycle file, of which its log tells too, but for an end in a
 * hurry, as by its own watchdog. Pure.
 */
export function gatewayFacts(noted: readonly ExitNote[], last: ExitNote | undefined): Fact[] {
  const isTold =
    last?.kind === 'ends' &&
    noted.some((note) => note.kind === 'ends' && note.pid === last.pid && Math.abs(note.atMs - last.atMs) <= SAME_END_MS)
  return [...noted, ...(last === undefined || isTold ? [] : [last])].map(gatewayFact)
}

function gatewayFact(note: ExitNote): Fact {
  switch (note.kind) {
    case 'started':
      return {kind: 'start', atMs: note.atMs, witness: 'gateway', pid: note.pid}
    case 'ends':
      return {kind: 'end', atMs: note.atMs, witness: 'gateway', pid: note.pid, how: 'exited', status: String(note.status)}
    case 'found-unclean':
      return {kind: 'unclean', atMs: note.atMs, wasShortOfMemory: note.wasShortOfMemory}
  }
}
