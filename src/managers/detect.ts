import {ExitStatus, ServiceError, usageError} from '../errors.js'
import type {Account, Host} from '../host/host.js'
import type {Manager, Scope} from './manager.js'
import {S6Manager} from './s6/manager.js'
import {SystemdManager} from './systemd/manager.js'

export const MANAGER_KINDS = ['systemd', 's6'] as const
type ManagerKind = (typeof MANAGER_KINDS)[number]

/** Says which manager is meant where it cannot be told by looking, as `--manager` does. */
const MANAGER_VARIABLE = 'HERMES_SVC_MANAGER'
/** A systemd that runs as PID 1 shows itself by this folder (sd_booted(3)). */
const SYSTEMD_BOOTED = '/run/systemd/system'
/** s6-overlay's own folder; other uses of s6 have none, and no scan directory that we know. */
const S6_OVERLAY = '/run/s6/basedir'
const S6_INIT = 's6-svscan'

/**
 * The service manager of this machine in a scope. `account`: whose user manager is meant in user scope. `kind`, else HERMES_SVC_MANAGER,
 * overrides what is seen. Throws a usage error for an unknown kind, exit 4 if there is no manager here.
 */
export function detectManager(host: Host, kind: string | undefined, scope: Scope, account: Account): Manager {
  const init = readComm(host)
  switch (namedKind(host, kind) ?? seenKind(host, init)) {
    case 'systemd':
      return new SystemdManager(host, scope, account)
    case 's6':
      return new S6Manager(host)
    case undefined:
      throw noManager(init)
  }
}

function namedKind(host: Host, flag: string | undefined): ManagerKind | undefined {
  const variable = host.env[MANAGER_VARIABLE] || undefined
  const kind = flag ?? variable
  if (kind === undefined) return undefined
  const known = MANAGER_KINDS.find((name) => name === kind)
  if (!known) {
    const named = flag === undefined ? `${MANAGER_VARIABLE}=${kind}` : `--manager ${kind}`
    throw usageError(`${named} is not known; it is one of: ${MANAGER_KINDS.join(', ')}`)
  }
  // That systemd does not run here is no matter of opinion: its programs fail without it.
  if (known === 'systemd' && host.stat(SYSTEMD_BOOTED)?.kind !== 'folder') throw noManager(readComm(host))
  return known
}

function seenKind(host: Host, init: string | undefined): ManagerKind | undefined {
  if (host.stat(SYSTEMD_BOOTED)?.kind === 'folder') return 'systemd'
  return init === S6_INIT && host.stat(S6_OVERLAY)?.kind === 'folder' ? 's6' : undefined
}

function readComm(host: Host): string | undefined {
  return host.readText('/proc/1/comm')?.trim()
}

function noManager(init: string | undefined): ServiceError {
  return new ServiceError(
    `There is no service manager that hermes-svc knows on this machine: systemd is not running${init ? ` (PID 1 is ${init})` : ''}`,
    {
      code: 'no-manager',
      exitStatus: ExitStatus.cannotTell,
      next: ['hermes-svc smoke --isolated   # as root, tries everything in a throw-away machine'],
    },
  )
}
