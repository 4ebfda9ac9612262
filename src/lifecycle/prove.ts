import {DEFAULT_WEDGE_WINDOW_MS, proveLoop} from '../gateway/prove-loop.js'
import {observe, type Observation} from './observe.js'
import type {Target} from './target.js'

export {DEFAULT_WEDGE_WINDOW_MS}

/** Observes a service and, if its gateway's process is alive, proves or disproves its event loop. Reads only. */
export async function prove(target: Target, windowMs = DEFAULT_WEDGE_WINDOW_MS): Promise<Observation> {
  const seen = observe(target)
  return {...seen, verdict: await proveLoop(target, seen.gateway, seen.verdict, windowMs)}
}
