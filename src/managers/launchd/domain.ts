import type {Scope} from '../../service/service.js'
import {usageError} from '../../errors.js'
import type {Account} from '../../host/host.js'
import {noSession} from './failures.js'
import type {Launchctl} from './launchctl.js'

/** Where launchd keeps a job: `gui` is a user's session at the desktop, `user` what that user has without one (over SSH). */
export type DomainKind = 'gui' | 'user' | 'system'

export interface Domain {
  readonly kind: DomainKind
  /** As launchctl names it, e.g. `gui/501`. */
  readonly target: string
  /** LimitLoadToSessionType of the jobs that it takes (launchd.plist(5)); undefined for `system`. */
  readonly sessionType: 'Aqua' | 'Background' | undefined
}

export function domainOf(kind: DomainKind, account: Account): Domain {
  switch (kind) {
    case 'gui':
      return {kind, target: `gui/${account.uid}`, sessionType: 'Aqua'}
    case 'user':
      return {kind, target: `user/${account.uid}`, sessionType: 'Background'}
    case 'system':
      return {kind, target: 'system', sessionType: undefined}
  }
}

/** All domains in which a service of that scope can be, the likeliest first. */
export function domainsOf(scope: Scope, account: Account): Domain[] {
  return (scope === 'system' ? (['system'] as const) : (['gui', 'user'] as const)).map((kind) => domainOf(kind, account))
}

export function parseDomainKind(text: string | undefined): DomainKind | undefined {
  return text === 'gui' || text === 'user' || text === 'system' ? text : undefined
}

/**
 * Chooses the domain for an account's services by looking: the one that was recorded while it is there, else the session at the desktop,
 * else the one without. Under sudo the account is the one that called it, never root, which has no session at the desktop.
 * Throws ServiceError, exit 2 for root in user scope, exit 4 if there is no session.
 */
export function chooseDomain(launchctl: Launchctl, scope: Scope, account: Account, recorded: DomainKind | undefined): Domain {
  if (scope === 'system') return domainOf('system', account)
  requireNotRoot(account)
  const wish = recorded === 'user' ? (['user', 'gui'] as const) : (['gui', 'user'] as const)
  for (const kind of wish) {
    const domain = domainOf(kind, account)
    if (kind === 'gui' && launchctl.isOwnSession(account, 'Aqua')) return domain
    if (launchctl.hasDomain(domain.target)) return domain
  }
  throw noSession(account)
}

/** Throws a usage error for root: gui/0 is no session, and launchd's words for it tell nobody why. */
export function requireNotRoot(account: Account): void {
  if (account.uid !== 0) return
  throw usageError('root has no session of its own under launchd, so it cannot have services in user scope', [
    'hermes-svc … --scope system --run-as USER',
    'hermes-svc … --scope user   # as the user whose gateway it is',
  ])
}
