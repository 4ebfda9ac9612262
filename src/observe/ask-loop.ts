import type {Doors} from '../host/host.js'
import {identifyBySocket} from '../gateway/control-socket.js'
import {askTick, heartbeatAgeSec, judgeHeartbeat, readHeartbeat} from '../gateway/heartbeat.js'
import {glanceAtLoop, watchLoop} from '../gateway/loop.js'
import type {GatewayObservation} from '../gateway/observation.js'
import {innermostPid} from '../gateway/pid-namespace.js'
import {readProcess, startedAt} from '../gateway/process.js'
import type {LoopReading, Verdict} from './judge.js'

/** How long a loop must not be seen working before it is called wedged, unless told otherwise. */
export const DEFAULT_WEDGE_WINDOW_MS = 5000

/**
 * Asks the gateway that a verdict is about whether its event loop works: the control socket, the tick socket of the gateway's own heartbeat, and, for
 * gateways without either, a look at the main thread. A healthy gateway answers at once; only one that does not takes up to `windowMs`. Where no
 * process was found the control socket may still answer. Undefined where there is nothing to ask. Reads only.
 */
export async function askLoop(
  hosts: Doors,
  {home}: GatewayObservation,
  {state, pid}: Verdict,
  windowMs: number,
): Promise<LoopReading | undefined> {
  if (pid === undefined) return askUnseen(hosts, home)
  if (state !== 'alive') return undefined
  // It is watched while it is asked: a wedged one keeps both waiting until the end.
  const watch = new AbortController()
  const watched = watchLoop(hosts, pid, windowMs, watch.signal)
  try {
    const ownPid = innermostPid(hosts.host, pid)
    const control = await identifyBySocket(hosts.userHost, home)
    if (control.kind === 'answered') return {ownPid, control}
    const beat = await askBeat(hosts, home, pid, ownPid)
    if (beat?.loop === 'alive' || beat?.loop === 'wedged') return {ownPid, control, beat}
    return {ownPid, control, ...(beat && {beat}), thread: await watched}
  } finally {
    watch.abort()
  }
}

/** One look at the main thread of a living gateway; undefined if it does not wait for events at this moment. It costs a quarter of asking a socket. */
export function glance(hosts: Doors, {state, pid}: Verdict): LoopReading | undefined {
  return state === 'alive' && pid !== undefined && glanceAtLoop(hosts, pid) ? {isWaiting: true} : undefined
}

async function askBeat(hosts: Doors, home: string, pid: number, ownPid: number): Promise<LoopReading['beat']> {
  const {userHost} = hosts
  const beat = readHeartbeat(userHost, home)
  if (beat.kind !== 'present' || (beat.value.pid !== pid && beat.value.pid !== ownPid)) return undefined
  const tick = await askTick(userHost, home, beat.value.pid)
  const judged = judgeHeartbeat(beat.value, heartbeatAgeSec(beat.value, userHost, userHost.nowMs(), userHost.monotonicMs()), tick)
  return judged.loop === 'wedged' ? {...judged, isWaiting: glanceAtLoop(hosts, pid)} : judged
}

/** A gateway whose process is not found by its files, or cannot be seen from here, may answer on its control socket all the same. */
async function askUnseen({host, userHost}: Doors, home: string): Promise<LoopReading> {
  const control = await identifyBySocket(userHost, home)
  if (control.kind !== 'answered' || control.startTime === undefined) return {control}
  const process = readProcess(host, control.pid)
  return {control, isNamedSeen: process !== undefined && startedAt(process, control.startTime)}
}
