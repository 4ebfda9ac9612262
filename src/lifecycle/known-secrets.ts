import {ServiceError} from '../errors.js'
import {HostError} from '../host/host.js'
import {dotenvValues, tellingOf} from '../service/home-secrets.js'
import type {Target} from '../observe/where.js'

/**
 * The values that hermes-svc knows to be meant for the gateway alone: those that it was given for the service, and those of the home's `.env`. Values
 * that are places in the home or words of a switch tell nothing, and are left. Never throws: what cannot be read is not known.
 */
export function knownSecrets({manager, userHost, service}: Target): string[] {
  const {home} = service.profile
  return tellingOf([...serviceValues({manager, service}), ...dotenvValues(userHost, home)], home)
}

function serviceValues({manager, service}: Pick<Target, 'manager' | 'service'>): string[] {
  try {
    // A value of several lines is found line by line.
    return [...manager.definition.readEnvironment(service).values()].flatMap((value) => value.split('\n'))
  } catch (error) {
    if (error instanceof HostError || error instanceof ServiceError) return []
    throw error
  }
}
