import {whoIsTold} from '../lifecycle/notify-change.js'
import {readNotify} from '../notify/notify-file.js'
import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import {homeOwner, requireAccount, type TargetFlags} from '../observe/place.js'
import {type Scope, SCOPES} from '../service/service.js'
import path from 'node:path'
import {STANDARD_ROOT, DEFAULT_PROFILE} from '../gateway/contract.js'
import type {Check} from '../doctor/check.js'
import {accountDoor} from '../host/account-door.js'
import {type Diagnosis, examine} from '../doctor/examine.js'
import {observeScenes} from '../doctor/scene.js'
import {ServiceError} from '../errors.js'
import {type Account, type AccountHost, type Host, HostError} from '../host/host.js'
import {statIfAllowed} from '../host/tolerant-read.js'
import {isOfAnotherTool} from '../lifecycle/definition.js'
import {isFirstHome} from '../lifecycle/first-home.js'
import {servedBy} from '../observe/served.js'
import {resolveManaged, type Target} from '../observe/where.js'
import {detectManager} from '../managers/index.js'
import type {Manager} from '../managers/manager.js'
import {searchGateways} from '../service/gateway-command.js'
import {unusableHome} from '../service/home-check.js'
import {listProfiles, type Profile} from '../service/profile.js'
import type {MachineFound, OwnerFound, ProfileFound, ServiceFound} from './found.js'
import {recordedState} from '../service/desired-state.js'

/** On a machine with more accounts than these, their homes are not looked into: each may be on another machine. */
const MOST_ACCOUNTS = 200

/** Looks at the machine. Reads only. Throws as `detectManager`. */
export async function findMachine(host: Host, {manager: kind, home, profile = DEFAULT_PROFILE}: TargetFlags): Promise<MachineFound> {
  const isRoot = host.account.uid === 0
  const found = await detectManager(host, kind, 'user', host.account)
  const managers = SCOPES.map((scope) => found.inScope(scope, host.account))
  const scopes = SCOPES.filter((scope) => managers.some((manager) => manager.scope === scope))
  const isOnlyAccount = scopes.length === 1
  const invoker = isRoot && host.env.SUDO_USER ? host.accountOf(host.env.SUDO_USER) : undefined
  const accounts = isRoot && !isOnlyAccount ? accountsWithHome(host) : []
  const installed = managers
    .map((manager) => (manager.scope === 'system' ? manager.placement.defaultAccount(profile) : undefined))
    .find(Boolean)
  const account = (isOnlyAccount ? homeOwner(host, home) : undefined) ?? installed ?? invoker
  // Of several none is likelier than another.
  const likely = account?.name ?? (accounts.length === 1 ? accounts[0] : undefined)
  return {scopes, isRoot, user: host.account.name, accounts, account: isRoot ? likely : host.account.name, isOnlyAccount}
}

/** The accounts of this machine's own user database that have a gateway's home where it usually is. */
function accountsWithHome(host: Host): string[] {
  const names =
    host.platform === 'darwin'
      ? (host.list('/Users') ?? [])
      : (host.readText('/etc/passwd') ?? '').split('\n').map((line) => line.split(':')[0] ?? '')
  if (names.length > MOST_ACCOUNTS) return []
  return names.filter((name) => {
    const account = name === '' ? undefined : host.accountOf(name)
    return account !== undefined && statIfAllowed(accountDoor(host, account), path.join(account.home, STANDARD_ROOT))?.kind === 'folder'
  })
}

/** Looks at the profiles of the account that the gateway is to run as. Reads only. Throws usage errors for what the flags name. */
export async function findOwner(host: Host, account: Account, flags: TargetFlags, scopes: readonly Scope[]): Promise<OwnerFound> {
  const reading = {...flags, runAs: host.account.uid === 0 ? account.name : flags.runAs}
  const {manager, userHost, service, homeFlag} = await resolveManaged(host, {...reading, profile: undefined, scope: scopes[0]}, 'read')
  const profiles = listProfiles(userHost, service.profile.root).map((profile) =>
    profileFound(host, userHost, account, profile, manager, scopes),
  )
  const {name} = service.profile
  return {account: account.name, profiles, profile: name, isOnlyProfile: homeFlag === '--home' && name !== DEFAULT_PROFILE}
}

function profileFound(
  host: Host,
  userHost: AccountHost,
  account: Account,
  profile: Profile,
  manager: Manager,
  scopes: readonly Scope[],
): ProfileFound {
  const installedIn = scopes.filter((scope) => isInstalled(manager.inScope(scope, account), account, profile))
  const service = {profile, account, name: ''}
  const server = servedBy({service, userHost})
  const isNew = isFirstHome(host, userHost, profile, account)
  const refused =
    server === undefined ? (isNew ? undefined : unusableHome(host, profile.home, account)) : `is served by the gateway of profile ${server}`
  return {name: profile.name, home: profile.home, refused, installedIn, ...(isNew ? {isNew} : {})}
}

/** Of the same name can be the service of another account. */
function isInstalled(manager: Manager, account: Account, profile: Profile): boolean {
  try {
    if (!manager.observer.isOnDisk(manager.placement.serviceFor(profile, account))) return false
    const owner = manager.placement.defaultAccount(profile.name)
    return owner === undefined || owner.uid === account.uid
  } catch (error) {
    // What may not be looked at is nothing that could be shown.
    if (error instanceof HostError || error instanceof ServiceError) return false
    throw error
  }
}

/** The account that is meant: the one named, else our own. Throws a usage error for one that does not exist. */
export function ownerOf(host: Host, name: string | undefined): Account {
  return name === undefined ? host.account : requireAccount(host, name)
}

/** Looks at the service, whether it is there or not, and has doctor's checks look at it. Reads only. */
export async function findService(target: Target, checks: readonly Check[]): Promise<ServiceFound> {
  const {host, manager, service} = target
  const [scene] = await observeScenes([target], {wedgeWindowMs: DEFAULT_WEDGE_WINDOW_MS, isNamed: true, anyScope: false})
  if (!scene) throw new Error('nothing was observed')
  const diagnosis = await examine(scene, checks)
  const {manager: seen, desired} = scene.seen
  const {settings, installed} = seen
  const ownCommand = settings?.commandIsGiven ? settings.command.join(' ') : undefined
  return {
    name: service.name,
    manager: manager.title,
    account: service.account.name,
    installed,
    replacesForeign: manager.container !== undefined,
    isMeantStopped: recordedState(desired) === 'stopped',
    settings,
    startsAtBoot: manager.scope === 'system' || manager.linger?.isOn(service) === true,
    canLinger: manager.linger !== undefined,
    keptCommand: ownCommand ?? (isOfAnotherTool(target, scene.seen) ? manager.definition.evidence(seen).commandLine : undefined),
    gateways: searchGateways(host, service.profile.root, service.account, manager.container?.variable('PATH')).found,
    told: toldAlready(target),
    root: service.profile.root,
    findings: diagnosis.findings,
    repairs: await repairsOf(diagnosis),
  }
}

/** A file that cannot be read is a finding, and the installation says so too. */
function toldAlready({userHost, service}: Target): string | undefined {
  const reading = readNotify(userHost, service.profile.home)
  if (reading.kind === 'unreadable') return `cannot be read (${reading.why})`
  return reading.settings.targets.length === 0 ? undefined : whoIsTold(reading.settings)
}

/** The ids of what a fix would change something about without being told more. */
async function repairsOf({findings, plans}: Diagnosis): Promise<string[]> {
  const ids = [...new Set(findings.filter(({isFixable}) => isFixable).map(({id}) => id))]
  const can = await Promise.all(ids.map((id) => changesSomething(plans.get(id))))
  return ids.filter((_, index) => can[index])
}

async function changesSomething(makePlan: ReturnType<Diagnosis['plans']['get']>): Promise<boolean> {
  try {
    return makePlan !== undefined && (await makePlan({})).steps.length > 0
  } catch (error) {
    // It needs to be told what should be so, or does not know how.
    if (error instanceof ServiceError || error instanceof HostError) return false
    throw error
  }
}
