import {accountDoor, ownerDoor} from '../host/account-door.js'
import type {Account, Door, Host} from '../host/host.js'
import {serviceSuffix} from '../service/naming.js'
import type {Profile} from '../service/profile.js'
import type {Scope, Service} from '../service/service.js'

/** One scope of a manager that has two of them. */
export interface OneScope {
  readonly host: Host
  readonly scope: Scope
  /** Whose services they are (user scope), or who asks (system scope). */
  readonly account: Account
  /** Through which the files of the scope are read: a user's own are, as root too, with that user's ids. */
  readonly files: Door
}

export function oneScope(host: Host, scope: Scope, account: Account): OneScope {
  return {host, scope, account, files: ownerDoor(host, scope === 'user' ? account : undefined)}
}

/** Whose the files of a service are: its account's in user scope, else root's. */
export function ownerIn({scope}: Pick<OneScope, 'scope'>, {account}: Pick<Service, 'account'>): Account | undefined {
  return scope === 'user' ? account : undefined
}

/** What tells a profile's service from others in a manager's name for it; see serviceSuffix. */
export function suffixOf(host: Host, profile: Profile, account: Account): string {
  return serviceSuffix(profile, account.home, (file) => accountDoor(host, account).realPath(file))
}
