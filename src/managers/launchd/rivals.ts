import type {Scope} from '../../service/service.js'
import {GatewayVariable} from '../../gateway/contract.js'
import {accountDoor, ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import {isGatewayCommandLine} from '../../gateway/process.js'
import type {Account, Host} from '../../host/host.js'
import {listIfAllowed, readIfAllowed} from '../../host/tolerant-read.js'
import {homeOfDefinition} from '../../service/definition-home.js'
import {gatewayArgv} from '../../service/gateway-argv.js'
import {parseSettings} from '../../service/settings.js'
import type {GatewayDefinition} from '../manager.js'
import {scopeFolders} from './render.js'
import {commandOf} from './evidence.js'
import {isOwn, member, parsePlist} from './plist.js'

/**
 * The property lists of a scope on disk that run a gateway as an account. `isDisabled`: what launchd's own records say of a label. Each
 * file is read once. Binary ones are passed over.
 */
export function gatewayDefinitions(
  host: Host,
  scope: Scope,
  account: Account,
  isDisabled: (label: string) => boolean,
): GatewayDefinition[] {
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
