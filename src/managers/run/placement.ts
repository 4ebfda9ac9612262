import type {Host} from '../../host/host.js'
import {runName} from '../../service/run-record.js'
import type {Placement} from '../manager.js'
import {suffixOf} from '../two-scopes.js'
import {placesOf} from './paths.js'

/** See Placement. All of it is the account's own, and shared with nobody. */
export function placement(host: Host): Placement {
  return {
    serviceFor: (profile, account) => ({profile, account, name: runName(suffixOf(host, profile, account))}),
    defaultAccount: () => host.account,
    owner: ({account}) => account,
    placesOf: (service) => placesOf(host, service),
    sharedPlaces: () => [],
  }
}
