import type {AccountHost} from '../host/host.js'
import {dispatch} from './dispatch.js'
import type {DeliveryTime} from './event.js'
import type {NotifySettings} from './notify-file.js'
import {type NotifyState, type StateFiles, writeNotifyState} from './notify-state.js'
import {delivered, faultAfter} from './outbox.js'
import {ping} from './ping.js'
import {shownTarget} from './target.js'
import {targetKey} from './target-key.js'

export interface ToDeliver {
  readonly settings: NotifySettings
  /** As it is on disk. */
  readonly state: NotifyState
  /** Where that is. */
  readonly files: StateFiles
  /** The address of the ping; undefined if there is none to fetch. */
  readonly pinged?: string | undefined
}

/**
 * Tells the targets of what waits for them, fetches the ping, and notes what came of it. `host`: the account's whose home it is. Ends when its time is over.
 * Returns lines for the log: of what has begun to fail. Throws HostError where it cannot be noted.
 */
export async function deliverAll(host: AccountHost, {settings, state, files, pinged}: ToDeliver, time: DeliveryTime): Promise<string[]> {
  const nowMs = host.nowMs()
  const [attempts, whyNot] = await Promise.all([
    dispatch(host, settings.targets, state.outbox, {nowMs, time}),
    pinged === undefined ? undefined : ping(host, pinged, time.prompt),
  ])
  const outbox = attempts.reduce((left, {key, event, delivery}) => delivered(left, key, event.id, delivery, nowMs), state.outbox)
  const pingFault = pinged === undefined ? state.pingFault : whyNot === undefined ? undefined : faultAfter(state.pingFault, whyNot, nowMs)
  const after: NotifyState = {...state, outbox, pingFault}
  if (JSON.stringify(after) !== JSON.stringify(state)) writeNotifyState(host, files, after)
  return faultLines(settings, state, after)
}

/** What has begun to fail, once for each. */
function faultLines({targets}: NotifySettings, before: NotifyState, after: NotifyState): string[] {
  const lines = targets.flatMap((target) => {
    const key = targetKey(target)
    const fault = after.outbox.faults[key]
    return fault && before.outbox.faults[key] === undefined ? [`cannot notify ${shownTarget(target)}: ${fault.why}`] : []
  })
  const {pingFault} = after
  return pingFault && before.pingFault === undefined ? [...lines, `cannot fetch the ping address: ${pingFault.why}`] : lines
}
