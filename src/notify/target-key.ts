import {eventId} from './event-id.js'

/** By what a target is known in files: nothing of it can be read from that. */
export function targetKey(target: string): string {
  return eventId(target)
}
