import path from 'node:path'
import {ancestorsOf} from '../../gateway/process.js'
import type {Account, Host} from '../../host/host.js'
import type {Scope, Service} from '../../service/service.js'
import {HELPER_NAME} from '../../service/service-helper.js'
import type {TickPlaces} from '../tick-places.js'

/** What people read in System Settings, Login Items: the base name of what launchd runs. */
const LAUNCHER = 'hermes-gateway-launcher'
const LABEL = 'ai.hermes-svc.heartbeat'

/** Where a service's files are. */
export interface DefinitionPaths {
  readonly plist: string
  /** Helper, launcher, settings and environment; root-owned in system scope. */
  readonly supportFolder: string
  readonly helper: string
  readonly startGateway: string
  readonly launcher: string
  readonly settings: string
  readonly environmentFile: string
  /** What the launcher and the helpers remember; the service's account writes there. */
  readonly stateFolder: string
  /** What the launcher and the gateway print. */
  readonly log: string
}

/** The folders of property lists, of our own files and of logs, for a scope and the account whose session it is. */
export function scopeFolders(scope: Scope, account: Account): {plists: string; support: string; logs: string} {
  const library = scope === 'system' ? '/Library' : path.join(account.home, 'Library')
  return {
    plists: path.join(library, scope === 'system' ? 'LaunchDaemons' : 'LaunchAgents'),
    support: path.join(library, 'Application Support/hermes-svc'),
    logs: path.join(library, 'Logs/hermes-svc'),
  }
}

export function definitionPaths(scope: Scope, service: Service): DefinitionPaths {
  const {plists, support, logs} = scopeFolders(scope, service.account)
  const supportFolder = path.join(support, service.name)
  return {
    plist: path.join(plists, `${service.name}.plist`),
    supportFolder,
    helper: path.join(supportFolder, HELPER_NAME),
    startGateway: path.join(supportFolder, 'start-gateway.sh'),
    launcher: path.join(supportFolder, LAUNCHER),
    settings: path.join(supportFolder, 'settings.json'),
    environmentFile: path.join(supportFolder, 'gateway.env'),
    stateFolder: stateFolderOf(support, service.name),
    log: path.join(logs, `${service.name}.log`),
  }
}

/** Upstream's name for a service; `suffix`: what tells it from that of the default profile. */
export function jobName(suffix: string): string {
  return `ai.hermes.gateway${suffix ? `-${suffix}` : ''}`
}

/** The folder of what a service's launcher and helpers remember. launchd has no runtime folder that a user's job could have. */
export function stateFolderOf(supportFolder: string, serviceName: string): string {
  return path.join(supportFolder, serviceName, 'state')
}

/** The job and files that tick all services of one account in one scope. */
export interface HeartbeatPaths {
  readonly label: string
  readonly plist: string
  /** The program; in system scope one for all accounts. */
  readonly entry: string
  readonly log: string
}

export function heartbeatPaths(scope: Scope, account: Account): HeartbeatPaths {
  const {plists, support, logs} = scopeFolders(scope, account)
  const label = scope === 'system' ? `${LABEL}-${account.name}` : LABEL
  return {
    label,
    plist: path.join(plists, `${label}.plist`),
    entry: path.join(support, 'heartbeat.cjs'),
    log: path.join(logs, `${label}.log`),
  }
}

/** Where the tick, whose program is in `folder`, finds what it needs. */
export function tickPlaces(host: Host, folder: string): TickPlaces {
  return {
    supportFolder: folder,
    serviceName: (name) => name,
    runtimeFolder: (name) => stateFolderOf(folder, name),
    isOwn: (name, {pid}) => {
      const [started] = (host.readText(path.join(stateFolderOf(folder, name), 'gateway')) ?? '').split(' ')
      const line = [pid, ...ancestorsOf(host, pid)]
      const index = line.indexOf(Number(started))
      // Without its launcher a process is a child of launchd's own, and nobody waits for its end.
      return index >= 0 && (line[index + 1] ?? 1) !== 1
    },
  }
}
