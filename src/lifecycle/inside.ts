import {GatewayVariable} from '../gateway/contract.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {ancestorsOf, readProcess} from '../gateway/process.js'
import type {Host} from '../host/host.js'
import type {Observation} from '../observe/look.js'
import {ownCommand} from './own-command.js'
import type {Target} from '../observe/where.js'

/** True if this very process was started by the gateway of that pid, directly or not: ending the gateway would end it too. */
export function isInsideGateway(host: Host, gatewayPid: number): boolean {
  // Everybody descends from the first process.
  if (host.pid === gatewayPid || (gatewayPid !== 1 && ancestorsOf(host, host.pid).includes(gatewayPid))) return true
  // A process that was detached has another parent, but is in the gateway's control group all the same, where there are such groups.
  if (host.env[GatewayVariable.insideGateway] === undefined) return false
  const [own, gateway] = [readProcess(host, host.pid)?.cgroup, readProcess(host, gatewayPid)?.cgroup]
  return own !== undefined && own === gateway
}

/** Throws (exit 1) for a gateway that no manager runs: what it is asked to from inside would end this command, with nobody left to go on. */
export function requireManaged(target: Target, {supervised, verdict}: Observation, command: string): void {
  if (supervised !== false) return
  throw new ServiceError(
    `This command runs inside the gateway (pid ${verdict.pid}), which does not run as a service. ${command} would end both`,
    {
      code: 'inside-gateway',
      exitStatus: ExitStatus.failed,
      evidence: verdict.evidence,
      next: [`${ownCommand(target, command)}   # from a shell outside the gateway`],
    },
  )
}
