import path from 'node:path'
import {DEFAULT_PROFILE} from '../../gateway/contract.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {Placement} from '../manager.js'
import {ownerIn, suffixOf} from '../two-scopes.js'
import {definitionPaths, jobName, scopeFolders} from './paths.js'
import {member, parsePlist} from './plist.js'
import type {Launchd} from './whereabouts.js'

/** See Placement. */
export function placement(launchd: Launchd): Placement {
  const {host, scope, account, files} = launchd
  return {
    serviceFor: (profile, whose) => ({profile, account: whose, name: jobName(suffixOf(host, profile, whose))}),
    defaultAccount: (profileName) => {
      if (scope === 'user') return account
      const label = jobName(profileName === DEFAULT_PROFILE ? '' : profileName)
      const text = readIfAllowed(files, path.join(scopeFolders('system', account).plists, `${label}.plist`))
      if (text === undefined) return undefined
      // Without UserName a daemon runs as root (launchd.plist(5)).
      const user = member(parsePlist(text), 'UserName')
      return host.accountOf(typeof user === 'string' ? user : 0)
    },
    owner: (service) => ownerIn(launchd, service),
    placesOf: (service) => {
      const {settings, supportFolder, stateFolder} = definitionPaths(scope, service)
      return {settings, restartDue: path.join(supportFolder, 'restart-due'), memory: stateFolder}
    },
    /** In system scope all accounts have one program of the tick. */
    sharedPlaces: (service) =>
      scope === 'user' ? [{kind: 'account', path: service.account.home}] : [{kind: 'machine', path: '/var/run/hermes-svc'}],
  }
}
