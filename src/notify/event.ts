import {EVENT_WORDS, type EventWord} from '../service/event-line.js'

/** What somebody may be told of, in the order in which `--notify-on` lists them. */
export const EVENT_KINDS = EVENT_WORDS
export type EventKind = EventWord

/** The events that begin a bad state, which lasts until `recovered`. The others are over when they are told. */
export type LastingKind = Exclude<EventKind, 'recovered' | 'watchdog-restart'>

const isLasting = (kind: EventKind): kind is LastingKind => kind !== 'recovered' && kind !== 'watchdog-restart'
export const LASTING_KINDS: readonly LastingKind[] = EVENT_KINDS.filter(isLasting)

/** One thing that happened to one service, as somebody is told of it. Times are UNIX ms. */
export interface NotifyEvent {
  /** The same for each attempt to deliver it, and for no other event. */
  readonly id: string
  readonly kind: EventKind | 'test'
  readonly atMs: number
  /** Since when it has been so; of `recovered`: since when it had been bad. */
  readonly sinceMs: number
  /** The name of the machine. */
  readonly machine: string
  readonly service: string
  readonly profile: string
  /** In words, without the names above: `is down, and should be running`. */
  readonly what: string
  /** What was seen, and the last lines of the log, without secrets. */
  readonly lines: readonly string[]
  /** The one command to type. */
  readonly next: string
  /** It was told before, and still is so. */
  readonly isReminder: boolean
}

/** How long telling may take, of all events and all targets together. */
export const DELIVERY_DEADLINE_MS = 10_000
/** Less than that is too little for a server far away. */
const LEAST_DEADLINE_MS = 2000

/** How long telling may take; each ends when its signal is aborted. */
export interface DeliveryTime {
  readonly whole: AbortSignal
  /** For a target that has answered so far, and for a ping. */
  readonly prompt: AbortSignal
}

/**
 * The time that a tick has for it. The next tick waits for the end of this one, so where ticks are frequent it is half of the time between two of them. A
 * target that did not answer in that has the whole of it when it is tried again, which is after a pause of a minute and more.
 */
export function deliveryTime(tickEveryMs: number, over?: AbortSignal): DeliveryTime {
  const within = (ms: number) => AbortSignal.any([AbortSignal.timeout(ms), ...(over ? [over] : [])])
  const whole = within(DELIVERY_DEADLINE_MS)
  const promptMs = Math.max(LEAST_DEADLINE_MS, tickEveryMs / 2)
  return {whole, prompt: promptMs < DELIVERY_DEADLINE_MS ? AbortSignal.any([whole, AbortSignal.timeout(promptMs)]) : whole}
}
