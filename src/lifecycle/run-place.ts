import {GatewayVariable} from '../gateway/contract.js'
import {accountDoor} from '../host/account-door.js'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {proveGateway} from '../observe/prove-loop.js'
import type {Account, AccountHost, Host} from '../host/host.js'
import {findGatewayCommand} from '../service/gateway-command.js'
import {type Profile, resolveProfile} from '../service/profile.js'
import {servedBy} from '../observe/served.js'
import {homeOwner, requireAccount, type TargetFlags} from '../observe/where.js'

/** Whose gateway of which home. */
export interface RunPlace {
  readonly host: Host
  readonly userHost: AccountHost
  readonly profile: Profile
  readonly account: Account
}

export function findPlace(host: Host, flags: TargetFlags): RunPlace {
  const isRoot = host.account.uid === 0
  const named = flags.runAs === undefined ? undefined : requireAccount(host, flags.runAs)
  if (named && !isRoot && named.uid !== host.account.uid) {
    throw usageError(`--run-as ${flags.runAs}: only root can run another user's gateway`)
  }
  const environmentHome = host.env[GatewayVariable.home]
  const account = named ?? homeOwner(host, flags.home ?? environmentHome) ?? host.account
  const userHost = accountDoor(host, account)
  const profile = resolveProfile(userHost, account.home, {profile: flags.profile, home: flags.home, environmentHome})
  return {host, userHost, profile, account}
}

/** Throws a ServiceError where there is no home to run a gateway of. */
export function requireHome(place: RunPlace): void {
  const {userHost, profile} = place
  const server = servedBy({userHost, service: {...place, name: profile.name}})
  if (server !== undefined)
    throw usageError(`profile ${profile.name} is served by the gateway of profile ${server}; it has none of its own`)
  if (userHost.stat(profile.home)?.kind === 'folder') return
  throw new ServiceError(`${profile.home} is not there, or no folder: the gateway would make an empty home`, {
    code: 'no-home',
    exitStatus: ExitStatus.failed,
    next: ['hermes setup   # makes it', 'hermes-svc run --home FOLDER   # if it is somewhere else'],
  })
}

/** The gateway's own command. Throws a ServiceError that names the flag for it where there is none. */
export function findProgram({host, profile, account}: RunPlace): readonly string[] {
  try {
    return findGatewayCommand(host, profile.root, account, host.env.PATH).argv
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    const {code, exitStatus, evidence} = error
    throw new ServiceError(error.message, {code, exitStatus, evidence, next: ['hermes-svc run --command /path/to/hermes']})
  }
}

/** A second gateway beside one that runs would fail again and again. */
export async function requireAlone({host, userHost, profile}: RunPlace): Promise<void> {
  const {gateway, verdict} = await proveGateway({host, userHost}, profile.home, 0)
  const {pid, evidence} = verdict
  if (pid === undefined && gateway.lock.kind !== 'held' && verdict.state !== 'alive') return
  const where = pid === undefined ? 'where it cannot be seen from here, probably in another container' : `as pid ${pid}`
  throw new ServiceError(`A gateway of ${profile.home} runs already, ${where}`, {
    code: 'already-running',
    exitStatus: ExitStatus.failed,
    evidence,
    next: [pid === undefined ? 'stop it where it runs' : `kill ${pid}   # then the same command again`],
  })
}
