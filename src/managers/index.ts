import {ExitStatus, ServiceError, usageError} from '../errors.js'
import type {Account, Host} from '../host/host.js'
import type {Scope} from '../service/service.js'
import type {CreateManager, Manager} from './manager.js'
import type {TickPlaces} from './tick-places.js'

/** What the registry has of a manager. None of it is loaded before it is asked for. */
interface ManagerEntry {
  /** How it is seen on a machine. `isNamed`: the operator says that it is there. */
  readonly detect: () => Promise<{readonly isHere: (host: Host, isNamed: boolean) => boolean}>
  readonly load: () => Promise<{readonly create: CreateManager}>
  /** Where the tick finds what it needs; all that the tick loads of a manager. Absent where nothing but itself ticks its gateways. */
  readonly paths?: () => Promise<{readonly tickPlaces: (host: Host, folder: string) => TickPlaces}>
}

/** The managers, in the order in which a machine is asked for them: one line a manager. */
// biome-ignore format: one line a manager
const MANAGERS = {
  systemd: {detect: () => import('./systemd/detect.js'), load: () => import('./systemd/index.js'), paths: () => import('./systemd/paths.js')},
  launchd: {detect: () => import('./launchd/detect.js'), load: () => import('./launchd/index.js'), paths: () => import('./launchd/paths.js')},
  s6: {detect: () => import('./s6/detect.js'), load: () => import('./s6/index.js'), paths: () => import('./s6/paths.js')},
  run: {detect: () => import('./run/detect.js'), load: () => import('./run/index.js')},
} as const satisfies Record<string, ManagerEntry>

export type ManagerKind = keyof typeof MANAGERS
export const MANAGER_KINDS = Object.keys(MANAGERS) as readonly ManagerKind[]

/** Says which manager is meant where it cannot be told by looking, as `--manager` does. */
const MANAGER_VARIABLE = 'HERMES_SVC_MANAGER'

/** What keeps the gateway of an account alive in the foreground, where no service manager has it. */
export async function foreground(host: Host, account: Account): Promise<Manager> {
  return (await MANAGERS.run.load()).create(host, host.account.uid === 0 ? 'system' : 'user', account)
}

/**
 * The service manager of this machine in a scope. `account`: whose user manager or session is meant in user scope. `kind`, else
 * HERMES_SVC_MANAGER, overrides what is seen. Rejects with a usage error for an unknown kind, exit 4 if there is no manager here, or not the one
 * that was asked for.
 */
export async function detectManager(host: Host, kind: string | undefined, scope: Scope, account: Account): Promise<Manager> {
  const named = namedKind(host, kind)
  const meant = named === undefined ? await seenKind(host) : (await isHere(host, named, true)) ? named : undefined
  if (meant === undefined) throw noManager(host, named, named && (await seenKind(host)))
  return (await MANAGERS[meant].load()).create(host, scope, account)
}

/**
 * The managers that could be meant: the one that HERMES_SVC_MANAGER names, else all that are seen. Throws exit 4, with what there is to do
 * instead, if there is none.
 */
export async function managersHere(host: Host): Promise<readonly ManagerKind[]> {
  const named = namedKind(host, undefined)
  if (named) return [named]
  const seen: ManagerKind[] = []
  for (const kind of MANAGER_KINDS) if (await isHere(host, kind, false)) seen.push(kind)
  if (seen.length === 0) throw noManager(host, undefined, undefined)
  return seen
}

/** Where the tick of a manager, whose program is in `folder`, finds what it needs. `kind`: as its definition says it, in the words of any version. */
export async function tickPlacesOf(host: Host, kind: string | undefined, folder: string): Promise<TickPlaces> {
  // The units of systemd say nothing of it.
  const known = MANAGER_KINDS.find((one) => one === (kind ?? 'systemd'))
  const entry: ManagerEntry | undefined = known && MANAGERS[known]
  if (!entry?.paths) throw new Error(`there is no manager ${kind} with a tick`)
  return (await entry.paths()).tickPlaces(host, folder)
}

/** Whether the operator says which manager is meant. */
export function isManagerNamed(host: Host, flags: {readonly manager?: string | undefined}): boolean {
  return (flags.manager ?? (host.env[MANAGER_VARIABLE] || undefined)) !== undefined
}

function namedKind(host: Host, flag: string | undefined): ManagerKind | undefined {
  const kind = flag ?? (host.env[MANAGER_VARIABLE] || undefined)
  if (kind === undefined) return undefined
  const known = MANAGER_KINDS.find((name) => name === kind)
  if (known) return known
  const named = flag === undefined ? `${MANAGER_VARIABLE}=${kind}` : `--manager ${kind}`
  throw usageError(`${named} is not known. Use one of: ${MANAGER_KINDS.join(', ')}`)
}

/** The first that is seen; those behind it are not even asked. */
async function seenKind(host: Host): Promise<ManagerKind | undefined> {
  for (const kind of MANAGER_KINDS) if (await isHere(host, kind, false)) return kind
  return undefined
}

async function isHere(host: Host, kind: ManagerKind, isNamed: boolean): Promise<boolean> {
  const entry: ManagerEntry = MANAGERS[kind]
  return (await entry.detect()).isHere(host, isNamed)
}

function noManager(host: Host, named: ManagerKind | undefined, seen: ManagerKind | undefined): ServiceError {
  const init = host.readText('/proc/1/comm')?.trim()
  const here = seen ? `${seen} runs here` : `systemd is not running${init ? ` (PID 1 is ${init})` : ''}`
  return new ServiceError(
    named === 'launchd'
      ? `--manager launchd: this machine has no launchd; ${here}`
      : `This machine has no service manager that hermes-svc knows: ${here}`,
    {
      code: 'no-manager',
      exitStatus: ExitStatus.cannotTell,
      next: [
        ...(named === undefined ? ['hermes-svc run   # keeps one gateway running in the foreground, with the same restart policy'] : []),
        'hermes-svc smoke --isolated   # as root: tests everything in a throw-away machine',
      ],
    },
  )
}
