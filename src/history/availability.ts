import {type EndEntry, type EndReason, type HistoryEntry, STOPPING} from './timeline.js'

/** How a gateway was: `off`: nobody wanted it to run; `unknown`: nothing tells. */
export type State = 'up' | 'down' | 'off' | 'unknown'

/** A time in which it was so; ms since the epoch. */
export interface Span {
  readonly fromMs: number
  readonly untilMs: number
  readonly state: State
  /** Of `down`: it is that of a restart which was meant. */
  readonly isPlanned?: boolean
}

/** One block of a bar: `partly`: it was down for less than half of the time. */
export type Block = 'up' | 'partly' | 'down' | 'off' | 'unknown'

/** How it did in the last so many ms. Times in ms. */
export interface Availability {
  readonly windowMs: number
  readonly upMs: number
  readonly downMs: number
  readonly offMs: number
  readonly unknownMs: number
  /** Of the time in which it should have run, and of which something is known; undefined if there is none. */
  readonly percent: number | undefined
  /** Ends by what they were: restarts that were meant, stops that were asked for, all others. */
  readonly planned: number
  readonly asked: number
  readonly unplanned: number
  /** Times that it was down after an end that nobody meant, or was wedged; one that lasts counts. */
  readonly outages: number
  readonly longestOutageMs: number | undefined
  /** Mean time of those that are over. */
  readonly meanRecoveryMs: number | undefined
  /** Oldest first. */
  readonly bar: readonly Block[]
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** The windows, with the blocks of the bar of each: half an hour, a quarter of a day, a day. */
export const WINDOWS: readonly {readonly name: string; readonly ms: number; readonly blocks: number}[] = [
  {name: '24 h', ms: DAY_MS, blocks: 48},
  {name: '7 d', ms: 7 * DAY_MS, blocks: 28},
  {name: '30 d', ms: 30 * DAY_MS, blocks: 30},
]
/** A gateway that was up for less than that and failed again has not ended the outage. */
const SHORT_MS = 60_000
/** Down for less than half of a block is `partly`. */
const HALF = 0.5

/** Ends that somebody meant, or that were none. */
const MEANT: ReadonlySet<EndReason['kind']> = new Set(['planned-restart', 'stop-asked', 'stop-timeout', 'called-off'])
/** Commands after which it should run. */
const STARTING: ReadonlySet<string> = new Set(['start', 'restart', 'install', 'setup'])

/** True for an end that nobody had asked for. */
export function isUnplanned({kind}: EndReason): boolean {
  return !MEANT.has(kind)
}

/**
 * What the entries of a timeline say of each moment up to now, oldest first and without a hole. A stop that was asked for is no downtime, and neither up nor
 * down is what nothing tells of. Pure.
 */
export function spansOf(entries: readonly HistoryEntry[], nowMs: number): Span[] {
  const spans: Span[] = []
  let [state, fromMs, isPlanned] = ['unknown', -Infinity, false] as [State, number, boolean]
  const turn = (next: State, atMs: number, planned = false) => {
    if (atMs > fromMs) spans.push({fromMs, untilMs: atMs, state, ...(isPlanned ? {isPlanned} : {})})
    ;[state, fromMs, isPlanned] = [next, Math.max(atMs, fromMs), planned]
  }
  for (const entry of entries) {
    if (entry.kind === 'start') turn('up', entry.atMs)
    else if (entry.kind === 'end') turn(stateAfter(entry), entry.atMs, !isUnplanned(entry.reason))
    else if (entry.kind === 'command' && entry.outcome === 'done' && state !== 'up' && state !== 'unknown') {
      if (STOPPING.has(entry.command)) turn('off', entry.atMs)
      else if (STARTING.has(entry.command) && state === 'off') turn('down', entry.atMs)
    }
  }
  turn(state, nowMs, isPlanned)
  const gaps = entries.flatMap((entry) => (entry.kind === 'gap' ? [{fromMs: entry.atMs, untilMs: entry.untilMs}] : []))
  const wedged = entries.flatMap((entry) =>
    entry.kind === 'phase' && entry.what === 'wedged' ? [{fromMs: entry.atMs, untilMs: entry.untilMs ?? nowMs}] : [],
  )
  return laidOver(laidOver(spans, wedged, 'down', ['up']), gaps, 'unknown', ['up', 'down', 'off'])
}

function stateAfter({reason, by}: EndEntry): State {
  if (reason.kind !== 'stop-asked' && reason.kind !== 'stop-timeout' && reason.kind !== 'called-off') return 'down'
  return by.who === 'command' && !STOPPING.has(by.command) ? 'down' : 'off'
}

/** The spans with times laid over them in which it was otherwise; where it was in one of `under` alone. */
function laidOver(
  spans: readonly Span[],
  times: readonly Pick<Span, 'fromMs' | 'untilMs'>[],
  state: State,
  under: readonly State[],
): Span[] {
  const tops: {fromMs: number; untilMs: number}[] = []
  for (const {fromMs, untilMs} of [...times].sort((one, other) => one.fromMs - other.fromMs)) {
    const last = tops.at(-1)
    if (last && fromMs <= last.untilMs) last.untilMs = Math.max(last.untilMs, untilMs)
    else tops.push({fromMs, untilMs})
  }
  let first = 0
  return spans.flatMap((span): Span[] => {
    if (!under.includes(span.state)) return [span]
    while ((tops[first]?.untilMs ?? Infinity) <= span.fromMs) first += 1
    const parts: Span[] = []
    let atMs = span.fromMs
    for (let index = first; (tops[index]?.fromMs ?? Infinity) < span.untilMs; index += 1) {
      const {fromMs, untilMs} = tops[index] ?? span
      parts.push({...span, fromMs: atMs, untilMs: Math.max(atMs, fromMs)})
      parts.push({fromMs: Math.max(atMs, fromMs), untilMs: Math.min(untilMs, span.untilMs), state})
      atMs = Math.min(untilMs, span.untilMs)
    }
    return [...parts, {...span, fromMs: atMs}].filter((part) => part.untilMs > part.fromMs)
  })
}

/** How it did in each of the windows, up to now. Pure. */
export function availabilities(entries: readonly HistoryEntry[], nowMs: number): Availability[] {
  const spans = spansOf(entries, nowMs)
  const ends = entries.filter((entry): entry is EndEntry => entry.kind === 'end')
  return WINDOWS.map(({ms, blocks}) => {
    const sinceMs = nowMs - ms
    const own = clipped(spans, sinceMs, nowMs)
    const [upMs, downMs, offMs, unknownMs] = (['up', 'down', 'off', 'unknown'] as const).map((state) => sum(own, state)) as [
      number,
      number,
      number,
      number,
    ]
    const recent = ends.filter(({atMs}) => atMs >= sinceMs).map(({reason}) => reason)
    const outages = outagesOf(own)
    const over = outages.filter(({untilMs}) => untilMs < nowMs).map(({fromMs, untilMs}) => untilMs - fromMs)
    const lengths = outages.map(({fromMs, untilMs}) => untilMs - fromMs)
    const asked = recent.filter(({kind}) => kind === 'stop-asked' || kind === 'stop-timeout').length
    return {
      ...{windowMs: ms, upMs, downMs, offMs, unknownMs},
      percent: upMs + downMs === 0 ? undefined : (100 * upMs) / (upMs + downMs),
      planned: recent.filter(({kind}) => kind === 'planned-restart').length,
      asked,
      unplanned: recent.filter(isUnplanned).length,
      outages: outages.length,
      longestOutageMs: lengths.length === 0 ? undefined : Math.max(...lengths),
      meanRecoveryMs: over.length === 0 ? undefined : over.reduce((total, one) => total + one, 0) / over.length,
      bar: barOf(own, sinceMs, ms / blocks, blocks),
    }
  })
}

function clipped(spans: readonly Span[], sinceMs: number, untilMs: number): Span[] {
  return spans
    .map((span) => ({...span, fromMs: Math.max(span.fromMs, sinceMs), untilMs: Math.min(span.untilMs, untilMs)}))
    .filter((span) => span.untilMs > span.fromMs)
}

function sum(spans: readonly Span[], state: State): number {
  return spans.reduce((total, span) => (span.state === state ? total + span.untilMs - span.fromMs : total), 0)
}

/** From the end that began it to the start that lasted. */
function outagesOf(spans: readonly Span[]): {fromMs: number; untilMs: number}[] {
  const outages: {fromMs: number; untilMs: number}[] = []
  let upSinceMs: number | undefined
  for (const {state, fromMs, untilMs, isPlanned} of spans) {
    const last = outages.at(-1)
    if (state === 'down' && !isPlanned) {
      const wasShort = upSinceMs !== undefined && fromMs - upSinceMs < SHORT_MS
      if (last && (last.untilMs === fromMs || (wasShort && last.untilMs === upSinceMs))) last.untilMs = untilMs
      else outages.push({fromMs, untilMs})
    }
    upSinceMs = state === 'up' ? fromMs : undefined
  }
  return outages
}

/** Spans are in order, so each is looked at once for all blocks. */
function barOf(spans: readonly Span[], sinceMs: number, blockMs: number, blocks: number): Block[] {
  let first = 0
  return Array.from({length: blocks}, (_, index): Block => {
    const [fromMs, untilMs] = [sinceMs + index * blockMs, sinceMs + (index + 1) * blockMs]
    while ((spans[first]?.untilMs ?? Infinity) <= fromMs) first += 1
    let last = first
    while ((spans[last]?.fromMs ?? Infinity) < untilMs) last += 1
    const own = clipped(spans.slice(first, last), fromMs, untilMs)
    const [up, down, off] = [sum(own, 'up'), sum(own, 'down'), sum(own, 'off')]
    if (up + down === 0) return off > 0 ? 'off' : 'unknown'
    if (down === 0) return 'up'
    return down / (up + down) < HALF ? 'partly' : 'down'
  })
}
