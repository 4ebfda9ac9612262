import type {Found, MachineFound, OwnerFound, ServiceFound} from '../../src/setup/found.js'
import {SETTINGS} from '../fakes/settings.js'

/** What `setup` finds for a plain user with one profile and no service yet, on a machine with systemd. */
const MACHINE: MachineFound = {
  ...{scopes: ['user', 'system'], isRoot: false, user: 'ann', accounts: [], account: 'ann', isOnlyAccount: false},
}
export const OWNER: OwnerFound = {
  account: 'ann',
  profiles: [{name: 'default', home: '/home/ann/.hermes', refused: undefined, installedIn: []}],
  profile: 'default',
  isOnlyProfile: false,
}
const SERVICE: ServiceFound = {
  ...{name: 'hermes-gateway.service', manager: 'systemd (user)', account: 'ann', installed: 'no', replacesForeign: false},
  ...{isMeantStopped: false, settings: undefined, startsAtBoot: false, canLinger: true, keptCommand: undefined},
  gateways: [{argv: ['/home/ann/.hermes/bin/hermes'], source: 'the launcher in the home'}],
  told: undefined,
  root: '/home/ann/.hermes',
  findings: [],
  repairs: [],
}

export function found(
  changed: {machine?: Partial<MachineFound>; owner?: Partial<OwnerFound>; service?: Partial<ServiceFound>} = {},
): Found {
  return {
    managers: ['systemd'],
    machine: {...MACHINE, ...changed.machine},
    owner: {...OWNER, ...changed.owner},
    service: {...SERVICE, ...changed.service},
  }
}

/** The service with what an installation has recorded. */
export const INSTALLED: Partial<ServiceFound> = {installed: 'own', settings: SETTINGS}
