import type {Delivery} from './deliver.js'
import type {NotifyEvent} from './event.js'

/** An event, and the targets that have not been told of it yet, by their keys. */
export interface Waiting {
  readonly event: NotifyEvent
  readonly targets: readonly string[]
}

/** What is known of a target that does not answer as it should. */
export interface TargetFault {
  /** Failures in a row. */
  readonly failures: number
  /** Since when, and until when it is left alone; UNIX ms. */
  readonly sinceMs: number
  readonly untilMs: number
  readonly why: string
}

/** What is still to be told, oldest first. Keys are not the targets themselves, which are secrets. */
export interface Outbox {
  readonly waiting: readonly Waiting[]
  readonly faults: Readonly<Record<string, TargetFault>>
}

export const EMPTY_OUTBOX: Outbox = {waiting: [], faults: {}}

/** The newest win: who was away for days wants to know how it is, more than how it was. */
const MOST_WAITING = 200
const FIRST_PAUSE_MS = 60_000
/** Once a network is back, nobody wants to wait for much longer than that. */
const LONGEST_PAUSE_MS = 900_000

/** Puts events behind those that wait, for all targets. Pure. */
export function enqueue(outbox: Outbox, events: readonly NotifyEvent[], targets: readonly string[]): Outbox {
  if (events.length === 0 || targets.length === 0) return outbox
  const known = new Set(outbox.waiting.map(({event}) => event.id))
  const fresh = events.filter(({id}) => !known.has(id)).map((event) => ({event, targets}))
  return {...outbox, waiting: [...outbox.waiting, ...fresh].slice(-MOST_WAITING)}
}

/** Forgets what waits for targets that are none any more, and their faults. Pure. */
export function onlyFor(outbox: Outbox, targets: readonly string[]): Outbox {
  const waiting = outbox.waiting.map(({event, targets: left}) => ({event, targets: left.filter((key) => targets.includes(key))}))
  const faults = Object.fromEntries(Object.entries(outbox.faults).filter(([key]) => targets.includes(key)))
  return {waiting: waiting.filter(({targets: left}) => left.length > 0), faults}
}

/** For each target that is not left alone at the moment, the events that it is to be told, in order. Pure. */
export function due(outbox: Outbox, nowMs: number): ReadonlyMap<string, readonly NotifyEvent[]> {
  const found = new Map<string, NotifyEvent[]>()
  for (const {event, targets} of outbox.waiting) {
    for (const key of targets) {
      const fault = outbox.faults[key]
      // A clock that was set back must not keep it waiting for longer than the longest pause.
      if (fault && nowMs < fault.untilMs && fault.untilMs - nowMs <= LONGEST_PAUSE_MS) continue
      found.set(key, [...(found.get(key) ?? []), event])
    }
  }
  return found
}

/** What a delivery leaves. After a failure the target is left alone, longer each time, or as long as it says. Pure. */
export function delivered(outbox: Outbox, key: string, id: string, delivery: Delivery, nowMs: number): Outbox {
  const {[key]: before, ...others} = outbox.faults
  const isDone = delivery.kind === 'told' || delivery.isForGood
  const waiting = outbox.waiting
    .map(({event, targets}) => ({event, targets: isDone && event.id === id ? targets.filter((target) => target !== key) : targets}))
    .filter(({targets}) => targets.length > 0)
  if (delivery.kind === 'told') return {waiting, faults: others}
  const fault = faultAfter(before, delivery.why, nowMs, delivery.afterMs)
  return {waiting, faults: {...others, [key]: delivery.isForGood ? {...fault, untilMs: nowMs} : fault}}
}

/** What one more failure makes of those before. `afterMs`: it is not to be tried sooner. Pure. */
export function faultAfter(before: TargetFault | undefined, why: string, nowMs: number, afterMs = 0): TargetFault {
  const failures = (before?.failures ?? 0) + 1
  const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10), afterMs))
  return {failures, sinceMs: before?.sinceMs ?? nowMs, untilMs: nowMs + pauseMs, why}
}
