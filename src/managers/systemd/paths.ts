import path from 'node:path'
import type {Account, Host} from '../../host/host.js'
import {OWN_PREFIX} from '../../service/naming.js'
import type {Scope, Service} from '../../service/service.js'
import {HELPER_NAME} from '../../service/service-helper.js'
import type {TickPlaces} from '../tick-places.js'
import {parseShow} from './show.js'
import {isLeftAtStartLimit, START_LIMIT_PROPERTIES} from './start-limit.js'

export const DROP_IN_NAME = '10-hermes-svc.conf'

/** Where a service's files are. */
export interface DefinitionPaths {
  readonly unit: string
  readonly dropInFolder: string
  readonly dropIn: string
  /** Helper, settings and environment of this service; root-owned for system scope. */
  readonly supportFolder: string
  readonly helper: string
  readonly settings: string
  readonly environmentFile: string
}

/** The folders that hold units and our own files, for a scope and the account whose user manager it is. */
export function scopeFolders(scope: Scope, account: Account): {units: string; support: string} {
  if (scope === 'system') return {units: '/etc/systemd/system', support: '/etc/hermes-svc'}
  return {units: path.join(account.home, '.config/systemd/user'), support: path.join(account.home, '.config/hermes-svc')}
}

export function definitionPaths(scope: Scope, service: Service): DefinitionPaths {
  const {units, support} = scopeFolders(scope, service.account)
  const unit = path.join(units, service.name)
  const supportFolder = path.join(support, stemOf(service.name))
  return {
    unit,
    dropInFolder: `${unit}.d`,
    dropIn: path.join(`${unit}.d`, DROP_IN_NAME),
    supportFolder,
    helper: path.join(supportFolder, HELPER_NAME),
    settings: path.join(supportFolder, 'settings.json'),
    environmentFile: path.join(supportFolder, 'gateway.env'),
  }
}

/** The folder of the helpers' memory below the runtime folder (RuntimeDirectory=, systemd.exec(5)); `folder`: the service's name without `.service`. */
export function runtimeDirectoryName(folder: string): string {
  return `${OWN_PREFIX}${folder}`
}

/** The folder of a user's runtime files, as pam_systemd(8) makes it. */
export function runtimeFolder(scope: Scope, account: Account): string {
  return scope === 'system' ? '/run' : `/run/user/${account.uid}`
}

/** Where the helpers keep what they remember between two starts. */
export function runtimeFolderOf(scope: Scope, {name, account}: Service): string {
  return path.join(runtimeFolder(scope, account), runtimeDirectoryName(stemOf(name)))
}

/** Upstream's name for a service; `suffix`: what tells it from that of the default profile. */
export function unitName(suffix: string): string {
  return `hermes-gateway${suffix ? `-${suffix}` : ''}.service`
}

/** The name of a service without its ending. */
export function stemOf(name: string): string {
  return name.replace(/\.service$/, '')
}

/** The units and files that tick all services of one account in one scope. */
export interface HeartbeatPaths {
  readonly timer: string
  readonly service: string
  readonly timerFile: string
  readonly serviceFile: string
  /** The program; in system scope one for all accounts. */
  readonly entry: string
}

export function heartbeatPaths(scope: Scope, account: Account): HeartbeatPaths {
  const {units, support} = scopeFolders(scope, account)
  const name = `${OWN_PREFIX}heartbeat${scope === 'system' ? `-${unitNamePart(account.name)}` : ''}`
  const [timer, service] = [`${name}.timer`, `${name}.service`]
  const [timerFile, serviceFile] = [path.join(units, timer), path.join(units, service)]
  return {timer, service, timerFile, serviceFile, entry: path.join(support, 'heartbeat.cjs')}
}

/**
 * A name as a part of a unit's name: what may not stand there, and "@", which would make it an instance, as systemd-escape(1) writes
 * it.
 */
function unitNamePart(name: string): string {
  return Buffer.from(name)
    .toString('latin1')
    .replace(/[^A-Za-z0-9_.-]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Where the tick, whose program is in `folder`, finds what it needs. */
export function tickPlaces(host: Host, folder: string): TickPlaces {
  return {
    supportFolder: folder,
    serviceName: (name) => `${name}.service`,
    isOwn: (name, {cgroup}) => cgroup?.split('/').includes(`${name}.service`) === true,
    runtimeFolder: (name, {scope}) => path.join(runtimeFolder(scope, host.account), runtimeDirectoryName(name)),
    whyKeptDown: async (name, {scope}) => {
      const asked = ['show', `--property=${START_LIMIT_PROPERTIES.join(',')}`, '--', `${name}.service`]
      // The tick's own environment is that of its manager.
      const {stdout} = await host.run(['systemctl', ...(scope === 'user' ? ['--user'] : []), ...asked], {timeoutMs: ASKED_MS})
      return parseShow(stdout).some(isLeftAtStartLimit) ? 'start-limit' : undefined
    },
  }
}

/** A manager that does not answer by then is not waited for. */
const ASKED_MS = 3000
