import {ExitStatus, ServiceError, usageError} from '../errors.js'
import type {Account, Host} from '../host/host.js'
import type {Manager, Scope} from './manager.js'
import {SystemdManager} from './systemd/manager.js'

export const MANAGER_KINDS = ['systemd'] as const

/** A systemd that runs as PID 1 shows itself by this folder (sd_booted(3)). */
const SYSTEMD_BOOTED = '/run/systemd/system'

/**
 * The service manager of this machine in a scope. `account`: whose user manager is meant in user scope.
 * Throws a usage error for an unknown kind, exit 4 if there is no manager here.
 */
export function detectManager(host: Host, kind: string | undefined, scope: Scope, account: Account): Manager {
  if (kind !== undefined && !MANAGER_KINDS.includes(kind as (typeof MANAGER_KINDS)[number])) {
    throw usageError(`--manager ${kind} is not known; it is one of: ${MANAGER_KINDS.join(', ')}`)
  }
  if (host.stat(SYSTEMD_BOOTED)?.kind === 'folder') return new SystemdManager(host, scope, account)
  const init = host.readText('/proc/1/comm')?.trim()
  throw new ServiceError(
    `There is no service manager that hermes-svc knows on this machine: systemd is not running${init ? ` (PID 1 is ${init})` : ''}`,
    {
      code: 'no-manager',
      exitStatus: ExitStatus.cannotTell,
      next: ['hermes-svc smoke --isolated   # as root, tries everything in a throw-away machine'],
    },
  )
}
