import {MANAGER_KINDS, type ManagerKind, type Scope} from '../service/service.js'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import type {Account, Host} from '../host/host.js'
import {LAUNCHCTL_PATH} from './launchd/launchctl.js'
import type {Manager} from './manager.js'
import {S6_INIT} from './s6/paths.js'

/** Says which manager is meant where it cannot be told by looking, as `--manager` does. */
const MANAGER_VARIABLE = 'HERMES_SVC_MANAGER'
/** A systemd that runs as PID 1 shows itself by this folder (sd_booted(3)). */
const SYSTEMD_BOOTED = '/run/systemd/system'
/** s6-overlay's own folder; other uses of s6 have none, and no scan directory that we know. */
const S6_OVERLAY = '/run/s6/basedir'

/** How each is made; only the one that is used is loaded. */
const MANAGERS: Readonly<Record<ManagerKind, (host: Host, scope: Scope, account: Account) => Promise<Manager>>> = {
  systemd: async (host, scope, account) => new (await import('./systemd/index.js')).SystemdManager(host, scope, account),
  launchd: async (host, scope, account) => new (await import('./launchd/index.js')).LaunchdManager(host, scope, account),
  s6: async (host) => new (await import('./s6/index.js')).S6Manager(host),
}

/**
 * The service manager of this machine in a scope. `account`: whose user manager or session is meant in user scope. `kind`, else
 * HERMES_SVC_MANAGER, overrides what is seen. Rejects with a usage error for an unknown kind, exit 4 if there is no manager here, or not the one
 * that was asked for.
 */
export async function detectManager(host: Host, kind: string | undefined, scope: Scope, account: Account): Promise<Manager> {
  const named = namedKind(host, kind)
  const seen = seenKind(host)
  // s6 can be laid out in more ways than can be told by looking; the others leave no doubt.
  const isHere = named === undefined || named === 's6' || named === seen || (named === 'launchd' && hasLaunchd(host))
  const meant = isHere ? (named ?? seen) : undefined
  if (meant === undefined) throw noManager(host, named, seen)
  return MANAGERS[meant](host, scope, account)
}

/**
 * The managers that could be meant: the one that HERMES_SVC_MANAGER names, else all that are seen. Throws exit 4, with what there is to do
 * instead, if there is none.
 */
export function managersHere(host: Host): readonly ManagerKind[] {
  const named = namedKind(host, undefined)
  if (named) return [named]
  const seen = [seenKind(host), ...(hasLaunchd(host) ? (['launchd'] as const) : [])].filter((kind) => kind !== undefined)
  if (seen.length === 0) throw noManager(host, undefined, undefined)
  return [...new Set(seen)]
}

function namedKind(host: Host, flag: string | undefined): ManagerKind | undefined {
  const kind = flag ?? (host.env[MANAGER_VARIABLE] || undefined)
  if (kind === undefined) return undefined
  const known = MANAGER_KINDS.find((name) => name === kind)
  if (known) return known
  const named = flag === undefined ? `${MANAGER_VARIABLE}=${kind}` : `--manager ${kind}`
  throw usageError(`${named} is not known; it is one of: ${MANAGER_KINDS.join(', ')}`)
}

function seenKind(host: Host): ManagerKind | undefined {
  if (host.stat(SYSTEMD_BOOTED)?.kind === 'folder') return 'systemd'
  if (hasLaunchd(host)) return 'launchd'
  return readInit(host) === S6_INIT && host.stat(S6_OVERLAY)?.kind === 'folder' ? 's6' : undefined
}

/** launchd is PID 1 wherever there is one, and nothing but it has a launchctl. */
function hasLaunchd(host: Host): boolean {
  return host.which('launchctl', LAUNCHCTL_PATH) !== undefined
}

function readInit(host: Host): string | undefined {
  return host.readText('/proc/1/comm')?.trim()
}

function noManager(host: Host, named: ManagerKind | undefined, seen: ManagerKind | undefined): ServiceError {
  const init = readInit(host)
  const here = seen ? `${seen} runs here` : `systemd is not running${init ? ` (PID 1 is ${init})` : ''}`
  return new ServiceError(
    named === 'launchd'
      ? `--manager launchd: there is no launchd on this machine; ${here}`
      : `There is no service manager that hermes-svc knows on this machine: ${here}`,
    {
      code: 'no-manager',
      exitStatus: ExitStatus.cannotTell,
      next: [
        ...(named === undefined ? ['hermes-svc run   # keeps one gateway alive in the foreground, under the same policy'] : []),
        'hermes-svc smoke --isolated   # as root, tries everything in a throw-away machine',
      ],
    },
  )
}
