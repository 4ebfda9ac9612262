import {waitUntil} from '../host/wait-until.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {doorOfUid, ownerDoor} from '../host/account-door.js'
import {type HeldLock, HostError} from '../host/host.js'
import {readIfAllowed} from '../host/tolerant-read.js'
import type {ManagerObservation, SharedPlace} from '../managers/manager.js'
import {failingLate, type Progress, type SharedLock, type Step} from '../plan/plan.js'
import {parseSettings, type ServiceSettings} from '../service/settings.js'
import type {Target} from '../observe/where.js'

// What the services of one account have in common (the tick, its program, lingering) is no one home's: commands on two homes change it under a lock
// of its own, and whoever takes something away asks at that moment who else wants it. The order of locks is always home, then this one.

/** What is done under it takes seconds: it is not held while a gateway is waited for. */
const LOCK_TIMEOUT_MS = 120_000
const LOOK_EVERY_MS = 100

/** The lock for what the service shares with others of its account, or of its scope. */
export function sharedLock(target: Target): SharedLock {
  return {
    take: async (progress) => {
      const held: HeldLock[] = []
      const release = async () => {
        for (const lock of held.splice(0).reverse()) await lock.release()
      }
      try {
        for (const place of target.manager.placement.sharedPlaces(target.service)) {
          const lock = await takeOne(target, place, progress)
          if (lock) held.push(lock)
        }
      } catch (error) {
        await release()
        throw error
      }
      return {release}
    },
  }
}

/** The steps, done under one hold of a lock. */
export function under(lock: SharedLock, steps: readonly Step[]): Step[] {
  return steps.map((step) => ({...step, under: lock}))
}

/**
 * The tick of the service's account, as it should be with these settings of this service (undefined: without it). `planned`: what that comes to now;
 * `former`: the settings that it goes back to if a later step fails.
 */
export function sharedTick(
  {manager, service}: Target,
  planned: readonly Step[],
  {settings, former, force = false}: {settings: ServiceSettings | undefined; former: ServiceSettings | undefined; force?: boolean},
): Step {
  return {
    kind: 'shared',
    why: 'adapt the heartbeat to the services of this account',
    steps: planned,
    again: async () => (await manager.tick.heartbeat(service, settings, {force})).steps,
    othersWant: async () => {
      const files = await manager.tick.files(service, undefined)
      return JSON.stringify(files.map(({path, text, isProgram}) => [path, isProgram ? text.length : text]))
    },
    giveBack: async () => (await manager.tick.heartbeat(service, former)).steps,
  }
}

/**
 * The tick that the service's definition promises and that does not run, brought back: its manager gave it up, for a home that came late say. Nothing
 * where it runs, and where it cannot be made, which doctor names. That it fails does not keep a gateway from being started.
 */
export async function restoredTick(target: Target, {settings, installed}: ManagerObservation): Promise<Step[]> {
  if (!settings?.heartbeat.enabled || (installed !== 'own' && installed !== 'adopted')) return []
  try {
    const {steps, faults} = await target.manager.tick.heartbeat(target.service, settings)
    if (faults.length === 0) return []
    return failingLate(under(sharedLock(target), [sharedTick(target, steps, {settings, former: settings})]))
  } catch (error) {
    if (error instanceof ServiceError) return []
    throw error
  }
}

/** What was seen of a service, with what others have left to it since: ending the account's lingering. */
export function inheriting({host, manager, service}: Target, seen: ManagerObservation): ManagerObservation {
  if (!manager.linger) return seen
  const settings = parseSettings(
    readIfAllowed(ownerDoor(host, manager.placement.owner(service)), manager.placement.placesOf(service).settings),
  )
  return settings ? {...seen, settings} : seen
}

/** Undefined where there is nothing that could be locked: then there is nobody to share with, or the lock of the home is the same one. */
async function takeOne({host, userHost, service}: Target, place: SharedPlace, progress: Progress): Promise<HeldLock | undefined> {
  try {
    if (place.kind === 'machine') host.makeFolder(place.path, 0o700)
    const door = place.kind === 'account' ? userHost : host
    const [stat, home] = [door.stat(place.path), userHost.stat(service.profile.home)]
    if (stat?.kind !== 'folder' || (stat.inode === home?.inode && stat.device === home.device)) return undefined
    // Who may write a folder may lock what is in it, and one that is not the account's own can be written by others.
    if (place.kind === 'account' && stat.uid !== service.account.uid) return undefined
    const holder = place.kind === 'own' ? doorOfUid(host, stat.uid) : door
    if (!holder) return undefined
    const folder = holder.realPath(place.path) ?? place.path
    const onWait = () =>
      progress(`waiting for another hermes-svc command that changes files shared by the services of ${service.account.name}`)
    const lock = await waitUntil(host, {limitMs: LOCK_TIMEOUT_MS, everyMs: LOOK_EVERY_MS, onWait}, () =>
      place.kind === 'machine' ? holder.lock(folder) : holder.lockWithin(folder),
    )
    if (!lock) throw isBusy(service.account.name)
    return lock
  } catch (error) {
    // A file system without locks, or a folder that the account itself may not open.
    if (error instanceof HostError) return undefined
    throw error
  }
}

function isBusy(name: string): ServiceError {
  return new ServiceError(
    `For ${LOCK_TIMEOUT_MS / 1000} s, another hermes-svc command has been changing files shared by the services of ${name}`,
    {
      code: 'busy',
      exitStatus: ExitStatus.failed,
      next: ['run the same command again after the other command has finished'],
    },
  )
}
