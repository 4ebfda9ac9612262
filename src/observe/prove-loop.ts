import {judge, type Verdict} from './judge.js'
import {StateWord} from '../gateway/contract.js'
import type {Doors} from '../host/host.js'
import {identifyBySocket} from '../gateway/control-socket.js'
import {askTick, heartbeatAgeSec, judgeHeartbeat, readHeartbeat} from '../gateway/heartbeat.js'
import {glanceAtLoop, type LoopVerdict, watchLoop} from '../gateway/loop.js'
import {innermostPid} from '../gateway/pid-namespace.js'
import {readProcess, startedAt} from '../gateway/process.js'
import {type GatewayObservation, observeGateway, stateOf} from '../gateway/observation.js'

/** How long a loop must not be seen working before it is called wedged, unless told otherwise. */
export const DEFAULT_WEDGE_WINDOW_MS = 5000

/** A home's gateway as it was seen, and the verdict on it, its event loop included. */
export interface ProvedGateway {
  readonly gateway: GatewayObservation
  readonly verdict: Verdict
}

/**
 * Proves or disproves that the gateway of a home is alive, by its files and the process table alone: no manager is asked. Reads only. A
 * gateway whose main thread is seen in epoll at the first glance is not asked any more: an answer from a socket says the same and costs
 * a process as small as the tick a quarter of its time.
 */
export async function proveGateway(hosts: Doors, home: string, windowMs = DEFAULT_WEDGE_WINDOW_MS): Promise<ProvedGateway> {
  const gateway = observeGateway(hosts, home)
  const seen = judge(gateway)
  if (seen.state === 'alive' && seen.pid !== undefined && glanceAtLoop(hosts, seen.pid)) {
    return {gateway, verdict: {...seen, evidence: ['its event loop waits for events', ...seen.evidence]}}
  }
  return {gateway, verdict: await proveLoop(hosts, gateway, seen, windowMs)}
}

/**
 * If the process that a verdict is about is alive, asks whether its event loop is too: the control socket, the tick socket of the gateway's own
 * heartbeat, and, for gateways without either, a look at the main thread. A healthy gateway answers at once; only one that does not takes up to `windowMs`.
 * Where no process was found the control socket may still answer. Any other verdict is returned as it is. Reads only.
 */
export async function proveLoop(hosts: Doors, gateway: GatewayObservation, seen: Verdict, windowMs: number): Promise<Verdict> {
  const {pid} = seen
  if (pid === undefined) return withoutProcess(hosts, gateway, seen)
  if (seen.state !== 'alive') return seen
  // It is watched while it is asked: a wedged one keeps both waiting until the end.
  const watch = new AbortController()
  try {
    return await askAndWatch(hosts, gateway, {...seen, pid}, watchLoop(hosts, pid, windowMs, watch.signal))
  } finally {
    watch.abort()
  }
}

async function askAndWatch(
  {host, userHost}: Doors,
  gateway: GatewayObservation,
  seen: Verdict & {readonly pid: number},
  watched: Promise<LoopVerdict>,
): Promise<Verdict> {
  const {pid} = seen
  const {home} = gateway
  const verdict = (state: Verdict['state'], ...lines: string[]): Verdict => ({state, pid, evidence: [...lines, ...seen.evidence]})
  // In another PID namespace, a container's, a gateway knows itself by another number, and its home maybe by another path.
  const ownPid = innermostPid(host, pid)
  const isSelf = (named: number | undefined) => named === pid || named === ownPid

  const control = await identifyBySocket(userHost, home)
  if (control.kind === 'answered') {
    const isHome = control.home === undefined || control.home === home || ownPid !== pid
    if (isSelf(control.pid) && isHome) return verdict('alive', 'its control socket answers')
    return verdict('unknown', `the control socket answers for ${nameOf(control)}, which is another gateway`)
  }
  const socket = control.kind === 'silent' ? [`its control socket does not answer (${control.why})`] : []

  let isBeating = false
  const beat = readHeartbeat(userHost, home)
  if (beat.kind === 'present' && isSelf(beat.value.pid)) {
    const tick = await askTick(userHost, home, beat.value.pid)
    const judged = judgeHeartbeat(beat.value, heartbeatAgeSec(beat.value, userHost.nowMs(), userHost.monotonicMs()), tick)
    // A heartbeat may be late for other reasons than its loop's: a slow disk, a thread that has died.
    const disagree = judged.loop === 'wedged' && glanceAtLoop({host, userHost}, pid)
    if (disagree) return verdict('unknown', 'its main thread waits for events', `but ${judged.evidence}`, ...socket)
    if (judged.loop === 'alive' || judged.loop === 'wedged') return verdict(judged.loop, judged.evidence, ...socket)
    isBeating = judged.loop === 'process' && socket.length === 0
    socket.push(judged.evidence)
  }

  const loop = await watched
  // Where no loop is ever seen, lock and identity are all the proof there is, unless something that should answer does not.
  if (loop.loop === 'hidden') return verdict(socket.length === 0 || isBeating ? 'alive' : 'unknown', loop.evidence, ...socket)
  if (loop.loop === 'alive') return verdict('alive', loop.evidence, ...socket)
  // Busy, but not proved stuck: then what says that all is well counts.
  if (loop.loop === 'unknown' && isBeating) return verdict('alive', ...socket, loop.evidence)
  if (loop.loop === 'unknown') return verdict('unknown', loop.evidence, ...socket)
  // A gateway that has not said yet that it runs loads its platforms on the loop's thread.
  const state = stateOf(gateway.state)
  const isYoung = state?.gatewayState === StateWord.starting || !isSelf(state?.process?.pid)
  return isYoung
    ? verdict('unknown', `${loop.evidence}; but it has not said yet that it runs`, ...socket)
    : verdict('wedged', loop.evidence, ...socket)
}

/** A gateway whose process is not found by its files, or cannot be seen from here, may answer on its control socket all the same. */
async function withoutProcess({host, userHost}: Doors, {home}: GatewayObservation, seen: Verdict): Promise<Verdict> {
  const control = await identifyBySocket(userHost, home)
  if (control.kind !== 'answered') return seen
  const {pid, startTime} = control
  if (control.home !== undefined && control.home !== home) {
    return {
      state: 'unknown',
      pid: undefined,
      evidence: [`the control socket answers for ${nameOf(control)}, which cannot be seen from here`, ...seen.evidence],
    }
  }
  const process = startTime === undefined ? undefined : readProcess(host, pid)
  const isVisible = process !== undefined && startTime !== undefined && startedAt(process, startTime)
  if (isVisible) return {state: 'alive', pid, evidence: [`pid ${pid} answers on the control socket`, ...seen.evidence]}
  return {
    state: 'alive',
    pid: undefined,
    evidence: [`a gateway whose process cannot be seen from here answers on the control socket (pid ${pid} there)`, ...seen.evidence],
  }
}

function nameOf({pid, home}: {readonly pid: number; readonly home: string | undefined}): string {
  return `pid ${pid}${home === undefined ? '' : ` of ${home}`}`
}
