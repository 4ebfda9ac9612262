import path from 'node:path'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {parseSettings, type ServiceSettings} from '../../service/settings.js'
import type {S6} from './ownership.js'
import {isGatewaySlot} from './paths.js'

/** The settings of all slots of ours, by their names. One whose own user may not read them, or who put something else there, has none. Throws HostError. */
export function slotSettings({slots, scan}: S6): Map<string, ServiceSettings> {
  const found = new Map<string, ServiceSettings>()
  for (const name of slots.names()) {
    if (!isGatewaySlot(name)) continue
    const settings = parseSettings(readIfAllowed(slots.of(name), path.join(scan, name, 'settings.json')))
    if (settings) found.set(name, settings)
  }
  return found
}

/** The same, without what a slot says of others than whose it is: who can change it must not gain another's rights by it. */
export function ownSettings(s6: S6): ServiceSettings[] {
  return [...slotSettings(s6)].flatMap(([name, settings]) => {
    const {account} = s6.slots.of(name)
    return account.uid === 0 || account.name === settings.account ? [settings] : []
  })
}
