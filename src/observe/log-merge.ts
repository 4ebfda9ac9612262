import {behind, type LogEntry, ONE_GO_MS, settled} from './log-entry.js'

/**
 * How long after a record was made what was printed of it comes in, at most: a warning goes to a file and to stderr, and stderr through a pipe to the
 * manager.
 */
export const TWIN_MS = 5000
/** A time of upstream's is cut to ms, and clocks are set. */
const SLACK_MS = 50
/** Of what is held back, since its twin may follow, and of what is, since something may have to go before it: a log without times has one for all its lines. */
const MOST_HELD = 5000

interface Held {
  readonly entry: LogEntry
  /** Before: it is not shown again, and neither is its twin. */
  readonly isShown: boolean
  isDropped: boolean
  /** It has met the one of the same record that was printed, or that of the other file. */
  hasPrinted: boolean
  hasFile: boolean
}

/**
 * One stream of several, all newest first: by time, each stream's own order kept where times are the same. A record that is in a file and was printed too,
 * or is in two files, is there once. Of `shown` nothing comes out again.
 */
export function* merged(streams: readonly Iterator<LogEntry>[], shown: readonly LogEntry[] = []): Generator<LogEntry> {
  // Those whose twin may still come, and then those that others may have to go before.
  const [held, ready]: [Held[], LogEntry[]] = [[], []]
  const byKey = new Map<string, Held[]>()
  const sources = [...streams, shown[Symbol.iterator]()].map((stream, index) => ({
    stream,
    isShown: index === streams.length,
    next: stream.next(),
  }))
  const settleUpTo = (timeMs: number) => {
    while (held[0] && (held[0].entry.timeMs - timeMs > TWIN_MS || held.length > MOST_HELD)) {
      const {entry, isDropped, isShown} = held.shift() as Held
      const key = keyOf(entry)
      const same = byKey.get(key)
      // In place: of a line that is said again and again there are thousands.
      same?.shift()
      if (!same?.length) byKey.delete(key)
      if (!isDropped && !isShown) for (const one of settled(entry)) insert(ready, one, (other) => other.timeMs)
    }
  }
  for (;;) {
    let newest: (typeof sources)[number] | undefined
    for (const source of sources) {
      if (source.next.done === true) continue
      // Where times are the same, what was printed is the later one.
      if (!newest || later(source.next.value, newest.next.value as LogEntry)) newest = source
    }
    if (newest === undefined || newest.next.done === true) break
    const one: Held = {entry: newest.next.value, isShown: newest.isShown, isDropped: false, hasPrinted: false, hasFile: false}
    newest.next = newest.stream.next()
    settleUpTo(one.entry.timeMs)
    const rest = meet(one, byKey.get(keyOf(one.entry)) ?? [])
    for (const each of [one, ...(rest ? [rest] : [])]) {
      insert(held, each, ({entry}) => entry.timeMs)
      insert(valueOf(byKey, keyOf(each.entry)), each, ({entry}) => entry.timeMs)
    }
    const newestMs = Math.max(held[0]?.entry.timeMs ?? 0, one.entry.timeMs)
    while (ready[0] && (ready[0].timeMs - newestMs > ONE_GO_MS || ready.length > MOST_HELD)) yield ready.shift() as LogEntry
  }
  settleUpTo(-Infinity)
  yield* ready
}

function valueOf(map: Map<string, Held[]>, key: string): Held[] {
  const value = map.get(key) ?? []
  map.set(key, value)
  return value
}

function later(one: LogEntry, other: LogEntry): boolean {
  if (one.timeMs !== other.timeMs) return one.timeMs > other.timeMs
  return isPrinted(one) && !isPrinted(other)
}

const isPrinted = ({origin}: LogEntry): boolean => origin === 'service' || origin === 'manager'

/** Twins have it in common: what is said, and by which part of which gateway. */
function keyOf({profile, level, logger, message}: LogEntry): string {
  return `${profile}\n${level ?? ''}\n${logger ?? ''}\n${message}`
}

/**
 * Drops one of two of the same record, if there is another; that which is in a file stays, unless the other was shown already. Returns what else was
 * printed behind a record that is dropped.
 */
function meet(one: Held, same: readonly Held[]): Held | undefined {
  const {entry} = one
  if (entry.logger === undefined || entry.origin === 'manager') return undefined
  if (entry.origin === 'service') {
    const file = twinAmong(same, entry, ({entry: other}) => !isPrinted(other) && isTwin(other, entry))
    return file && pair(file, one)
  }
  const isOtherFile = ({entry: other}: Held) => !isPrinted(other) && other.origin !== entry.origin && other.timeMs === entry.timeMs
  const otherFile = same.find((other) => isOtherFile(other) && !other.hasFile && isSameMore(other.entry, entry))
  if (otherFile) {
    otherFile.hasFile = true
    one.hasFile = true
    drop(one.isShown ? otherFile : one)
    return undefined
  }
  const printed = twinAmong(same, entry, ({entry: other}) => other.origin === 'service' && isTwin(entry, other))
  return printed && pair(one, printed)
}

/** One whose record has the same lines rather than one that has others, or more of them. */
function twinAmong(same: readonly Held[], entry: LogEntry, isOne: (one: Held) => boolean): Held | undefined {
  const all = same.filter((one) => !one.isDropped && !one.hasPrinted && isOne(one))
  return all.length < 2 ? all[0] : (all.find((one) => isSameMore(own(one.entry), own(entry))) ?? all[0])
}

const own = (entry: LogEntry): LogEntry => settled(entry)[0] ?? entry

function isSameMore({more}: LogEntry, {more: other}: LogEntry): boolean {
  return more.length === other.length && more.every((line, index) => line === other[index])
}

function pair(file: Held, printed: Held): Held | undefined {
  file.hasPrinted = true
  printed.hasPrinted = true
  if (printed.isShown) {
    drop(file)
    return undefined
  }
  drop(printed)
  const entry = behind(printed.entry, file.entry.more.length)
  return entry && {entry, isShown: false, isDropped: false, hasPrinted: false, hasFile: false}
}

function drop(one: Held): void {
  one.isDropped = true
}

/** The lines that the file has behind its record stand first among those that were printed. */
function isTwin(file: LogEntry, printed: LogEntry): boolean {
  const waitMs = printed.timeMs - file.timeMs
  if (waitMs < -SLACK_MS || waitMs > TWIN_MS) return false
  const length = Math.min(file.more.length, printed.more.length)
  return file.more.slice(0, length).every((line, index) => line === printed.more[index])
}

/** By time, newest first; behind those of the same time. */
function insert<T>(list: T[], one: T, timeOf: (of: T) => number): void {
  let at = list.length
  while (at > 0 && timeOf(list[at - 1] as T) < timeOf(one)) at -= 1
  list.splice(at, 0, one)
}
