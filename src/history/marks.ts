import {isOomKill, jointResult} from '../service/end-line.js'
import {type EndFact, type Fact, ofKind, type StartFact, type Witness} from './facts.js'

/** Two witnesses tell of one end, or one start, if their times differ by no more: the helper notes whole seconds, after its manager. */
export const SLACK_MS = 10_000
/** What is known of an end is when all was done that comes after it, so late at most: counted back from that, its start is late too. */
const LATE_END_MS = 2000

/** A start or an end, in their order. */
export type Mark = StartFact | EndFact

/** No process came of it, so none was ended. */
export const wasNone = ({how, reason}: EndFact): boolean => how === '' || reason === 'called-off'

/**
 * Starts and ends in their order: those that the helper and the manager tell of, and of the gateway's own notes those of times in which neither knows of a
 * gateway. Somebody who starts a second one beside it, which ends at once, leaves such notes too.
 */
export function sequence(facts: readonly Fact[]): Mark[] {
  const of = (witness: Witness) => ofKind(facts, 'end').filter((end) => end.witness === witness)
  const {known, alone: managers} = withMore(of('helper'), of('manager'))
  const both = [...known, ...managers].sort((one, other) => one.atMs - other.atMs)
  const {known: ends, alone} = withMore(both, of('gateway'))
  const starts = ofKind(facts, 'start')
  const seen = starts.filter(({witness}) => witness !== 'gateway')
  const sure = woven(runsOf(ends, seen), seen, isKnownStart)
  const notes: Mark[] = [...starts.filter(({witness}) => witness === 'gateway'), ...alone]
  notes.sort((one, other) => one.atMs - other.atMs)
  return woven(sure, notes, isKnownNote)
}

/** A note of a run that is known, be it that its end was noted in whole seconds, and so before it. */
function isKnownNote(note: Mark, before: Mark | undefined, next: Mark | undefined): boolean {
  if (before?.kind === 'start' && before.witness !== 'gateway') return true
  if (before?.kind === 'end' && note.atMs <= before.atMs + (before.laterMs ?? 0)) return true
  return note.kind === 'start' && startsSoon(note, next)
}

/** Each end behind the start that it tells of; `seen`: starts at the times at which somebody saw them. */
function runsOf(ends: readonly EndFact[], seen: readonly StartFact[]): Mark[] {
  let next = 0
  return ends.flatMap((end, index): Mark[] => {
    if (end.upMs === undefined || wasNone(end)) return [end]
    const formerMs = ends[index - 1]?.atMs ?? -Infinity
    // Whole seconds are noted: the next run seems to have begun a moment before the former one had ended.
    const countedMs = Math.max(end.atMs - end.upMs, formerMs)
    while ((seen[next]?.atMs ?? Infinity) <= countedMs) next += 1
    const seenMs = seen[next - 1]?.atMs ?? -Infinity
    const isOfRun = seenMs >= formerMs && countedMs - seenMs <= LATE_END_MS
    return [{kind: 'start', atMs: isOfRun ? seenMs : countedMs, witness: end.witness}, end]
  })
}

function isKnownStart(start: Mark, before: Mark | undefined, next: Mark | undefined): boolean {
  const isOfRun = before?.kind === 'start' && next?.kind === 'end' && before.witness === 'helper'
  return isOfRun || (before?.kind === 'start' && start.atMs - before.atMs <= SLACK_MS) || startsSoon(start, next)
}

const startsSoon = (start: Mark, next: Mark | undefined): boolean => next?.kind === 'start' && next.atMs - start.atMs <= SLACK_MS

/** Marks with others put among them by their times, but for those that are known already by the marks around them. */
function woven(
  marks: readonly Mark[],
  others: readonly Mark[],
  isKnown: (other: Mark, before: Mark | undefined, next: Mark | undefined) => boolean,
): Mark[] {
  const all: Mark[] = []
  let [at, before]: [number, Mark | undefined] = [0, undefined]
  for (const other of others) {
    for (let next = marks[at]; next && next.atMs <= other.atMs; next = marks[(at += 1)]) {
      before = next
      all.push(next)
    }
    if (isKnown(other, before, marks[at])) continue
    before = other
    all.push(other)
  }
  return [...all, ...marks.slice(at)]
}

/** Ends of better witnesses with what the others know of them, and those of which only the others know; each in order. */
function withMore(better: readonly EndFact[], others: readonly EndFact[]): {known: EndFact[]; alone: EndFact[]} {
  const pairs = paired(better, others)
  const known = [...better]
  for (const [index, other] of pairs) known[index] = filled(better[index] ?? other, other)
  const found = new Set(pairs.map(([, other]) => other))
  return {known: inOrder(known), alone: others.filter((end) => !found.has(end))}
}

/** Which of `others` tells of which of `better`, by its index: the nearest in time that agrees, and none before one that an earlier note tells of. */
function paired(better: readonly EndFact[], others: readonly EndFact[]): [number, EndFact][] {
  const pairs: [number, EndFact][] = []
  const taken = new Set<number>()
  // Both are sorted: what lies too far back is never the next one's either.
  let first = 0
  for (const end of others) {
    while (first < better.length && (better[first]?.atMs ?? 0) < end.atMs - SLACK_MS) first += 1
    const distance = (index: number) => distanceOf(better[index] ?? end, end)
    let best: number | undefined
    for (let index = first; index < better.length && (better[index]?.atMs ?? 0) <= end.atMs + SLACK_MS; index += 1) {
      const isOne = !taken.has(index) && !isOtherEnd(better[index], end)
      if (isOne && (best === undefined || distance(index) < distance(best))) best = index
    }
    if (best === undefined) continue
    taken.add(best)
    pairs.push([best, end])
    uncross(pairs, better)
  }
  return pairs
}

/**
 * Exchanges what the last of the pairs and those before it tell of, until they are in order: an end that the helper noted as of 47, and its manager at 48.07,
 * is nearer to one that the helper noted as of 48.
 */
function uncross(pairs: [number, EndFact][], better: readonly EndFact[]): void {
  for (let at = pairs.length - 1; at > 0; at -= 1) {
    const [former, last] = [pairs[at - 1], pairs[at]]
    if (!former || !last || former[0] < last[0]) return
    if (isOtherEnd(better[last[0]], former[1]) || isOtherEnd(better[former[0]], last[1])) return
    ;[former[0], last[0]] = [last[0], former[0]]
  }
}

/** One witness notes one end after the other: of two within a second, the exact times that another tells of them can have been taken for each other's. */
function inOrder(ends: readonly EndFact[]): EndFact[] {
  let formerMs = -Infinity
  return ends.map((end) => {
    formerMs = Math.max(formerMs, end.atMs)
    return end.atMs === formerMs ? end : {...end, atMs: formerMs}
  })
}

/** Between the times of two that may be one, in ms. */
function distanceOf({atMs, laterMs = 0}: EndFact, other: EndFact): number {
  return Math.max(0, atMs - other.atMs, other.atMs - atMs - laterMs)
}

/** Of a result, what two witnesses of one end agree in. */
const plain = (result: string | undefined): string | undefined => (isOomKill(result) ? 'signal' : result || undefined)

/** What they say cannot be of one end. */
function isOtherEnd(one: EndFact | undefined, other: EndFact): boolean {
  const differs = (a: string | undefined, b: string | undefined) => a !== undefined && b !== undefined && a !== b
  return (
    one !== undefined &&
    (differs(one.how, other.how) || differs(one.status, other.status) || differs(plain(one.result), plain(other.result)))
  )
}

function filled(better: EndFact, other: EndFact): EndFact {
  const known = Object.fromEntries(Object.entries(better).filter(([, value]) => value !== undefined && value !== '')) as Partial<EndFact>
  // The manager's time is exact.
  const {atMs, laterMs = 0} = other.witness === 'manager' ? other : better
  const result = jointResult(better.result, other.result)
  return {...other, ...known, kind: 'end', atMs, laterMs, witness: better.witness, how: better.how ?? other.how, result}
}
