import type {Scope, Service} from '../../service/service.js'
import path from 'node:path'
import {ownerDoor} from '../../host/account-door.js'
import type {Account, Door, Host} from '../../host/host.js'
import {readIfAllowed, temporariesOf} from '../../host/tolerant-read.js'
import type {Step} from '../../plan/plan.js'
import {recordedSettings, wantingTick} from '../../service/recorded-settings.js'
import {orNoAccess} from '../no-access.js'
import {definitionPaths, scopeFolders} from './render.js'
import {heartbeatPaths} from './tick.js'
import {logFiles} from './logs.js'
import {isOwn} from './plist.js'

/** See Manager.leftovers. */
export function leftovers(host: Door, scope: Scope, service: Service, wanted: readonly string[]): string[] {
  const paths = definitionPaths(scope, service)
  return orNoAccess(() => {
    // We make no other folder in there than that of the state.
    const support = (host.list(paths.supportFolder) ?? [])
      .map((name) => path.join(paths.supportFolder, name))
      .filter((file) => host.lstat(file)?.kind !== 'folder')
    const interrupted = temporariesOf(host, paths.plist)
    return [...support, ...interrupted].filter((file) => !wanted.includes(file))
  })
}

/** See Manager.removeSteps. `as`: the account whose ids the definition was written with. */
export function removeSteps(host: Host, scope: Scope, service: Service, as: Account | undefined): Step[] {
  const paths = definitionPaths(scope, service)
  const door = ownerDoor(host, as)
  const isThere = (file: string) => door.lstat(file) !== undefined
  const isOurs = isOwn(readIfAllowed(door, paths.plist) ?? '')
  const files = [...(isOurs ? [paths.plist] : []), ...leftovers(door, scope, service, []), ...logFiles(door, paths.log)].filter(isThere)
  const {support, logs} = scopeFolders(scope, service.account)
  const folders = [paths.supportFolder, support, logs].filter(isThere)
  return [
    ...files.map((file): Step => ({kind: 'remove-file', why: `remove ${file}`, path: file, as})),
    ...(isThere(paths.stateFolder) ? removeState(paths.stateFolder, service.account, as) : []),
    ...folders.map((folder): Step => ({kind: 'remove-folder', why: `remove ${folder} if it is empty`, path: folder, as})),
  ]
}

/** Takes away what was left by a service that has never come up: what it remembers, and what it has said. */
export function removeTrace(host: Host, scope: Scope, service: Service): Step[] {
  const {stateFolder, log} = definitionPaths(scope, service)
  const as = scope === 'user' ? service.account : undefined
  const hadLog = ownerDoor(host, as).lstat(log) !== undefined
  const trace: Step = {kind: 'empty-folder', why: `remove what is in ${stateFolder}`, path: stateFolder, as: service.account}
  return [trace, ...(hadLog ? [] : [{kind: 'remove-file', why: `remove ${log}`, path: log, forGood: true, as} as const])]
}

/** Files of a service, and of a tick that no service wants any more. */
export function fileTraces(host: Door, scope: Scope, service: Service): string[] {
  const paths = definitionPaths(scope, service)
  const places = [paths.plist, paths.supportFolder, ...logFiles(host, paths.log), ...heartbeatTraces(host, scope, service)]
  return places.filter((file) => host.lstat(file) !== undefined)
}

/** What a stop leaves there is not there yet when it is planned. */
function removeState(stateFolder: string, account: Account, as: Account | undefined): Step[] {
  return [
    {kind: 'empty-folder', why: `remove what is in ${stateFolder}`, path: stateFolder, as: account},
    {kind: 'remove-folder', why: `remove ${stateFolder}`, path: stateFolder, as},
  ]
}

/** Files of the tick that no service wants any more. */
function heartbeatTraces(host: Door, scope: Scope, {account}: Service): string[] {
  const all = orNoAccess(() => recordedSettings(host, scopeFolders(scope, account).support))
  const {plist, entry, log} = heartbeatPaths(scope, account)
  if (wantingTick(all.values(), account).length > 0) return []
  return [plist, log, ...([...all.values()].some((settings) => settings.heartbeat.enabled) ? [] : [entry])]
}
