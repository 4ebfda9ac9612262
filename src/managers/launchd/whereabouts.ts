import {ExitStatus, ServiceError} from '../../errors.js'
import type {Account, Door, Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {Scope, Service} from '../../service/service.js'
import {parseSettings, type ServiceSettings} from '../../service/settings.js'
import {orNoAccess} from '../no-access.js'
import {type OneScope, oneScope} from '../two-scopes.js'
import {chooseDomain, type Domain, domainsOf, parseDomainKind, requireNotRoot} from './domain.js'
import {Launchctl} from './launchctl.js'
import {definitionPaths} from './paths.js'
import type {PrintedJob} from './print.js'

/** One scope of the launchd of this machine: daemons of the system, or agents of one account's session. */
export interface Launchd extends OneScope {
  readonly launchctl: Launchctl
  readonly where: Whereabouts
}

export function launchdOf(host: Host, scope: Scope, account: Account): Launchd {
  const launchctl = new Launchctl(host)
  return {...oneScope(host, scope, account), launchctl, where: new Whereabouts(host, scope, launchctl)}
}

/** A service's files, as far as they may be read. */
export interface OnDisk {
  /** Text of the property list; undefined if there is none. */
  readonly plist: string | undefined
  /** Text of the launcher; undefined if there is none. */
  readonly launcher: string | undefined
  readonly settings: ServiceSettings | undefined
}

export function readOnDisk(host: Door, scope: Scope, service: Service): OnDisk {
  const paths = definitionPaths(scope, service)
  return {
    plist: host.readText(paths.plist),
    launcher: readIfAllowed(host, paths.launcher),
    settings: parseSettings(readIfAllowed(host, paths.settings)),
  }
}

/** Where a service is loaded, and what launchd says of it there. */
export interface Loaded {
  readonly domain: Domain
  readonly printed: PrintedJob
}

/** True where a property list was once of our making, whoever has written over it since: what was chosen for it is there still. */
export function isMadeByUs(settings: ServiceSettings | undefined, {profile}: Service): boolean {
  return settings?.createdDefinition === true && settings.home === profile.home
}

/** Finds services in launchd's domains. */
export class Whereabouts {
  constructor(
    private readonly host: Host,
    private readonly scope: Scope,
    private readonly launchctl: Launchctl,
  ) {}

  /** Where the service is loaded, looked for where it was installed first; `present`: the first domain that is there at all. */
  find(service: Service, known: ServiceSettings | undefined): {loaded: Loaded | undefined; present: Domain | undefined} {
    if (this.scope === 'user') requireNotRoot(service.account)
    const kind = parseDomainKind((known ?? this.recordedSettings(service))?.domain)
    const domains = domainsOf(this.scope, service.account)
    if (kind === 'user') domains.reverse()
    let present: Domain | undefined
    for (const domain of domains) {
      const shown = this.launchctl.print(domain.target, service.name)
      if (shown === 'no-domain') continue
      present ??= domain
      if (shown !== 'not-loaded') return {loaded: {domain, printed: shown}, present}
    }
    return {loaded: undefined, present}
  }

  /** The domain where the service should be. Throws exit 4 if there is none. */
  domain(service: Service): Domain {
    const recorded = parseDomainKind(this.recordedSettings(service)?.domain)
    return chooseDomain(this.launchctl, this.scope, service.account, recorded)
  }

  /** What was chosen when the service was installed. Throws exit 4 where it may not be read. */
  recordedSettings(service: Service): ServiceSettings | undefined {
    return orNoAccess(() => readOnDisk(this.host, this.scope, service).settings)
  }

  /** The process of a job; undefined if it has none, or if that cannot be told. */
  pidOf(domain: Domain, label: string): number | undefined {
    try {
      const shown = this.launchctl.print(domain.target, label)
      return typeof shown === 'string' ? undefined : shown.pid
    } catch (error) {
      if (error instanceof ServiceError && error.exitStatus === ExitStatus.cannotTell) return undefined
      throw error
    }
  }

  /** What is disabled there, by label; undefined if that cannot be told. */
  disabled(domain: Domain): ReadonlyMap<string, boolean> | undefined {
    try {
      return this.launchctl.disabled(domain.target)
    } catch (error) {
      if (error instanceof ServiceError && error.exitStatus === ExitStatus.cannotTell) return undefined
      throw error
    }
  }
}
