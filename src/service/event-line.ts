import {isTime} from './end-line.js'
import {isObject} from '../gateway/records.js'

/** What the tick saw begin, or be over: what `notify` tells of. */
export const EVENT_WORDS = [
  ...(['down', 'wedged', 'crash-looping', 'fatal-config', 'start-limit', 'watchdog-restart', 'platform-down'] as const),
  ...(['recovered', 'heartbeat-lost'] as const),
] as const
export type EventWord = (typeof EVENT_WORDS)[number]

/** One change of a gateway's state as the tick notes it in the home's journal: one line of JSON. */
export interface EventLine {
  /** When it was seen; ISO 8601, UTC. */
  readonly time: string
  readonly event: EventWord
  /** `gateway`, or the name of a platform of it. */
  readonly about: string
  /** When it began, as far as that is known; of `recovered`, since when it was otherwise. */
  readonly since: string
}

const LONGEST_ABOUT = 100

/** What a line of the journal, parsed as JSON, tells of; undefined if it is no such line. */
export function parseEventLine(value: unknown): EventLine | undefined {
  if (!isObject(value)) return undefined
  const {time, about, since} = value
  const event = EVENT_WORDS.find((word) => word === value.event)
  if (event === undefined || !isTime(time) || typeof about !== 'string' || about === '') return undefined
  return {time, event, about: about.slice(0, LONGEST_ABOUT), since: isTime(since) ? since : time}
}
