import path from 'node:path'
import type {Account, Door} from '../../host/host.js'
import {temporariesOf} from '../../host/tolerant-read.js'
import type {Step} from '../../plan/plan.js'
import type {Service} from '../../service/service.js'
import type {ServiceSettings} from '../../service/settings.js'
import {emptyFolderStep, makeFolderStep, removeFileStep, removeFolderStep} from '../definition-file.js'
import {unwantedTick} from '../heartbeat.js'
import type {Installer, ManagerObservation, Observer} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {ownerIn} from '../two-scopes.js'
import {noUserManager, waitForUserManager} from './bus.js'
import {reload} from './control.js'
import {endLinger, turnLingerOn} from './linger.js'
import {definitionPaths, heartbeatPaths, runtimeFolderOf} from './paths.js'
import type {Systemd} from './systemctl.js'
import {recorded} from './tick.js'

const USER_MANAGER_TIMEOUT_MS = 10_000

/** See Installer. */
export function installer(systemd: Systemd, seen: Observer): Installer {
  const {host, scope, account, files} = systemd
  return {
    prerequisites: (service, settings) => prerequisites(systemd, service, settings),
    folderSteps: (service) => {
      const {supportFolder, dropInFolder} = definitionPaths(scope, service)
      const around = scope === 'system' ? [] : ['.config', '.config/systemd', '.config/systemd/user']
      const folders = [...around.map((folder) => path.join(account.home, folder)), path.dirname(supportFolder), supportFolder, dropInFolder]
      return folders.map((folder) => makeFolderStep(folder, ownerIn(systemd, service)))
    },
    // systemctl enable ends with a reload (systemctl(1)).
    reload: ({isEnabledNext} = {isEnabledNext: false}) => (isEnabledNext ? [] : reload(systemd)),
    leftovers: (service, wanted) => leftovers(systemd, service, wanted),
    removeSteps: (observation) => removeSteps(systemd, observation),
    traces: (service) => {
      const {unit, dropInFolder, supportFolder} = definitionPaths(scope, service)
      const {timerFile, serviceFile, entry} = heartbeatPaths(scope, service.account)
      const tick = unwantedTick(recorded(systemd), service.account, [timerFile, serviceFile], entry)
      const places = [unit, dropInFolder, supportFolder, runtimeFolderOf(scope, service), ...tick]
      const [now] = seen.observe([service])
      const isKnown = now && (now.installed !== 'no' || now.activity !== 'stopped')
      return [
        ...places.filter((file) => files.lstat(file) !== undefined),
        ...(isKnown ? [`systemd (${scope}) still knows ${service.name} (${now.activity})`] : []),
      ]
    },
    afterUninstall: ({service, settings}) => (settings?.turnedLingerOn ? endLinger(host, scope, service) : []),
  }
}

function prerequisites({host, scope, systemctl}: Systemd, service: Service, {linger}: Pick<ServiceSettings, 'linger'>): Step[] {
  const {account} = service
  const steps = linger ? turnLingerOn(host, scope, service) : []
  if (systemctl.answers()) return steps
  if (!linger) throw noUserManager(host, account)
  return [...steps, waitForUserManager(host, account, USER_MANAGER_TIMEOUT_MS, () => systemctl.answers())]
}

function leftovers({files: host, scope}: Systemd, service: Service, wanted: readonly string[]): string[] {
  const {unit, dropIn, supportFolder} = definitionPaths(scope, service)
  return orNoAccess(() => {
    const support = (host.list(supportFolder) ?? []).map((name) => path.join(supportFolder, name))
    const interrupted = [unit, dropIn].flatMap((file) => temporariesOf(host, file))
    // We make no folder in there.
    return [...support, ...interrupted].filter((file) => !wanted.includes(file) && host.lstat(file)?.kind !== 'folder')
  })
}

function removeSteps(systemd: Systemd, {service, installed}: ManagerObservation): Step[] {
  const {files: host, scope} = systemd
  const as = ownerIn(systemd, service)
  const {unit, dropIn, dropInFolder, supportFolder} = definitionPaths(scope, service)
  // The unit first: our drop-in beside it is what tells that we created it, even if another tool has rewritten it since.
  const files = [...(installed === 'own' ? [unit] : []), dropIn, ...leftovers(systemd, service, [])]
  // systemd itself removes the folder when the service stops, but not during its delay before a restart, nor for a unit that goes on running, which is
  // ticked until it is known no more.
  const runtime = runtimeFolderOf(scope, service)
  const folders = [dropInFolder, supportFolder, runtime].filter((folder) => host.lstat(folder)?.kind === 'folder')
  // The folders around them go too if nobody else has anything in them.
  if (folders.length > 0) {
    folders.push(path.dirname(supportFolder))
    if (scope === 'user') folders.push(...ownFoldersAbove(host, unit, service.account))
  }
  return [
    ...files.filter((file) => host.lstat(file) !== undefined).map((file) => removeFileStep(file, as)),
    ...(folders.includes(runtime) ? [emptyFolderStep(runtime, service.account)] : []),
    ...folders.map((folder) => removeFolderStep(folder, as)),
  ]
}

/** The folders of a user's units, from the inside out. What is a link, or below one, is somebody's arrangement (stow, home-manager), and stays. */
function ownFoldersAbove(host: Door, unit: string, account: Account): string[] {
  const found: string[] = []
  for (let folder = path.dirname(unit); folder.startsWith(`${account.home}/.config/`); folder = path.dirname(folder)) {
    if (orNoAccess(() => host.lstat(folder)?.kind) !== 'folder') return []
    found.push(folder)
  }
  return found
}
