import {inWords} from '../text/layout.js'
import type {NotifyEvent} from './event.js'

/** How much of the lines is told; the whole of them is in the log. */
const MOST_LINES = 10
export const LONGEST_LINE = 300

/** What a person reads: one line that says it all, and what is behind it. */
export interface Message {
  readonly title: string
  readonly body: string
}

/**
 * The text of an event for a person: which machine, profile, what, since when, what was seen, and what to type. Plain text, so that every receiver can
 * show it; nothing in it means anything to a markup.
 */
export function messageOf(event: NotifyEvent): Message {
  const {machine, service, profile, what, lines, next, atMs, sinceMs, kind, isReminder} = event
  const forMs = Math.max(0, atMs - sinceMs)
  const since =
    kind === 'test' ? [] : [`${kind === 'recovered' ? 'Began' : 'Since'}: ${new Date(sinceMs).toISOString()} (${inWords(forMs)})`]
  const shown = lines.slice(-MOST_LINES).map((line) => cut(line, LONGEST_LINE))
  return {
    title: `${isReminder ? 'Reminder: ' : ''}${service} on ${machine} ${what}`,
    body: [`Machine: ${machine}`, `Profile: ${profile}`, ...since, ...(shown.length > 0 ? ['', ...shown] : []), '', `Type: ${next}`].join(
      '\n',
    ),
  }
}

/** A text of at most so many UTF-16 units, cut where a character ends, with a sign that it was. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text
  const short = text.slice(0, most - 1)
  return `${/[\uD800-\uDBFF]$/.test(short) ? short.slice(0, -1) : short}…`
}
