import {GatewayVariable} from '../gateway/contract.js'
import {usageError} from '../errors.js'
import {accountDoor, accountNamed} from '../host/account-door.js'
import type {Account, Doors, Host} from '../host/host.js'
import {type Profile, resolveProfile} from '../service/profile.js'
import {shellWord} from '../text/shell-quote.js'

/** The flags that name a service. */
export interface TargetFlags {
  readonly profile?: string | undefined
  readonly home?: string | undefined
  readonly manager?: string | undefined
  readonly scope?: string | undefined
  readonly runAs?: string | undefined
}

/** A command of ours with what is behind it: `sudo` before it, words, and a remark. */
const OWN_COMMAND = /^((?:sudo )?hermes-svc [a-z][^#]*?)(\s+#.*)?$/
/** Commands that are about no service in particular. */
const WITHOUT_SERVICE = /^(?:sudo )?hermes-svc (?:list|smoke|autocomplete|boot|help)\b/

/** The flags by which a service was named, with their values. */
function typedFlags({profile, home, manager, scope, runAs}: TargetFlags): (readonly [string, string])[] {
  const flags = {'-p': profile, '--home': home, '--manager': manager, '--scope': scope, '--run-as': runAs}
  return Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [[flag, value] as const]))
}

/**
 * A line of advice with the flags that were given to the command that prints it: what is typed next is then about the same service. What it says itself
 * stays. Anything but a command of ours, and one about no service, is left as it is. Pure.
 */
export function withGivenFlags(line: string, given: TargetFlags): string {
  const [, command, remark = ''] = OWN_COMMAND.exec(line) ?? []
  if (command === undefined || WITHOUT_SERVICE.test(line) || /\s--help\b/.test(line)) return line
  const has = (...flags: readonly string[]) => flags.some((flag) => ` ${command} `.includes(` ${flag} `) || command.includes(` ${flag}=`))
  const isNamed = has('-p', '--profile', '--home')
  const added = typedFlags(given).filter(([flag]) => (flag === '-p' || flag === '--home' ? !isNamed : !has(flag)))
  return [command, ...added.map(([flag, value]) => `${flag} ${shellWord(value)}`)].join(' ') + remark
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
