import path from 'node:path'
import {GatewayVariable} from '../../gateway/contract.js'
import {readProcess} from '../../gateway/process.js'
import type {Account} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {parseSettings} from '../../service/settings.js'
import type {Placement} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {S6_INIT} from './detect.js'
import {type S6, slotsAccount} from './ownership.js'
import {containerVariable, slotName, slotPaths} from './paths.js'

/** See Placement. */
export function placement(s6: S6): Placement {
  const {host, scan} = s6
  return {
    serviceFor: (profile, account) => ({profile, account, name: slotName(host, profile, account)}),
    defaultAccount: (profileName) => {
      const {account} = host
      if (account.uid !== 0) return account
      const installed = orNoAccess(() => recordedAccount(s6, `gateway-${profileName}`))
      if (installed) return installed
      const home = containerVariable(host, GatewayVariable.home)?.trim()
      const owner = home ? host.stat(home)?.uid : undefined
      return owner === undefined || owner === 0 ? undefined : host.accountOf(owner)
    },
    /** Slots are root's, or of the user to whom upstream's image gives the scan directory; what is in the home says so itself. */
    owner: ({account}) => slotsAccount(host, scan, account),
    placesOf: (service) => {
      const {settings, slot, memory} = slotPaths(scan, service)
      return {settings, restartDue: path.join(slot, 'restart-due'), memory}
    },
    /** All that is shared is a slot beside the others. */
    sharedPlaces: () => [{kind: 'own', path: scan}],
    givenAway: () => {
      const stat = host.stat(scan)
      const to = stat && stat.uid !== 0 ? host.accountOf(stat.uid) : undefined
      if (!to) return undefined
      // Of another than the first process of the container it is not known whose it is, and root's is the worse.
      const isInit = host.readText('/proc/1/comm')?.trim() === S6_INIT
      return {place: scan, to, isOwn: isInit && readProcess(host, 1)?.uid === to.uid}
    },
  }
}

/** Whom a slot's settings name. Who can change them must not gain another's rights by it: of a slot that is not root's only its owner is believed. */
function recordedAccount({host, scan, slots}: S6, slot: string): Account | undefined {
  const door = slots.of(slot)
  const settings = parseSettings(readIfAllowed(door, path.join(scan, slot, 'settings.json')))
  const account = settings && host.accountOf(settings.account)
  return door.account.uid === 0 || account?.uid === door.account.uid ? account : undefined
}
