import type {Doors} from '../host/host.js'
import type {EventSource} from './make-events.js'
import type {NotifySettings} from './notify-file.js'
import type {NotifyState} from './notify-state.js'
import {enqueue, onlyFor, type Outbox} from './outbox.js'
import type {Told} from './transition.js'

/**
 * The outbox once what is to be told waits in it: of that what the operator wants to be told of, for all who are told. `keys`: of these. `nowMs`: since the epoch.
 * What makes and names events is loaded only where there are some. Throws HostError.
 */
export async function queued(
  doors: Doors,
  source: EventSource,
  told: readonly Told[],
  {
    settings,
    state,
    keys,
    nowMs,
  }: {
    readonly settings: NotifySettings
    readonly state: NotifyState
    readonly keys: readonly string[]
    readonly nowMs: number
  },
): Promise<Outbox> {
  const wanted = keys.length === 0 ? [] : told.filter(({kind}) => settings.on === undefined || settings.on.includes(kind))
  const events = wanted.length === 0 ? [] : (await import('./make-events.js')).makeEvents(doors, source, wanted, nowMs)
  return onlyFor(enqueue(state.outbox, events, keys), keys)
}
