import path from 'node:path'
import {GatewayVariable} from '../../gateway/contract.js'
import {isGatewayCommandLine} from '../../gateway/process.js'
import {ancestorsIn} from '../../gateway/process-table.js'
import {accountDoor, ownerDoor} from '../../host/account-door.js'
import type {Account, Host} from '../../host/host.js'
import {listIfAllowed, readIfAllowed} from '../../host/tolerant-read.js'
import {homeOfDefinition} from '../../service/definition-home.js'
import {gatewayArgv} from '../../service/gateway-argv.js'
import {type Scope, SCOPES} from '../../service/service.js'
import {parseSettings} from '../../service/settings.js'
import type {GatewayDefinition, Rivals} from '../manager.js'
import {ownerIn} from '../two-scopes.js'
import {domainsOf} from './domain.js'
import {commandOf} from './evidence.js'
import {type Job, unloadStep} from './load.js'
import {scopeFolders} from './paths.js'
import {isOwn, member, parsePlist} from './plist.js'
import type {Launchd} from './whereabouts.js'

/** See Rivals. */
export function rivals(launchd: Launchd): Rivals {
  const {host, scope: own, account: whose, launchctl, where} = launchd
  return {
    definitions: (account) =>
      SCOPES.flatMap((scope) => {
        const domains = domainsOf(scope, account).map((domain) => where.disabled(domain))
        const isDisabled = (label: string) => domains.some((disabled) => disabled?.get(label) ?? false)
        return gatewayDefinitions(host, scope, account, isDisabled)
      }),
    isRunning: ({name, scope}, processes) => {
      const pids = domainsOf(scope, whose).map((domain) => where.pidOf(domain, name))
      return processes.gateways.some(({pid}) => [pid, ...ancestorsIn(processes, pid)].some((one) => pids.includes(one)))
    },
    /** Unloading ends the gateway; disabled, launchd does not load the job at the next login. All domains of a user go by one record. */
    end: ({name, path: plist}) => {
      const domains = domainsOf(own, whose)
      const job: Job = {label: name, plist, owner: ownerIn(launchd, {account: whose}) ?? {uid: 0, name: 'root'}}
      return [
        launchctl.step(`keep ${name} stopped after a reboot`, ['disable', `${domains[0]?.target}/${name}`]),
        ...domains.map((domain) =>
          unloadStep(`unload ${name} from ${domain.target}, which ends its gateway`, host, launchctl, domain, job),
        ),
      ]
    },
  }
}

/**
 * The property lists of a scope on disk that run a gateway as an account. `isDisabled`: what launchd's own records say of a label. Each
 * file is read once. Binary ones are passed over.
 */
function gatewayDefinitions(host: Host, scope: Scope, account: Account, isDisabled: (label: string) => boolean): GatewayDefinition[] {
  const {plists, support} = scopeFolders(scope, account)
  const files = ownerDoor(host, scope === 'user' ? account : undefined)
  return listIfAllowed(files, plists).flatMap((file) => {
    if (!file.endsWith('.plist')) return []
    const [name, place] = [file.slice(0, -'.plist'.length), path.join(plists, file)]
    const text = readIfAllowed(files, place) ?? ''
    const plist = parsePlist(text)
    // What ours runs is the launcher; what that runs stands in the settings.
    const settings = isOwn(text) ? parseSettings(readIfAllowed(files, path.join(support, name, 'settings.json'))) : undefined
    const command = settings ? gatewayArgv(settings.command, settings.profile, settings.home) : commandOf(text)
    if (!isGatewayCommandLine(command)) return []
    const user = member(plist, 'UserName')
    const owner = scope === 'user' ? account : host.accountOf(typeof user === 'string' ? user : 0)
    if (owner?.uid !== account.uid) return []
    const named = member(member(plist, 'EnvironmentVariables'), GatewayVariable.home)
    const home = homeOfDefinition(accountDoor(host, account), typeof named === 'string' ? named : '', command, account)
    return [{name, scope, path: place, home, isEnabled: !isDisabled(name), command}]
  })
}
