import {ExitStatus, ServiceError} from '../errors.js'
import {readProcess} from '../gateway/process.js'
import type {Host} from '../host/host.js'
import type {Observation} from './observe.js'
import {ownCommand} from './own-command.js'
import type {Target} from './target.js'

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

/** Throws (exit 1) for a gateway that no manager runs: what it is asked to from inside would end this command, with nobody left to go on. */
export function requireManaged(target: Target, {supervised, verdict}: Observation, command: string): void {
  if (supervised !== false) return
  throw new ServiceError(`This command runs inside the gateway (pid ${verdict.pid}), which no service runs; ${command} would end both`, {
    code: 'inside-gateway',
    exitStatus: ExitStatus.failed,
    evidence: verdict.evidence,
    next: [`${ownCommand(target, command)}   # from a shell outside the gateway`],
  })
}
