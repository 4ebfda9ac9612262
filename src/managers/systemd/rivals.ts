import type {Scope} from '../../service/service.js'
import {GatewayVariable} from '../../gateway/contract.js'
import {accountDoor, ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import {isGatewayCommandLine} from '../../gateway/process.js'
import type {Account, Door, Host} from '../../host/host.js'
import {listIfAllowed, readIfAllowed} from '../../host/tolerant-read.js'
import {homeOfDefinition} from '../../service/definition-home.js'
import type {GatewayDefinition} from '../manager.js'
import {accountOfUnit, scopeFolders} from './render.js'
import {execStartOf, valuesOf} from './exec-start.js'
import {type UnitPlace, withoutSpecifiers} from './specifiers.js'

const HOME_IN_UNIT = new RegExp(`^[ \\t]*Environment[ \\t]*=.*?(["']?)${GatewayVariable.home}=(.*)$`, 'gm')

/** Folders of packages, in which few units are a gateway's: only those are read that are started at boot, or have upstream's name. */
const PACKAGE_FOLDERS = ['/usr/local/lib/systemd', '/usr/local/share/systemd', '/usr/share/systemd', '/usr/lib/systemd', '/lib/systemd']

/**
 * The units of a scope on disk that run a gateway as an account, read as text: which of them systemd has loaded does not matter for what
 * the next boot brings. Each file is read once. The folders are those of systemd.unit(5) that last, in their order; instances of a template
 * are units of their own.
 */
export function gatewayDefinitions(host: Host, scope: Scope, account: Account): GatewayDefinition[] {
  const files = ownerDoor(host, scope === 'user' ? account : undefined)
  const own = ownFolders(scope, account)
  const folders = [...own, ...PACKAGE_FOLDERS.map((folder) => path.join(folder, scope))]
  const listed = folders.map((folder) => ({folder, names: listIfAllowed(files, folder)}))
  const enabled = new Set(
    listed.flatMap(({folder, names}) =>
      names.filter((name) => /\.(wants|requires|upholds)$/.test(name)).flatMap((name) => listIfAllowed(files, path.join(folder, name))),
    ),
  )
  const found = new Map<string, GatewayDefinition | undefined>()
  const add = (folder: string, file: string, name: string) => {
    // Of two files of one name the first one counts.
    if (!found.has(name)) found.set(name, definitionOf(host, path.join(folder, file), {scope, account, name}, enabled.has(name)))
  }
  for (const {folder, names} of listed) {
    const isPackages = !own.includes(folder)
    for (const name of names) {
      if (!name.endsWith('.service')) continue
      if (name.endsWith('@.service')) {
        const instances = [...enabled].filter((one) => one.endsWith('.service') && one.startsWith(name.slice(0, -'.service'.length)))
        for (const instance of instances) add(folder, name, instance)
      } else if (!isPackages || enabled.has(name) || name.startsWith('hermes')) {
        add(folder, name, name)
      }
    }
  }
  return [...found.values()].filter((definition) => definition !== undefined)
}

/** Where the machine's administrator and the account itself put units. */
function ownFolders(scope: Scope, account: Account): string[] {
  const {units} = scopeFolders(scope, account)
  return scope === 'system' ? [units] : [units, '/etc/systemd/user', path.join(account.home, '.local/share/systemd/user')]
}

/** A unit that runs a gateway as its account; `isHomeNamed`: it says itself in which home. Undefined for any other unit, and for none. */
export function definitionOf(
  host: Host,
  file: string,
  place: UnitPlace,
  isEnabled = false,
): (GatewayDefinition & {readonly isHomeNamed: boolean}) | undefined {
  const files = ownerDoor(host, place.scope === 'user' ? place.account : undefined)
  const text = readIfAllowed(files, file) ?? ''
  // Every gateway's command line has this word; most units of a machine have not.
  if (!text.includes('gateway')) return undefined
  const {scope, account, name} = place
  const command = execStartOf([text], place).words
  if (!isGatewayCommandLine(command)) return undefined
  const owner = scope === 'user' ? account : accountOfUnit(host, text, place)
  if (owner?.uid !== account.uid) return undefined
  const named = namedHome(files, text, place)
  const home = homeOfDefinition(accountDoor(host, account), named, command, account)
  return {name, scope, account, path: file, home, isEnabled, command, isHomeNamed: named !== ''}
}

/** What the unit makes of HERMES_HOME; empty: nothing. Of several lines the last one counts, and files before lines (systemd.exec(5)). */
function namedHome(reader: Door, text: string, place: UnitPlace): string {
  const files = valuesOf(text, 'EnvironmentFile').flatMap((value) => withoutSpecifiers(value.replace(/^-/, ''), place) ?? [])
  const inFile = variableOfFiles(reader, files, GatewayVariable.home)
  if (inFile !== undefined) return inFile
  const [, quote, rest = ''] = [...text.matchAll(HOME_IN_UNIT)].at(-1) ?? []
  const value = quote ? rest.slice(0, rest.indexOf(quote)) : (rest.split(/\s/)[0] ?? '')
  return withoutSpecifiers(value, place) ?? value
}

/** The value that the last of these files to set a variable gives it (EnvironmentFile=, systemd.exec(5)); undefined if none does, or may be read. */
export function variableOfFiles(host: Door, files: readonly string[], name: string): string | undefined {
  for (const file of files.toReversed()) {
    const line = [...(readIfAllowed(host, file) ?? '').matchAll(new RegExp(`^[ \\t]*${name}[ \\t]*=[ \\t]*(.*)$`, 'gm'))].at(-1)?.[1]
    if (line !== undefined) return /^(["'])(.*)\1[ \t]*$/.exec(line)?.[2] ?? line.trimEnd()
  }
  return undefined
}
