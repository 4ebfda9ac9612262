import path from 'node:path'
import {ServiceError} from '../../errors.js'
import {GatewayVariable} from '../../gateway/contract.js'
import {isGatewayCommandLine} from '../../gateway/process.js'
import {accountDoor, ownerDoor} from '../../host/account-door.js'
import type {Account, Door, Host} from '../../host/host.js'
import {listIfAllowed, readIfAllowed} from '../../host/tolerant-read.js'
import {homeOfDefinition} from '../../service/definition-home.js'
import {type Scope, SCOPES} from '../../service/service.js'
import {shellWord} from '../../text/shell-quote.js'
import type {ByHand, GatewayDefinition, Rivals, Supervisor} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {disabling, isLinked} from './control.js'
import {scopeFolders} from './paths.js'
import {positive} from './show.js'
import {type UnitPlace, withoutSpecifiers} from './specifiers.js'
import {Systemctl, type Systemd} from './systemctl.js'
import {accountOfUnit, execStartOf, valuesOf, variableOfFiles} from './unit-file.js'

const HOME_IN_UNIT = new RegExp(`^[ \\t]*Environment[ \\t]*=.*?(["']?)${GatewayVariable.home}=(.*)$`, 'gm')

/** Folders of packages, in which few units are a gateway's: only those are read that are started at boot, or have upstream's name. */
const PACKAGE_FOLDERS = ['/usr/local/lib/systemd', '/usr/local/share/systemd', '/usr/share/systemd', '/usr/lib/systemd', '/lib/systemd']

/** The command by which a person has systemd do something to a unit. */
export function byHand(act: ByHand, name: string, scope: Scope): string {
  const words = {status: `status ${name}`, reload: 'daemon-reload', unmask: `unmask ${name}`, disable: `disable --now ${name}`}[act]
  return scope === 'user' ? `systemctl --user ${words}` : `sudo systemctl ${words}`
}

/** See Rivals. */
export function rivals(systemd: Systemd): Rivals {
  const {host, account: own, systemctl} = systemd
  return {
    definitions: (account) => orNoAccess(() => SCOPES.flatMap((scope) => gatewayDefinitions(host, scope, account))),
    isRunning: ({name, scope, account}, {gateways}) =>
      gateways.some(({cgroup}) => {
        const unit = unitOfGroup(cgroup)
        if (!cgroup?.split('/').includes(name) || unit === undefined) return false
        // Units of one name are as many as there are user managers.
        return unit.managerUid === (scope === 'user' ? (account ?? own).uid : undefined)
      }),
    end: ({name, path: file}) => {
      const why = `stop ${name} and disable it`
      if (!isLinked(systemd, file)) return [systemctl.change(why, ['disable', '--now', name])]
      return [systemctl.change(why, ['stop', name]), ...disabling(systemd, file)]
    },
    supervisorOf: ({pid, cgroup}, account) => {
      const unit = unitOfGroup(cgroup)
      if (unit === undefined) return undefined
      const {name, managerUid} = unit
      const scope = managerUid === undefined ? 'system' : 'user'
      // Of somebody else's user manager nothing more can be asked.
      if (managerUid !== undefined && managerUid !== account.uid) {
        const of = host.accountOf(managerUid)?.name ?? `#${managerUid}`
        const asThem = `sudo -u ${shellWord(of)} XDG_RUNTIME_DIR=/run/user/${managerUid}`
        return {name, scope, of, disable: `${asThem} ${byHand('disable', name, scope)}`}
      }
      const supervisor: Supervisor = {name, scope, disable: byHand('disable', name, scope)}
      try {
        const [shown = {}] = new Systemctl(host, scope, account).show(['Restart', 'MainPID'], [name])
        // What was started from a terminal's service, or such, ends when it is ended.
        return (shown.Restart ?? 'no') !== 'no' || positive(shown.MainPID) === pid ? supervisor : undefined
      } catch (error) {
        if (error instanceof ServiceError) return supervisor
        throw error
      }
    },
  }
}

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

/** The service that a control group is of, and whose user manager's it is; undefined for none, such as a login's. */
function unitOfGroup(cgroup: string | undefined): {name: string; managerUid: number | undefined} | undefined {
  const parts = cgroup?.split('/') ?? []
  const isManager = /^user@(\d+)\.service$/
  const managerAt = parts.findLastIndex((part) => isManager.test(part))
  const name = parts.slice(managerAt + 1).findLast((part) => part.endsWith('.service'))
  if (name === undefined) return undefined
  return {name, managerUid: managerAt < 0 ? undefined : Number(isManager.exec(parts[managerAt] ?? '')?.[1])}
}
