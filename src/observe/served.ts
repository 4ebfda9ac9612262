import {DEFAULT_PROFILE} from '../gateway/contract.js'
import {readGatewayState} from '../gateway/records.js'
import {stateOf} from '../gateway/observation.js'
import type {Target} from './where.js'

/** The profile whose gateway serves this one (upstream's multiplexing: `served_profiles` of the default's state); undefined if none does. */
export function servedBy({service, userHost}: Pick<Target, 'service' | 'userHost'>): string | undefined {
  const {profile} = service
  if (profile.name === DEFAULT_PROFILE) return undefined
  const served = stateOf(readGatewayState(userHost, profile.root))?.servedProfiles ?? []
  return served.includes(profile.name) ? DEFAULT_PROFILE : undefined
}
