import type {Scope, Service} from '../../service/service.js'
import path from 'node:path'
import type {Account, Door} from '../../host/host.js'
import {temporariesOf} from '../../host/tolerant-read.js'
import type {Step} from '../../plan/plan.js'
import type {ManagerObservation} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {runtimeFolder} from './bus.js'
import {definitionPaths, runtimeDirectoryName} from './render.js'

/** Where the helpers keep what they remember between two starts. */
export function runtimeFolderOf(scope: Scope, service: Service): string {
  return path.join(runtimeFolder(scope, service.account), runtimeDirectoryName(service))
}

/** See Manager.leftovers. */
export function leftovers(host: Door, scope: Scope, service: Service, wanted: readonly string[]): string[] {
  const {unit, dropIn, supportFolder} = definitionPaths(scope, service)
  return orNoAccess(() => {
    const support = (host.list(supportFolder) ?? []).map((name) => path.join(supportFolder, name))
    const interrupted = [unit, dropIn].flatMap((file) => temporariesOf(host, file))
    // We make no folder in there.
    return [...support, ...interrupted].filter((file) => !wanted.includes(file) && host.lstat(file)?.kind !== 'folder')
  })
}

/** See Manager.removeSteps. `as`: the account whose ids the definition was written with. */
export function removeSteps(host: Door, scope: Scope, {service, installed, settings}: ManagerObservation, as: Account | undefined): Step[] {
  const {unit, dropIn, dropInFolder, supportFolder} = definitionPaths(scope, service)
  // The unit first: our drop-in beside it is what tells that we created it, even if another tool has rewritten it since.
  const isCreated = installed === 'own' || (settings?.createdDefinition && installed !== 'foreign')
  const files = [...(isCreated ? [unit] : []), dropIn, ...leftovers(host, scope, service, [])]
  // systemd itself removes the folder when the service stops, but not during its delay before a restart, nor for a unit that goes on running.
  const runtime = runtimeFolderOf(scope, service)
  const remembered = orNoAccess(() => host.list(runtime) ?? []).map((name) => path.join(runtime, name))
  const folders = [dropInFolder, supportFolder, runtime].filter((folder) => host.lstat(folder)?.kind === 'folder')
  // The folders around them go too if nobody else has anything in them.
  if (folders.length > 0) {
    folders.push(path.dirname(supportFolder))
    if (scope === 'user') folders.push(...ownFoldersAbove(host, unit, service.account))
  }
  return [
    ...files
      .filter((file) => host.lstat(file) !== undefined)
      .map((file): Step => ({kind: 'remove-file', why: `remove ${file}`, path: file, as})),
    ...remembered.map((file): Step => ({kind: 'remove-file', why: `remove ${file}`, path: file, as: service.account})),
    ...folders.map((folder): Step => ({kind: 'remove-folder', why: `remove ${folder} if it is empty`, path: folder, as})),
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
