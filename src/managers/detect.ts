import {ExitStatus, ServiceError, usageError} from '../errors.js'
import type {Account, Host} from '../host/host.js'
import {LAUNCHCTL_PATH} from './launchd/launchctl.js'
import {LaunchdManager} from './launchd/manager.js'
import type {Manager, Scope} from './manager.js'
import {SystemdManager} from './systemd/manager.js'

export const MANAGER_KINDS = ['systemd', 'launchd'] as const

/** A systemd that runs as PID 1 shows itself by this folder (sd_booted(3)). */
const SYSTEMD_BOOTED = '/run/systemd/system'

/**
 * The service manager of this machine in a scope. `account`: whose user manager or session is meant in user scope.
 * Throws a usage error for an unknown kind, exit 4 if there is no manager here, or not the one that was asked for.
 */
export function detectManager(host: Host, kind: string | undefined, scope: Scope, account: Account): Manager {
  if (kind !== undefined && !MANAGER_KINDS.includes(kind as (typeof MANAGER_KINDS)[number])) {
    throw usageError(`--manager ${kind} is not known; it is one of: ${MANAGER_KINDS.join(', ')}`)
  }
  const hasSystemd = host.stat(SYSTEMD_BOOTED)?.kind === 'folder'
  if (hasSystemd && kind !== 'launchd') return new SystemdManager(host, scope, account)
  // launchd is PID 1 wherever there is one, and nothing but it has a launchctl.
  if (kind !== 'systemd' && host.which('launchctl', LAUNCHCTL_PATH) !== undefined) return new LaunchdManager(host, scope, account)
  const init = host.readText('/proc/1/comm')?.trim()
  const here = hasSystemd ? 'systemd runs here' : `systemd is not running${init ? ` (PID 1 is ${init})` : ''}`
  throw new ServiceError(
    kind === 'launchd'
      ? `--manager launchd: there is no launchd on this machine; ${here}`
      : `There is no service manager that hermes-svc knows on this machine: ${here}`,
    {
      code: 'no-manager',
      exitStatus: ExitStatus.cannotTell,
      next: ['hermes-svc smoke --isolated   # as root, tries everything in a throw-away machine'],
    },
  )
}
