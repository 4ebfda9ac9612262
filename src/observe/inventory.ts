import {ServiceError} from '../errors.js'
import {type Account, type Host, HostError} from '../host/host.js'
import {detectManager} from '../managers/index.js'
import {installerOf} from '../managers/installing.js'
import type {Manager} from '../managers/manager.js'
import type {ServiceSettings} from '../service/settings.js'
import {resolveManaged, type Target} from './where.js'

/** The services of ours that are installed on this machine. */
export interface Inventory {
  readonly targets: readonly Target[]
  /** What is on disk of others, and why it is not among them. */
  readonly untold: readonly {readonly what: string; readonly why: string}[]
}

/**
 * The services of ours that are installed: for root those of the machine, and of each account that has its own services, as far as that can be told
 * (`also`: of these for certain); for others their own. In the order of scope, account and home. Reads only. Throws exit 4 where no manager is here.
 */
export async function inventory(host: Host, kind: string | undefined, also: readonly Account[] = []): Promise<Inventory> {
  const targets: Target[] = []
  const untold: {what: string; why: string}[] = []
  for (const {manager, account} of await placesOf(host, kind, also)) {
    for (const settings of recordedOf(manager, untold)) {
      try {
        const target = await targetOf(host, manager, account, settings)
        if (target.manager.observer.isOnDisk(target.service) && !targets.some((one) => isSameService(one, target))) targets.push(target)
      } catch (error) {
        if (!(error instanceof ServiceError || error instanceof HostError)) throw error
        untold.push({what: `the service of ${settings.home} in ${manager.title}`, why: error.message})
      }
    }
  }
  return {targets, untold}
}

/** True if two targets are one service. */
export function isSameService(one: Target, other: Target): boolean {
  return (
    one.manager.scope === other.manager.scope &&
    one.service.account.uid === other.service.account.uid &&
    one.service.profile.home === other.service.profile.home
  )
}

/** The managers whose services may be looked at; `account`: whose all of them are, undefined where each says it. */
async function placesOf(host: Host, kind: string | undefined, also: readonly Account[]) {
  const isRoot = host.account.uid === 0
  const first = await detectManager(host, kind, isRoot ? 'system' : 'user', host.account)
  installerOf(first)
  if (first.container || !isRoot) return [{manager: first, account: isRoot ? undefined : host.account}]
  const user = first.inScope('user', host.account)
  const invoker = host.env.SUDO_USER === undefined ? undefined : host.accountOf(host.env.SUDO_USER)
  const accounts = [host.account, ...(invoker ? [invoker] : []), ...also, ...(user.observer.accounts?.() ?? [])]
  const unique = [...new Map(accounts.map((account) => [account.uid, account])).values()].sort((a, b) => a.uid - b.uid)
  return [{manager: first, account: undefined}, ...unique.map((account) => ({manager: first.inScope('user', account), account}))]
}

function recordedOf({observer, title}: Manager, untold: {what: string; why: string}[]): readonly ServiceSettings[] {
  try {
    return [...(observer.recorded?.() ?? [])].sort((a, b) => (a.home < b.home ? -1 : 1))
  } catch (error) {
    if (!(error instanceof ServiceError || error instanceof HostError)) throw error
    untold.push({what: `the services of ${title}`, why: error.message})
    return []
  }
}

/** `account`: whose it is, whatever a file says that this account can change. */
function targetOf(host: Host, {kind, scope, container}: Manager, account: Account | undefined, settings: ServiceSettings): Promise<Target> {
  const runAs = account?.name ?? settings.account
  return resolveManaged(host, {manager: kind, home: settings.home, runAs, ...(container ? {} : {scope})}, 'read')
}
