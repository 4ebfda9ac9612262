import {waitUntil} from '../host/wait-until.js'
import type {ProcessInfo} from '../gateway/process-info.js'
import path from 'node:path'
import {glanceAtLoop} from '../gateway/loop.js'
import type {SeenGateway} from '../observe/look.js'
import {isSettling} from '../observe/settling.js'
import {ageMs} from '../gateway/process.js'
import {afterKill, afterTick, parseMemory, type Sighting, type WatchdogMemory} from './watchdog-memory.js'
import {type AccountHost, type Doors, type Host, HostError} from '../host/host.js'
import {appendJournal} from '../plan/journal.js'
import {readDesired, recordedState} from '../service/desired-state.js'
import {type GatewayPlace, isStillThere, signalGateway} from '../gateway/signal-gateway.js'

/** A service whose gateway is killed when it is wedged, so that its manager starts it again. */
export interface WatchedService {
  /** The manager's name for it. */
  readonly name: string
  readonly home: string
  /** Folder of the service's own memory, which its manager makes at a start and removes at a stop. */
  readonly runtimeFolder: string
  /** How many ticks in a row must prove it wedged. */
  readonly limit: number
  /** How often it is ticked, and how long all have been awake; see awakeForMs. */
  readonly intervalSec: number
  readonly awakeForMs: number
  /** True if a process is the service's own: no other one would come back. */
  readonly isOwn: (process: ProcessInfo) => boolean
}

/** What it did, or would have liked to do. */
export interface Watched {
  /** For the log. */
  readonly line: string
  /** It ended the gateway. */
  readonly killed: boolean
}

const MEMORY_FILE = 'watchdog'
const GONE_WITHIN_MS = 5000
const LOOK_EVERY_MS = 50

/**
 * The watchdog's part of a tick, which runs as the service's own user and nothing else is resident: it counts, and at the limit sends
 * SIGKILL, the rung of `restart` for a gateway that is proved wedged (it runs no handler, so nothing gentler can reach it). Its
 * manager, which restarts it after any end, does the rest; that works in system scope too, where this user may not talk to the manager.
 * It kills only a gateway that is the service's own (no other one would come back), whose operator wants it running, and while
 * no command of ours is at work on it; its identity is checked once more just before. Undefined if it did nothing and would not have
 * liked to. Never throws for what it finds.
 */
export async function watch(doors: Doors, service: WatchedService, proved: SeenGateway): Promise<Watched | undefined> {
  const {host, userHost} = doors
  const nowMs = host.monotonicMs()
  const living = proved.verdict.pid === undefined ? undefined : proved.gateway.processes.get(proved.verdict.pid)
  try {
    // Without its folder there is no memory, and so no pause between two kills: the service is not running, or its definition is not ours.
    if (userHost.stat(service.runtimeFolder)?.kind !== 'folder') return undefined
    const known = parseMemory(userHost.readText(path.join(service.runtimeFolder, MEMORY_FILE)))
    const {memory, kill, heldBackMs} = afterTick(known, living && sighting(host, service, proved, living), service.limit, nowMs)
    if (memory) remember(userHost, service, memory)
    if (!memory || !living || memory.wedgedTicks < service.limit) return undefined
    const pause = `the watchdog has recently killed a gateway, so it waits another ${Math.ceil(heldBackMs / 60_000)} min`
    const why = kill ? whyNotToBeKilled(userHost, service, living) : pause
    if (why === undefined) return await killWedged(doors, service, living, memory, proved.verdict.evidence[0] ?? '')
    // Said once, not at every tick from now on.
    return memory.wedgedTicks === service.limit ? {line: `pid ${living.pid} is wedged, but ${why}`, killed: false} : undefined
  } catch (error) {
    if (error instanceof HostError) return {line: `the watchdog failed: ${error.message}`, killed: false}
    throw error
  }
}

/** What has just been woken is given the time to answer again, and what was seen of it before is forgotten. */
function sighting(host: Host, {awakeForMs, intervalSec}: WatchedService, {verdict}: SeenGateway, living: ProcessInfo): Sighting {
  const {pid, startTime} = living
  const isWedged = verdict.state === 'wedged' && !isSettling(awakeForMs, intervalSec * 1000)
  return {pid, startTime, isWedged, ageMs: ageMs(host, living)}
}

function whyNotToBeKilled(userHost: AccountHost, service: WatchedService, living: ProcessInfo): string | undefined {
  if (!service.isOwn(living)) return 'it runs outside its service, so nothing would start it again'
  const desired = readDesired(userHost, service.home)
  if (desired.kind === 'unreadable') return `hermes-svc cannot tell whether it should be running (${desired.why})`
  return recordedState(desired) === 'stopped' ? 'it is about to stop' : undefined
}

async function killWedged(
  {host, userHost}: Doors,
  service: WatchedService,
  living: ProcessInfo,
  memory: WatchdogMemory,
  evidence: string,
): Promise<Watched | undefined> {
  const lock = await userHost.lockWithin(service.home)
  if (!lock) return undefined
  try {
    const place: GatewayPlace = {host, userHost, service: {profile: {home: service.home}}}
    if (!isStillThere(place, living) || glanceAtLoop({host, userHost}, living.pid)) return undefined
    // Before the kill: were this process to end in between, it must not kill again too soon.
    remember(userHost, service, afterKill(memory, host.monotonicMs()))
    if (!signalGateway(place, living, 'SIGKILL')) return undefined
    const ended = await ends(place, living)
    const what = `kill the wedged gateway (pid ${living.pid}) after ${memory.wedgedTicks} ticks in a row: ${evidence}`
    const survived = 'the process still exists after SIGKILL: the kernel holds it'
    appendJournal(userHost, service.home, {
      time: new Date(host.nowMs()).toISOString(),
      command: 'watchdog',
      service: service.name,
      outcome: ended ? 'done' : 'failed',
      ...(ended ? {} : {error: survived}),
      steps: [{kind: 'act', target: what, changed: true}],
    })
    return {line: ended ? `the watchdog had to ${what}` : `the watchdog could not ${what}; ${survived}`, killed: ended}
  } finally {
    await lock.release()
  }
}

async function ends(place: GatewayPlace, living: ProcessInfo): Promise<boolean> {
  const isGone = () => !isStillThere(place, living)
  return (await waitUntil(place.host, {limitMs: GONE_WITHIN_MS, everyMs: LOOK_EVERY_MS}, isGone)) ?? false
}

function remember(userHost: AccountHost, {runtimeFolder}: WatchedService, memory: WatchdogMemory): void {
  userHost.writeAtomic(path.join(runtimeFolder, MEMORY_FILE), JSON.stringify(memory), 0o600)
}
