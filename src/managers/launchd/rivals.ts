import path from 'node:path'
import {isGatewayCommandLine, profileOfCommandLine} from '../../gateway/process.js'
import {type Account, type Host, HostError} from '../../host/host.js'
import {gatewayArgv} from '../../service/gateway-argv.js'
import {parseSettings} from '../../service/settings.js'
import type {GatewayDefinition, Scope} from '../manager.js'
import {scopeFolders} from './definition.js'
import {commandOf} from './life.js'
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
  return namesIn(host, plists).flatMap((file) => {
    if (!file.endsWith('.plist')) return []
    const [name, place] = [file.slice(0, -'.plist'.length), path.join(plists, file)]
    const text = readOrNothing(host, place)
    const plist = parsePlist(text)
    // What ours runs is the launcher; what that runs stands in the settings.
    const settings = isOwn(text) ? parseSettings(readOrNothing(host, path.join(support, name, 'settings.json'))) : undefined
    const command = settings ? gatewayArgv(settings.command, settings.profile) : commandOf(text)
    if (!isGatewayCommandLine(command)) return []
    const user = member(plist, 'UserName')
    const owner = scope === 'user' ? account : host.accountOf(typeof user === 'string' ? user : 0)
    if (owner?.uid !== account.uid) return []
    const named = member(member(plist, 'EnvironmentVariables'), 'HERMES_HOME')
    const home = homeOf(host, typeof named === 'string' ? named : '', command, account)
    return [{name, scope, path: place, home, isEnabled: !isDisabled(name), command}]
  })
}

function homeOf(host: Host, named: string, command: readonly string[], account: Account): string {
  const root = path.join(account.home, '.hermes')
  const profile = profileOfCommandLine(command)
  const home = named || (profile === undefined || profile === 'default' ? root : path.join(root, 'profiles', profile))
  try {
    return host.realPath(home) ?? home
  } catch (error) {
    if (error instanceof HostError) return home
    throw error
  }
}

function namesIn(host: Host, folder: string): string[] {
  try {
    return host.list(folder) ?? []
  } catch (error) {
    if (error instanceof HostError) return []
    throw error
  }
}

/** What may not be read says nothing. */
function readOrNothing(host: Host, file: string): string {
  try {
    return host.readText(file) ?? ''
  } catch (error) {
    if (error instanceof HostError) return ''
    throw error
  }
}
