import {DEFAULT_PROFILE, UpstreamCommand} from '../gateway/contract.js'
import {HostError} from '../host/host.js'
import type {Target} from '../observe/where.js'
import {INSTALL_HERMES, searchGateways} from '../service/gateway-command.js'
import {upstreamCommand} from '../service/upstream-command.js'
import {isFirstHomeOf} from './first-home.js'
import {ownCommand} from './own-command.js'

/**
 * What to type where a profile has no service yet, from where its user is: to get the gateway's program, a home, a chat, and the service, without what is
 * there. Reads only, and never throws for what it finds.
 */
export function howToBegin(target: Target): string[] {
  const {host, userHost, manager, service} = target
  const {profile, account} = service
  const typed = (words: string) => upstreamCommand(host, profile, account, words)
  const own = ownCommand(target, manager.installer ? 'install' : 'run')
  try {
    const isFound = searchGateways(host, profile.root, account, manager.container?.variable('PATH')).found.length > 0
    const isHomeThere = userHost.stat(profile.home) !== undefined
    if (isFound && (isHomeThere || (manager.installer && isFirstHomeOf(target)))) return [own]
    const root = {...profile, name: DEFAULT_PROFILE}
    const home =
      profile.name === DEFAULT_PROFILE
        ? typed(UpstreamCommand.setup)
        : `${upstreamCommand(host, root, account, UpstreamCommand.newProfile)} ${profile.name}`
    return [
      ...(isFound ? [] : [INSTALL_HERMES]),
      ...(isHomeThere && isFound ? [] : [`${home}   # creates its home`]),
      `${typed(UpstreamCommand.chats)}   # connects the gateway to a chat`,
      own,
    ]
  } catch (error) {
    if (error instanceof HostError) return [own]
    throw error
  }
}
