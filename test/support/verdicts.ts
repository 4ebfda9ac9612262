import {lookAtHome, proveHome, proveSeen} from '../../src/observe/look.js'
import {type Verdict} from '../../src/observe/judge.js'
import type {LockReading} from '../../src/gateway/lock-reading.js'
import type {Host} from '../../src/host/host.js'
import {ownDoors} from './doors.js'

/** What hermes-svc concludes about the gateway of one home. */
export interface Verdicts {
  /** As `status` and `restart` do. */
  readonly status: Verdict
  /** As the heartbeat does. */
  readonly tick: Verdict
  readonly lock: LockReading
}

/**
 * Looks at a home twice, as `status` and as the heartbeat do, which asks no manager; `windowMs`: see `--wedge-window`. `isFromHere`: `status` sees a
 * service of this home that has run in this PID namespace.
 */
export async function verdictsOn(host: Host, home: string, windowMs: number, isFromHere = false): Promise<Verdicts> {
  const hosts = ownDoors(host)
  const seen = lookAtHome(hosts, home, isFromHere)
  const [{verdict: status}, {verdict: tick}] = await Promise.all([proveSeen(hosts, seen, windowMs), proveHome(hosts, home, windowMs)])
  return {status, tick, lock: seen.gateway.lock}
}
