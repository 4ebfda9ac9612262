import {identifyBySocket} from '../gateway/control-socket.js'
import {askTick, heartbeatAgeSec, judgeHeartbeat, readHeartbeat} from '../gateway/heartbeat.js'
import {watchLoop} from '../gateway/loop.js'
import {stateOf, type Verdict} from '../gateway/verdict.js'
import {observe, type Observation} from './observe.js'
import type {Target} from './target.js'

/** How long a loop must not be seen working before it is called wedged, unless told otherwise. */
export const DEFAULT_WEDGE_WINDOW_MS = 5000

/**
 * Observes a service and, if its gateway's process is alive, asks whether its event loop is too: the control socket, the gateway's own
 * heartbeat, or, for gateways without either, a look at the main thread. A healthy gateway answers at once; only one that does not takes up to
 * `windowMs`. Reads only.
 */
export async function prove(target: Target, windowMs = DEFAULT_WEDGE_WINDOW_MS): Promise<Observation> {
  const seen = observe(target)
  const {pid, state} = seen.verdict
  if (state !== 'alive' || pid === undefined) return seen
  return {...seen, verdict: await proveLoop(target, seen, pid, windowMs)}
}

async function proveLoop(target: Target, seen: Observation, pid: number, windowMs: number): Promise<Verdict> {
  const {userHost: host, service} = target
  const {home} = service.profile
  const {evidence} = seen.verdict
  const verdict = (state: Verdict['state'], ...lines: string[]): Verdict => ({state, pid, evidence: [...lines, ...evidence]})

  const control = await identifyBySocket(host, home)
  if (control.kind === 'answered') {
    if (control.pid === pid && (control.home === undefined || control.home === home)) return verdict('alive', 'its control socket answers')
    return verdict(
      'unknown',
      `the control socket answers for pid ${control.pid}${control.home === undefined ? '' : ` of ${control.home}`}, which is another gateway`,
    )
  }
  const socket = control.kind === 'silent' ? [`its control socket does not answer (${control.why})`] : []

  const beat = readHeartbeat(host, home)
  if (beat.kind === 'present' && beat.value.pid === pid) {
    const tick = await askTick(host, home, pid)
    const judged = judgeHeartbeat(beat.value, heartbeatAgeSec(beat.value, host.nowMs(), host.monotonicMs()), tick)
    if (judged.loop !== 'unknown') return verdict(judged.loop, judged.evidence, ...socket)
    socket.push(judged.evidence)
  }

  const loop = await watchLoop(target.host, pid, windowMs)
  if (loop.loop === 'alive') return verdict('alive', loop.evidence, ...socket)
  // A gateway that is still starting loads its platforms on the loop's thread.
  const isYoung = stateOf(seen.gateway.state)?.gatewayState === 'starting'
  return verdict(loop.loop === 'unknown' || isYoung ? 'unknown' : 'wedged', loop.evidence, ...socket)
}
