import {ServiceError} from '../errors.js'
import type {HeartbeatDefinition} from '../managers/manager.js'
import {oncePerLook} from './once-per-look.js'
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
