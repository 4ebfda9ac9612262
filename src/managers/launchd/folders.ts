import type {Scope, Service} from '../../service/service.js'
import path from 'node:path'
import type {Account, Door} from '../../host/host.js'
import type {Step} from '../../plan/plan.js'
import {definitionPaths, scopeFolders} from './render.js'
import {giveStep, logSteps} from './hand-over.js'

/**
 * See Manager.folderSteps. `as`: the account whose ids the definition is written with. In system scope the folders are root's, and the
 * service's account writes its state and its log.
 */
export function folderSteps(host: Door, scope: Scope, service: Service, as: Account | undefined): Step[] {
  const {supportFolder, stateFolder, log} = definitionPaths(scope, service)
  const {plists, support, logs} = scopeFolders(scope, service.account)
  const library = path.dirname(plists)
  const folders = [library, plists, path.dirname(support), support, supportFolder, path.dirname(logs), logs]
  const steps = folders.map((folder): Step => ({kind: 'make-folder', why: `make ${folder}`, path: folder, mode: 0o755, as}))
  steps.push({kind: 'make-folder', why: `make ${stateFolder}`, path: stateFolder, mode: 0o700, as})
  return scope === 'system' ? [...steps, giveStep(stateFolder, service.account), ...logSteps(host, log, service.account)] : steps
}
