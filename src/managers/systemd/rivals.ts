import path from 'node:path'
import {isGatewayCommandLine, profileOfCommandLine} from '../../gateway/process.js'
import {type Account, type Host, HostError} from '../../host/host.js'
import type {GatewayDefinition, Scope} from '../manager.js'
import {scopeFolders} from './definition.js'

/**
 * The units of a scope on disk that run a gateway as an account, read as text: which of them systemd has loaded does not matter for what
 * the next boot brings. Each file is read once.
 */
export function gatewayDefinitions(host: Host, scope: Scope, account: Account): GatewayDefinition[] {
  const {units} = scopeFolders(scope, account)
  const enabled = new Set(['default.target.wants', 'multi-user.target.wants'].flatMap((folder) => namesIn(host, path.join(units, folder))))
  return namesIn(host, units).flatMap((name) => {
    if (!name.endsWith('.service')) return []
    const file = path.join(units, name)
    const text = readOrNothing(host, file)
    // Every gateway's command line has this word; most units of a machine have not.
    if (!text.includes('gateway')) return []
    const command = commandOf(text)
    if (!isGatewayCommandLine(command)) return []
    const owner = scope === 'user' ? account : ownerOf(host, text, account)
    if (owner?.uid !== account.uid) return []
    return [{name, scope, path: file, home: homeOf(host, text, command, account), isEnabled: enabled.has(name), command}]
  })
}

/** Whom a unit of the machine runs as: without User= it is root (systemd.exec(5)). */
function ownerOf(host: Host, text: string, account: Account): Account | undefined {
  const user = lastValue(text, 'User') || '0'
  if (user === account.name || user === String(account.uid)) return account
  return host.accountOf(/^\d+$/.test(user) ? Number(user) : user)
}

/** The words of the last ExecStart=, prefixes and quotes taken away. Good enough to tell a gateway; not for running it. */
function commandOf(text: string): string[] {
  const line = lastValue(text.replace(/\\\n/g, ' '), 'ExecStart')
  return [...line.replace(/^[-@:+!|]+/, '').matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double?.replace(/\\(["\\])/g, '$1') ?? single ?? plain ?? '',
  )
}

function homeOf(host: Host, text: string, command: readonly string[], account: Account): string {
  const [, quote, rest = ''] = [...text.matchAll(/^[ \t]*Environment[ \t]*=.*?(["']?)HERMES_HOME=(.*)$/gm)].at(-1) ?? []
  const named = (quote ? rest.slice(0, rest.indexOf(quote)) : (rest.split(/\s/)[0] ?? '')).replace(/%%/g, '%')
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

function lastValue(text: string, directive: string): string {
  return [...text.matchAll(new RegExp(`^[ \\t]*${directive}[ \\t]*=[ \\t]*(.*?)[ \\t]*$`, 'gm'))].at(-1)?.[1] ?? ''
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
