import path from 'node:path'
import type {Doors, Host} from '../host/host.js'
import {HostError} from '../host/host.js'
import {PlatformWord} from '../gateway/contract.js'
import {stateOf} from '../gateway/observation.js'
import {ageMs, readProcess} from '../gateway/process.js'
import {GATEWAY, type Known, sightOf} from '../notify/conditions.js'
import type {DeliveryTime} from '../notify/event.js'
import {readNotify} from '../notify/notify-file.js'
import {type NotifyState, readNotifyState, tickStateFiles, writeNotifyState} from '../notify/notify-state.js'
import {due} from '../notify/outbox.js'
import {pingUrl, refusedPing} from '../notify/ping.js'
import {queued} from '../notify/queue.js'
import {type Told, transition} from '../notify/transition.js'
import {appendJournal, recentEnds} from '../plan/journal.js'
import {isStoppedUntilBoot, readDesired, recordedState} from '../service/desired-state.js'
import {isOomKill} from '../service/end-line.js'
import type {EventSource} from '../notify/make-events.js'
import type {Tick} from './tick.js'

/** A service of which somebody may be told. */
export interface NotifiedService extends EventSource {
  /** How often it is ticked. */
  readonly intervalSec: number
  /** The folder of the helpers' memory. */
  readonly runtimeFolder: string
  /** How long all have been awake; see awakeForMs. */
  readonly awakeForMs: number
  /** Failures in a row, where another than the helper counts them. */
  readonly failuresInARow?: number
  /** Why the manager does not start it again; asked only of a gateway that is dead. */
  readonly whyKeptDown?: () => Promise<'start-limit' | undefined>
}

/** What is still to be done of a tick's telling: what takes its time, and is done for all services at once. */
export interface Telling {
  /** Tells the targets, and pings, as long as it has time. Returns lines for the log. Never throws for what it finds. */
  readonly deliver: (time: DeliveryTime) => Promise<string[]>
}

/** What is recent of the home's journal: some ends of the gateway. */
const RECENT_BYTES = 16 * 1024
/**
 * The telling part of a tick: from what was remembered to what is so now, and to what somebody is to be told of it. What begins and what is over is noted in the
 * home's journal as well, for `history`, whoever is told. Nothing is told while a command of ours works on the service: that may be what takes it down. `killed`:
 * the watchdog has just ended it. Throws HostError.
 */
export async function notify(doors: Doors, service: NotifiedService, ticked: Tick, killed: boolean): Promise<Telling | undefined> {
  const {userHost} = doors
  const {home} = service
  const files = tickStateFiles(home, service.runtimeFolder)
  const [reading, before] = userHost.atOnce(() => [readNotify(userHost, home), readNotifyState(userHost, files)])
  if (reading.kind === 'unreadable')
    throw new HostError('EINVAL', home, `cannot notify anybody, because the notification targets cannot be read (${reading.why}) in`)
  const {settings} = reading
  const {targets} = settings
  const keys = targets.length === 0 ? [] : targets.map((await import('../notify/target-key.js')).targetKey)
  if (!killed && settings.ping === undefined && isQuiet(ticked, before, keys.length > 0)) return undefined
  const nowMs = userHost.nowMs()
  const known = await knownOf(doors, service, ticked)
  const {memory, told} = transition(before.memory, sightOf(known), {nowMs, reminderMs: settings.reminderMs})
  const {pid, startTime} = known.process ?? {}
  const gateway = keys.length === 0 ? undefined : pid === undefined ? before.gateway : `${pid}:${startTime}`
  const sudden = killed || (gateway !== before.gateway && before.gateway !== undefined && endedByItsWatchdog(doors, home, nowMs))
  const all: Told[] = sudden ? [restarted(nowMs), ...told] : told
  if (all.length > 0 && (await isAtWork(doors, home))) return undefined
  const outbox = await queued(doors, service, all, {settings, state: before, keys, nowMs})
  const state: NotifyState = {...before, memory, gateway, outbox}
  if (JSON.stringify(state) !== JSON.stringify(before)) writeNotifyState(userHost, files, state)
  // Once it is remembered: what is not would be noted again by each tick.
  for (const {kind, about, sinceMs, isReminder} of all) {
    if (isReminder) continue
    appendJournal(userHost, home, {time: iso(nowMs), event: kind, about, since: iso(sinceMs)})
  }
  const pinged = settings.ping === undefined ? undefined : pingOf(settings.ping, known, memory)
  if (due(outbox, nowMs).size === 0 && pinged === undefined) return undefined
  return {
    deliver: async (time) => {
      const {deliverAll} = await import('../notify/deliver-all.js')
      return deliverAll(userHost, {settings, state, files, pinged}, time)
    },
  }
}

/** Nothing can be told: it lives as before, and nothing was or is amiss. Nearly all ticks are such, so it is seen by what was read already. */
function isQuiet(ticked: Tick, {memory, gateway, outbox}: NotifyState, isAnybodyTold: boolean): boolean {
  const process = living(ticked)
  if (ticked.verdict.state !== 'alive' || !process || Object.keys(memory).length > 0 || outbox.waiting.length > 0) return false
  if (isAnybodyTold ? gateway !== `${process.pid}:${process.startTime}` : gateway !== undefined) return false
  return (stateOf(ticked.gateway.state)?.platforms ?? []).every(({word}) => word === PlatformWord.connected)
}

/** What only a look at more than the gateway can tell. */
async function knownOf(
  {host, userHost}: Doors,
  service: NotifiedService,
  ticked: Tick,
): Promise<Known & {process: ReturnType<typeof living>}> {
  const {home, runtimeFolder, whyKeptDown} = service
  const process = living(ticked)
  const desired = readDesired(userHost, home)
  const isDead = ticked.verdict.state === 'dead'
  const lastEnd = isDead ? recentEnds(userHost, home, RECENT_BYTES).at(-1) : undefined
  const letGo = isDead ? userHost.stat(path.join(runtimeFolder, 'started')) : undefined
  // While it waits for a start the file is there, and empty.
  const started = letGo && letGo.size > 1 ? letGo : undefined
  // It was started after that, and its own end is not recorded.
  const end = started && lastEnd && started.modifiedMs > Date.parse(lastEnd.time) ? undefined : lastEnd
  const keptDown = end?.reason === 'config' ? 'fatal-config' : isDead ? await whyKeptDown?.() : undefined
  const isStopped = recordedState(desired) === 'stopped'
  return {
    process,
    seen: ticked,
    moment: {nowMs: host.nowMs(), ageMs: process && ageMs(host, process)},
    isStopMeant: isStopped || isStoppedUntilBoot(host, desired),
    failuresInARow: service.failuresInARow ?? failuresOf(userHost, runtimeFolder),
    startedForMs: started && host.nowMs() - started.modifiedMs,
    endedMs: end && Date.parse(end.time),
    wasOom: isOomKill(end?.result),
    awakeForMs: Math.min(machineUpMs(host), service.awakeForMs),
    tickEveryMs: service.intervalSec * 1000,
    keptDown,
  }
}

function living({verdict, gateway}: Tick) {
  return verdict.pid === undefined ? undefined : gateway.processes.get(verdict.pid)
}

/** As the helper counts them. */
function failuresOf(userHost: Doors['userHost'], runtimeFolder: string): number {
  const text = userHost.readText(path.join(runtimeFolder, 'failures'))?.trim() ?? ''
  return /^\d{1,9}$/.test(text) ? Number(text) : 0
}

/** How long the machine has been up, or the container that this is. */
function machineUpMs(host: Host): number {
  const first = readProcess(host, 1)
  return Math.min(host.monotonicMs(), first ? ageMs(host, first) : Infinity)
}

/** The gateway that was there before has ended since its own watchdog found its loop stuck. */
function endedByItsWatchdog({userHost}: Doors, home: string, nowMs: number): boolean {
  const end = recentEnds(userHost, home, RECENT_BYTES).at(-1)
  return end?.reason === 'loop' && nowMs - Date.parse(end.time) < LOOP_WITHIN_MS
}

/** Between an end and the tick that sees what was started since. */
const LOOP_WITHIN_MS = 600_000

function restarted(nowMs: number): Told {
  const what = 'did not respond, so the watchdog restarted it'
  return {kind: 'watchdog-restart', about: GATEWAY, sinceMs: nowMs, what, isReminder: false}
}

/** A command of ours holds the home's lock. */
async function isAtWork({userHost}: Doors, home: string): Promise<boolean> {
  const lock = await userHost.lockWithin(home)
  await lock?.release()
  return lock === undefined
}

/** The address to fetch at this tick; undefined if there is nothing to say. */
function pingOf(address: string, {seen}: Known, memory: NotifyState['memory']): string | undefined {
  if (refusedPing(address) !== undefined) return undefined
  if (seen.verdict.state === 'alive') return pingUrl(address, true)
  return memory[GATEWAY]?.told.length ? pingUrl(address, false) : undefined
}

const iso = (ms: number): string => new Date(ms).toISOString()
