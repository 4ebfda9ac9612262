import type {ProcessInfo} from '../gateway/process-info.js'
import {type Doors, HostError} from '../host/host.js'
import type {DeliveryTime} from '../notify/event.js'
import {keepGood} from './keep-good.js'
import {type NotifiedService, notify, type Telling} from './notify.js'
import type {Tick} from './tick.js'
import {awakeForMs} from './awake.js'
import {watch} from './watchdog.js'

/** A service whose tick is done. */
export interface AttendedService extends Omit<NotifiedService, 'awakeForMs'> {
  /** The watchdog's limit; see WatchedService. Null: it has none. */
  readonly watchdogTicks: number | null
  readonly isOwn: (process: ProcessInfo) => boolean
}

/** What comes of a tick beside the timestamp, for a timer's program as for `run`. */
export interface Attended {
  /** For the log, without the service's name. */
  readonly lines: readonly string[]
  /** What is still to be told; undefined if nothing is. */
  readonly telling: Telling | undefined
}

/** The parts of a tick that follow the proof: what it works with is kept, the watchdog's, and what is to be told. Whether somebody can be told is no matter of the tick. Never throws for what it finds. */
export async function watchAndTell(doors: Doors, given: AttendedService, ticked: Tick): Promise<Attended> {
  await keepGood(doors, given.home, ticked)
  const {watchdogTicks: limit} = given
  const service = {...given, awakeForMs: awakeForMs(doors, given.runtimeFolder, given.intervalSec)}
  const watched = limit === null ? undefined : await watch(doors, {...service, limit}, ticked)
  const lines = watched ? [watched.line] : []
  try {
    return {lines, telling: await notify(doors, service, ticked, watched?.killed === true)}
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return {lines: [...lines, error.message], telling: undefined}
  }
}

/** Tells it, as long as there is time. Returns lines for the log. Never throws for what it finds. */
export async function told({deliver}: Telling, time: DeliveryTime): Promise<string[]> {
  try {
    return await deliver(time)
  } catch (error) {
    if (error instanceof HostError) return [`cannot save the notifications: ${error.message}`]
    throw error
  }
}
