import path from 'node:path'
import {STANDARD_ROOT, DEFAULT_PROFILE} from '../gateway/contract.js'
import type {Account, Host} from '../host/host.js'
import type {Step} from '../plan/plan.js'
import {unusableHome} from '../service/home-check.js'
import type {Profile} from '../service/profile.js'
import type {Target} from '../observe/where.js'

/** As upstream's own first start makes it. */
const HOME_MODE = 0o700

/**
 * True where an account has no `~/.hermes` yet, and could have one: upstream's own first start makes it, and so does `install`. A home that
 * was named is not made: it may be misspelt, or its file system yet to be mounted.
 */
export function isFirstHome(host: Host, userHost: Pick<Host, 'lstat'>, profile: Profile, account: Account): boolean {
  if (profile.name !== DEFAULT_PROFILE || profile.home !== path.join(account.home, STANDARD_ROOT)) return false
  return userHost.lstat(profile.home) === undefined && unusableHome(host, account.home, account) === undefined
}

/** The same of what the flags mean. */
export function isFirstHomeOf({host, userHost, service, homeFlag}: Target): boolean {
  return homeFlag === 'home' && isFirstHome(host, userHost, service.profile, service.account)
}

/** Makes it, with the ids of its account; undone it is taken away again, if nothing is in it. */
export function makeFirstHome({service}: Target): Step {
  const {home} = service.profile
  return {
    kind: 'make-folder',
    why: `create ${home}, which the gateway fills at its first start`,
    path: home,
    mode: HOME_MODE,
    as: service.account,
  }
}
