import path from 'node:path'
import {DEFAULT_PROFILE, GatewayVariable, HomeFile, STANDARD_ROOT} from '../../gateway/contract.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {parseSettings} from '../../service/settings.js'
import type {GatewayDefinition, Rivals} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import type {S6} from './ownership.js'
import {containerVariable, isGatewaySlot} from './paths.js'

/** See Rivals. Nothing tells of a process which slot it is of but its supervisor's arguments, and no slot has a name of upstream's that would be a rival's. */
export function rivals(s6: S6): Rivals {
  return {
    definitions: (account) => {
      const root = containerVariable(s6.host, GatewayVariable.home)?.trim() || path.join(account.home, STANDARD_ROOT)
      return orNoAccess(() => slotDefinitions(s6, root))
    },
  }
}

/** All slots that run a gateway. Those of other tools name no home: it is the profile's below `root`. */
function slotDefinitions({slots, scan}: S6, root: string): GatewayDefinition[] {
  const names = slots.names().filter(isGatewaySlot)
  return names.flatMap((name) => {
    const door = slots.of(name)
    const file = path.join(scan, name, 'run')
    if (readIfAllowed(door, file) === undefined) return []
    const settings = parseSettings(readIfAllowed(door, path.join(scan, name, 'settings.json')))
    const profile = name.slice('gateway-'.length)
    const home = settings?.home ?? (profile === DEFAULT_PROFILE ? root : path.join(root, HomeFile.profiles, profile))
    const isEnabled = door.lstat(path.join(scan, name, 'down')) === undefined
    return [{name, scope: 'system', path: file, home, isEnabled, command: settings?.command ?? []} satisfies GatewayDefinition]
  })
}
