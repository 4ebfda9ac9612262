import type {Door} from '../host/host.js'
import type {Delivery} from './deliver.js'
import type {DeliveryTime, NotifyEvent} from './event.js'
import {due, type Outbox} from './outbox.js'
import {parseTarget} from './target.js'
import {targetKey} from './target-key.js'

/** An attempt to tell a target of an event. */
export interface Attempt {
  /** Of the target; see targetKey. */
  readonly key: string
  readonly event: NotifyEvent
  readonly delivery: Delivery
}

/**
 * Tells the targets of all that waits for them: all of them at once, each in order, and no further after a failure that may pass. `door`: of the account
 * whose targets they are. It ends when its time is over, whatever has not been told by then. Never throws.
 */
export async function dispatch(
  door: Door,
  targets: readonly string[],
  outbox: Outbox,
  {nowMs, time}: {readonly nowMs: number; readonly time: DeliveryTime},
): Promise<Attempt[]> {
  const waiting = due(outbox, nowMs)
  const attempts = await Promise.all(
    targets.map(async (target) => {
      const key = targetKey(target)
      const made: Attempt[] = []
      const signal = outbox.faults[key] ? time.whole : time.prompt
      for (const event of waiting.get(key) ?? []) {
        const delivery = await tell(door, target, event, signal)
        made.push({key, event, delivery})
        if (delivery.kind === 'failed' && !delivery.isForGood) break
      }
      return made
    }),
  )
  return attempts.flat()
}

/** Tells one target of one event. Never throws. */
export async function tell(door: Door, target: string, event: NotifyEvent, signal: AbortSignal): Promise<Delivery> {
  const parsed = parseTarget(target)
  if ('refused' in parsed) return {kind: 'failed', why: `the target ${parsed.refused}`, isForGood: true, afterMs: undefined}
  const {deliver} = await import('./deliver.js')
  return deliver(door, event, parsed.target, signal)
}
