import path from 'node:path'
import {ServiceError} from '../../errors.js'
import {DEFAULT_PROFILE} from '../../gateway/contract.js'
import type {Account} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {LEGACY_NAME} from '../../service/naming.js'
import type {GatewayDefinition, Placement, SharedPlace} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {ownerIn, suffixOf} from '../two-scopes.js'
import {isThere} from './observe.js'
import {definitionPaths, runtimeFolderOf, scopeFolders, unitName} from './paths.js'
import {gatewayDefinitions} from './rivals.js'
import type {UnitPlace} from './specifiers.js'
import type {Systemd} from './systemctl.js'
import {accountOfUnit, userOfUnit} from './unit-file.js'

/** See Placement. */
export function placement(systemd: Systemd): Placement {
  const {host, scope, account, files} = systemd
  const systemUnit = (profileName: string): UnitPlace & {readonly text: string | undefined} => {
    const name = unitName(profileName === DEFAULT_PROFILE ? '' : profileName)
    return {scope: 'system', account, name, text: readIfAllowed(files, path.join(scopeFolders('system', account).units, name))}
  }
  const nameByHome = namesByHome(systemd)
  return {
    serviceFor: (profile, whose) => {
      const service = {profile, account: whose, name: unitName(suffixOf(host, profile, whose))}
      if (isThere(systemd, service)) return service
      const name = nameByHome(profile.home, whose)
      return name === undefined ? service : {...service, name}
    },
    defaultAccount: (profileName) => {
      if (scope === 'user') return account
      // The installed unit says whose gateway it is; a settings file of ours says so too, but a unit of upstream's has only itself.
      const place = systemUnit(profileName)
      return place.text === undefined ? undefined : accountOfUnit(host, place.text, place)
    },
    unknownUser: (profileName) => {
      if (scope === 'user') return undefined
      const place = systemUnit(profileName)
      return place.text === undefined || accountOfUnit(host, place.text, place) ? undefined : userOfUnit(place.text, place)
    },
    owner: (service) => ownerIn(systemd, service),
    placesOf: (service) => {
      const {settings, supportFolder} = definitionPaths(scope, service)
      return {settings, restartDue: path.join(supportFolder, 'restart-due'), memory: runtimeFolderOf(scope, service)}
    },
    /** Lingering is one account's in both scopes; in system scope all accounts have one program of the tick. */
    sharedPlaces: (service) => {
      const own: SharedPlace = {kind: 'account', path: service.account.home}
      return scope === 'user' ? [own] : [own, {kind: 'machine', path: '/run/hermes-svc'}]
    },
  }
}

/**
 * The one unit of another name that runs the gateway of a home: older gateways gave the plain name to the unit of any home, and people name theirs as
 * they like. Of several that which starts at boot; undefined where that is none or more than one.
 */
function namesByHome({host, scope}: Systemd): (home: string, account: Account) => string | undefined {
  /** Read once for all profiles: it is asked for each that has no service of the usual name. */
  const known = new Map<number, readonly GatewayDefinition[]>()
  /** The units of an account's gateways that stand where we and upstream put ours. What upstream migrates away from is not taken up. */
  const standing = (account: Account): readonly GatewayDefinition[] => {
    const {units} = scopeFolders(scope, account)
    try {
      const found = orNoAccess(() => gatewayDefinitions(host, scope, account))
      return found.filter(({name, path: file}) => file === path.join(units, name) && name !== LEGACY_NAME)
    } catch (error) {
      if (error instanceof ServiceError) return []
      throw error
    }
  }
  return (home, account) => {
    const definitions = known.get(account.uid) ?? standing(account)
    known.set(account.uid, definitions)
    const all = definitions.filter((definition) => definition.home === home)
    const enabled = all.filter(({isEnabled}) => isEnabled)
    const [first, ...others] = enabled.length > 0 ? enabled : all
    const plain = all.find(({name}) => name === unitName(''))
    return plain?.name ?? (others.length === 0 ? first?.name : undefined)
  }
}
