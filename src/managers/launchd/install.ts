import path from 'node:path'
import type {Door} from '../../host/host.js'
import {readIfAllowed, temporariesOf} from '../../host/tolerant-read.js'
import {onUndo, type Step} from '../../plan/plan.js'
import type {Service} from '../../service/service.js'
import {emptyFolderStep, makeFolderStep, removeFileStep, removeFolderStep} from '../definition-file.js'
import {unwantedTick} from '../heartbeat.js'
import type {Control, Installer} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {ownerIn} from '../two-scopes.js'
import {giveStep, logSteps} from './hand-over.js'
import {logFilesOf} from './logs.js'
import {definitionPaths, heartbeatPaths, scopeFolders} from './paths.js'
import {isOwn} from './plist.js'
import {recorded} from './tick.js'
import type {Launchd} from './whereabouts.js'

/** See Installer. There is no `reload`: launchd goes by a changed property list only once the job was unloaded and loaded again. */
export function installer(launchd: Launchd, controls: Control): Installer {
  const {scope, files, launchctl, where} = launchd
  return {
    prerequisites: (service) => {
      // Throws where there is none.
      const domain = where.domain(service)
      if (orNoAccess(() => files.lstat(definitionPaths(scope, service).plist) !== undefined)) return []
      // What the launcher leaves of a service that then never was would keep its folders from being removed.
      const trace = removeTrace(launchd, service)
      // What is undone before this disables it, and launchd would remember that.
      return onUndo([...(launchctl.disabled(domain.target).get(service.name) ? [] : controls.enable(service)), ...trace])
    },
    folderSteps: (service) => folderSteps(launchd, service),
    leftovers: (service, wanted) => leftovers(files, launchd, service, wanted),
    removeSteps: ({service}) => removeSteps(launchd, service),
    traces: (service) => {
      const paths = definitionPaths(scope, service)
      const {plist, entry, log} = heartbeatPaths(scope, service.account)
      const tick = unwantedTick(recorded(launchd), service.account, [plist, log], entry)
      const places = [paths.plist, paths.supportFolder, ...logFilesOf(files, paths.log), ...tick]
      const {loaded} = where.find(service, undefined)
      const known = loaded ? [`${loaded.domain.target} still knows ${service.name} (${loaded.printed.state})`] : []
      return [...places.filter((file) => files.lstat(file) !== undefined), ...known]
    },
    /** launchd never forgets a disable by itself: whoever installed a job of that name again could not load it. */
    afterUninstall: ({service, installed, settings}) => {
      // Of one that was uninstalled half-way the settings may be all that is left.
      if (installed !== 'own' && (installed !== 'no' || settings === undefined)) return []
      const words = ['enable', `${where.domain(service).target}/${service.name}`]
      return [{...launchctl.step('make launchd forget that the service was disabled', words), mayFail: true}]
    },
  }
}

/** In system scope the folders are root's, and the service's account writes its state and its log. */
function folderSteps(launchd: Launchd, service: Service): Step[] {
  const {files, scope} = launchd
  const as = ownerIn(launchd, service)
  const {supportFolder, stateFolder, log} = definitionPaths(scope, service)
  const {plists, support, logs} = scopeFolders(scope, service.account)
  const folders = [path.dirname(plists), plists, path.dirname(support), support, supportFolder, path.dirname(logs), logs]
  const steps = [...folders.map((folder) => makeFolderStep(folder, as)), makeFolderStep(stateFolder, as, 0o700)]
  return scope === 'system' ? [...steps, giveStep(stateFolder, service.account), ...logSteps(files, log, service.account)] : steps
}

function leftovers(host: Door, {scope}: Launchd, service: Service, wanted: readonly string[]): string[] {
  const paths = definitionPaths(scope, service)
  return orNoAccess(() => {
    // We make no other folder in there than that of the state.
    const support = (host.list(paths.supportFolder) ?? [])
      .map((name) => path.join(paths.supportFolder, name))
      .filter((file) => host.lstat(file)?.kind !== 'folder')
    return [...support, ...temporariesOf(host, paths.plist)].filter((file) => !wanted.includes(file))
  })
}

function removeSteps(launchd: Launchd, service: Service): Step[] {
  const {files: door, scope} = launchd
  const as = ownerIn(launchd, service)
  const paths = definitionPaths(scope, service)
  const isThere = (file: string) => door.lstat(file) !== undefined
  const isOurs = isOwn(readIfAllowed(door, paths.plist) ?? '')
  const files = [...(isOurs ? [paths.plist] : []), ...leftovers(door, launchd, service, []), ...logFilesOf(door, paths.log)]
  const {support, logs} = scopeFolders(scope, service.account)
  return [
    ...files.filter(isThere).map((file) => removeFileStep(file, as)),
    ...(isThere(paths.stateFolder) ? [emptyFolderStep(paths.stateFolder, service.account), removeFolderStep(paths.stateFolder, as)] : []),
    ...[paths.supportFolder, support, logs].filter(isThere).map((folder) => removeFolderStep(folder, as)),
  ]
}

/** Takes away what was left by a service that has never come up: what it remembers, and what it has said. */
function removeTrace(launchd: Launchd, service: Service): Step[] {
  const {stateFolder, log} = definitionPaths(launchd.scope, service)
  const hadLog = launchd.files.lstat(log) !== undefined
  return [emptyFolderStep(stateFolder, service.account), ...(hadLog ? [] : [removeFileStep(log, ownerIn(launchd, service), true)])]
}
