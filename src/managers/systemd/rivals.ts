import {accountDoor, ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import {isGatewayCommandLine} from '../../gateway/process.js'
import type {Account, Host} from '../../host/host.js'
import {listIfAllowed, readIfAllowed} from '../../host/tolerant-read.js'
import {homeOfDefinition} from '../../service/definition-home.js'
import type {GatewayDefinition, Scope} from '../manager.js'
import {scopeFolders} from './definition.js'
import {execStartOf, valuesOf} from './exec-start.js'

/**
 * The units of a scope on disk that run a gateway as an account, read as text: which of them systemd has loaded does not matter for what
 * the next boot brings. Each file is read once.
 */
export function gatewayDefinitions(host: Host, scope: Scope, account: Account): GatewayDefinition[] {
  const {units} = scopeFolders(scope, account)
  const files = ownerDoor(host, scope === 'user' ? account : undefined)
  const enabled = new Set(
    ['default.target.wants', 'multi-user.target.wants'].flatMap((folder) => listIfAllowed(files, path.join(units, folder))),
  )
  return listIfAllowed(files, units).flatMap((name) => {
    if (!name.endsWith('.service')) return []
    const file = path.join(units, name)
    const text = readIfAllowed(files, file) ?? ''
    // Every gateway's command line has this word; most units of a machine have not.
    if (!text.includes('gateway')) return []
    const command = execStartOf([text]).words
    if (!isGatewayCommandLine(command)) return []
    const owner = scope === 'user' ? account : ownerOf(host, text, account)
    if (owner?.uid !== account.uid) return []
    return [
      {
        name,
        scope,
        path: file,
        home: homeOfDefinition(accountDoor(host, account), namedHome(text), command, account),
        isEnabled: enabled.has(name),
        command,
      },
    ]
  })
}

/** Whom a unit of the machine runs as: without User= it is root (systemd.exec(5)). */
function ownerOf(host: Host, text: string, account: Account): Account | undefined {
  const user = valuesOf(text, 'User').at(-1) || '0'
  if (user === account.name || user === String(account.uid)) return account
  return host.accountOf(/^\d+$/.test(user) ? Number(user) : user)
}

/** What the last line that sets it makes of HERMES_HOME; empty: none does. */
function namedHome(text: string): string {
  const [, quote, rest = ''] = [...text.matchAll(/^[ \t]*Environment[ \t]*=.*?(["']?)HERMES_HOME=(.*)$/gm)].at(-1) ?? []
  return (quote ? rest.slice(0, rest.indexOf(quote)) : (rest.split(/\s/)[0] ?? '')).replace(/%%/g, '%')
}
