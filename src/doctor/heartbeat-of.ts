import {ServiceError} from '../errors.js'
import type {HeartbeatDefinition} from '../managers/manager.js'
import {sharedLock, sharedTick, under} from '../lifecycle/shared.js'
import type {Target} from '../observe/where.js'
import type {Step} from '../plan/plan.js'
import type {ServiceSettings} from '../service/settings.js'
import {oncePerLook} from './once-per-look.js'
import {hasOurPolicy} from './reinstall.js'
import type {Scene} from './scene.js'

/**
 * What ticks all services of an account, as it should be; to find out which want it takes a look at each. Undefined where it cannot be
 * made, for want of a node say: what it lacks is named by itself.
 */
const definitionOf = oncePerLook(async ({target: {manager, service}, seen}): Promise<HeartbeatDefinition | undefined> => {
  try {
    return await manager.tick.heartbeat(service, seen.manager.settings, {seen: seen.manager})
  } catch (error) {
    if (error instanceof ServiceError) return undefined
    throw error
  }
})

export function heartbeatOf(scene: Scene): Promise<HeartbeatDefinition | undefined> {
  const {manager, service} = scene.target
  return definitionOf(scene, `${manager.scope} ${service.account.uid}`)
}

/** Why the manager does not run the tick of a service of ours that wants one, if it does not; undefined if that cannot be told, or none is wanted. */
export async function tickFaultsOf(scene: Scene): Promise<readonly string[] | undefined> {
  const {manager} = scene.seen
  const isTicked = manager.settings?.heartbeat.enabled === true && hasOurPolicy(scene.seen) && manager.broken === undefined
  return isTicked ? (await heartbeatOf(scene))?.faults : undefined
}

/** The steps that have the tick of a service run, as its settings ask for it. */
export async function tickSteps(target: Target, settings: ServiceSettings | undefined): Promise<Step[]> {
  const {steps} = await target.manager.tick.heartbeat(target.service, settings)
  return under(sharedLock(target), [sharedTick(target, steps, {settings, former: settings})])
}
