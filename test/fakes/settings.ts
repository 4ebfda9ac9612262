import type {Service} from '../../src/service/service.js'
import {DEFAULT_RESTART_POLICY} from '../../src/service/restart-policy.js'
import {DEFAULT_HEARTBEAT, type ServiceSettings} from '../../src/service/settings.js'
import {USER} from './fake-host.js'

const HOME = '/home/user/.hermes'

/** The service of the default profile of `USER`. */
export const SERVICE: Service = {profile: {name: 'default', home: HOME, root: HOME}, name: 'hermes-gateway.service', account: USER}

/** The service of a named profile of `USER`. */
export function serviceOf(profile: string): Service {
  return {
    profile: {name: profile, home: `${HOME}/profiles/${profile}`, root: HOME},
    name: `hermes-gateway-${profile}.service`,
    account: USER,
  }
}

/** What an install of `SERVICE` records. */
export const SETTINGS: ServiceSettings = {
  schemaVersion: 1,
  scope: 'user',
  profile: 'default',
  home: HOME,
  account: 'user',
  command: ['/usr/bin/hermes'],
  commandIsGiven: false,
  createdDefinition: true,
  linger: true,
  turnedLingerOn: false,
  policy: DEFAULT_RESTART_POLICY,
  drainSec: 0,
  cronDrainSec: 30,
  heartbeat: DEFAULT_HEARTBEAT,
}
