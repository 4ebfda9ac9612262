import {readProcess} from '../gateway/process.js'
import type {Host} from '../host/host.js'

/** Set by the gateway for what it runs. */
const MARK = '_HERMES_GATEWAY'
const MAX_DEPTH = 100

/** True if this very process was started by the gateway of that pid, directly or not: ending the gateway would end it too. */
export function isInsideGateway(host: Host, gatewayPid: number): boolean {
  let pid = host.pid
  for (let depth = 0; depth < MAX_DEPTH && pid > 1; depth++) {
    if (pid === gatewayPid) return true
    const parent = readProcess(host, pid)?.parentPid
    if (parent === undefined) break
    pid = parent
  }
  // A process that was detached has another parent, but is in the gateway's control group all the same.
  const [own, gateway] = [readProcess(host, host.pid)?.cgroup, readProcess(host, gatewayPid)?.cgroup]
  return host.env[MARK] !== undefined && own !== undefined && own === gateway
}
