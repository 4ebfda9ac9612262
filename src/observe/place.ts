import {GatewayVariable} from '../gateway/contract.js'
import {usageError} from '../errors.js'
import {accountDoor, accountNamed} from '../host/account-door.js'
import type {Account, Doors, Host} from '../host/host.js'
import {type Profile, resolveProfile} from '../service/profile.js'

/** The flags that name a service. */
export interface TargetFlags {
  readonly profile?: string | undefined
  readonly home?: string | undefined
  readonly manager?: string | undefined
  readonly scope?: string | undefined
  readonly runAs?: string | undefined
}

/** Whose gateway of which home. */
export interface Place extends Doors {
  readonly profile: Profile
  readonly account: Account
  /** How the home was named, for messages. */
  readonly homeFlag: string
}

/**
 * Finds the home that the flags mean where no manager is asked, or none can be: without a flag that of HERMES_HOME, as whoever has it. Throws
 * usage errors, and HostError if the way to it may not be looked at.
 */
export function resolvePlace(host: Host, flags: TargetFlags): Place {
  const environmentHome = host.env[GatewayVariable.home]
  const named = namedAccount(host, flags, "run another user's gateway")
  return placeOf(host, named ?? homeOwner(host, flags.home ?? environmentHome) ?? host.account, flags, environmentHome)
}

/** The home that the flags pick for an account, HERMES_HOME being `environmentHome`. Throws as `resolvePlace`. */
export function placeOf(host: Host, account: Account, flags: TargetFlags, environmentHome: string | undefined): Place {
  const userHost = accountDoor(host, account)
  const profile = resolveProfile(userHost, account.home, {profile: flags.profile, home: flags.home, environmentHome})
  return {host, userHost, profile, account, homeFlag: homeFlag(flags, environmentHome)}
}

/** Whoever has the home is whom its gateway runs as. */
export function homeOwner(host: Host, home: string | undefined): Account | undefined {
  const uid = home !== undefined && host.account.uid === 0 ? host.stat(home)?.uid : undefined
  return uid === undefined || uid === 0 ? undefined : host.accountOf(uid)
}

/** The account of `--run-as`; `what`: what only root may do as somebody else. */
export function namedAccount(host: Host, {runAs}: TargetFlags, what: string): Account | undefined {
  if (runAs === undefined) return undefined
  const account = requireAccount(host, runAs)
  if (host.account.uid === 0 || account.uid === host.account.uid) return account
  throw usageError(`--run-as ${runAs}: only root can ${what}`, ['sudo hermes-svc …'])
}

export function requireAccount(host: Host, name: string): Account {
  const account = accountNamed(host, name)
  if (!account) throw usageError(`--run-as ${JSON.stringify(name)}: there is no such user`)
  return account
}

function homeFlag(flags: TargetFlags, environmentHome: string | undefined): string {
  if (flags.home !== undefined) return '--home'
  if (flags.profile !== undefined) return `--profile ${flags.profile}: home`
  return environmentHome ? GatewayVariable.home : 'home'
}
