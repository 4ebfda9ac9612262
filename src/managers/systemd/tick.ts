import type {Scope} from '../../service/service.js'
import path from 'node:path'
import type {Account, Door, Host} from '../../host/host.js'
import {temporariesOf} from '../../host/tolerant-read.js'
import {onUndo, type RunStep, type Step} from '../../plan/plan.js'
import {findLastingNode} from '../../service/lasting-node.js'
import {OWN_PREFIX} from '../../service/naming.js'
import type {ServiceSettings} from '../../service/settings.js'
import {renderTemplate} from '../../service/template.js'
import {isAsWanted} from '../as-wanted.js'
import type {DefinitionFile, TickState} from '../manager.js'
import {isEdited, scopeFolders, stamped} from './render.js'
import {execWord, freeText} from './escape.js'
import type {Properties} from './show.js'

/** The built tick, below the package's root. */
const BUILT_ENTRY = 'dist/heartbeat.cjs'
/** How soon after its start the timer ticks first. */
const FIRST_MS = 1000
const MOST_INACCURATE_MS = 1000

/** The units and files that tick all services of one account in one scope. */
export interface HeartbeatPaths {
  readonly timer: string
  readonly service: string
  readonly timerFile: string
  readonly serviceFile: string
  /** The program; in system scope one for all accounts. */
  readonly entry: string
}

export function heartbeatPaths(scope: Scope, account: Account): HeartbeatPaths {
  const {units, support} = scopeFolders(scope, account)
  const name = `${OWN_PREFIX}heartbeat${scope === 'system' ? `-${unitNamePart(account.name)}` : ''}`
  const [timer, service] = [`${name}.timer`, `${name}.service`]
  const [timerFile, serviceFile] = [path.join(units, timer), path.join(units, service)]
  return {timer, service, timerFile, serviceFile, entry: path.join(support, 'heartbeat.cjs')}
}

/**
 * Renders the tick of an account whose services have these settings, all of which want it: as often as the most demanding asks for.
 * Throws a ServiceError where no node lasts.
 */
export async function renderHeartbeat(
  host: Host,
  files: Door,
  scope: Scope,
  account: Account,
  wanting: readonly ServiceSettings[],
): Promise<DefinitionFile[]> {
  const paths = heartbeatPaths(scope, account)
  const program = host.readText(path.join(host.packageRoot, BUILT_ENTRY))
  if (program === undefined) throw new Error(`the package is incomplete: ${BUILT_ENTRY} is missing`)
  const node = findLastingNode(host, account, installedNode(files, paths.serviceFile))
  const intervalMs = Math.min(...wanting.map((settings) => settings.heartbeat.intervalSec)) * 1000
  const service = await renderTemplate(host, 'systemd/heartbeat.service.ejs', {
    account: freeText(account.name),
    user: scope === 'system' ? freeText(account.name) : '',
    group: scope === 'system' ? String(account.gid) : '',
    command: [node, paths.entry].map(execWord).join(' '),
  })
  const timer = await renderTemplate(host, 'systemd/heartbeat.timer.ejs', {
    account: freeText(account.name),
    first: span(FIRST_MS),
    interval: span(intervalMs),
    accuracy: span(Math.min(MOST_INACCURATE_MS, intervalMs / 10)),
  })
  const file = (name: string, text: string): DefinitionFile => ({
    path: name,
    text,
    mode: 0o644,
    secret: false,
    isProgram: false,
    needsRestart: false,
    edited: isEdited(files.readText(name) ?? ''),
  })
  const units = [file(paths.serviceFile, stamped(service)), file(paths.timerFile, stamped(timer))]
  return [{...file(paths.entry, program), isProgram: true}, ...units]
}

/** The units of a tick, in the order in which `tickState` takes what systemd says of them. */
export function tickUnits({timer, service}: HeartbeatPaths): readonly [string, string] {
  return [timer, service]
}

/** What `tickState` needs to be told. */
export const TICK_PROPERTIES = ['UnitFileState', 'ActiveState', 'NeedDaemonReload']

/** Reads what systemd says of the units of a tick; of none, nothing is active. */
export function tickState(shown: readonly Properties[]): TickState {
  return {
    isEnabled: shown[0]?.UnitFileState === 'enabled',
    isActive: shown[0]?.ActiveState === 'active',
    needsReload: shown.some((unit) => unit.NeedDaemonReload === 'yes'),
  }
}

/** How the tick's units are brought from what they are to what they should be; `change` makes a call of systemctl. */
export interface HeartbeatChange {
  readonly paths: HeartbeatPaths
  readonly timer: TickState
  readonly as: Account | undefined
  readonly change: (why: string, words: readonly string[]) => RunStep
}

/** Why systemd does not tick, or not as the units on disk say. */
export function timerFaults({paths, timer}: HeartbeatChange): string[] {
  return [
    ...(timer.isEnabled ? [] : [`${paths.timer} is not enabled`]),
    ...(timer.isActive ? [] : [`${paths.timer} is not active`]),
    ...(timer.needsReload ? [`${paths.timer} was changed on disk, and systemd has not read it since`] : []),
  ]
}

/** Steps that write what differs, and have the timer run. Nothing if all is so already. */
export function installSteps(host: Door, files: readonly DefinitionFile[], force: boolean, wanted: HeartbeatChange): Step[] {
  const {paths, timer, as, change} = wanted
  const differing = files.filter((file) => (force || !file.edited) && !isAsWanted(host, file))
  const isTimerNew = timer.needsReload || differing.some((file) => file.path === paths.timerFile)
  const restart = change('tick from now on at the new interval', ['restart', paths.timer])
  const reload = change('have systemd read the heartbeat', ['daemon-reload'])
  const units = timer.needsReload || differing.some((file) => !file.isProgram)
  return [
    // Undoing goes backwards: first the units are as before, then systemd reads them, then the timer runs by them.
    ...(isTimerNew && timer.isActive ? onUndo([restart]) : []),
    ...(units ? onUndo([reload]) : []),
    ...differing.map(
      ({path: name, text, mode, isProgram}): Step => ({kind: 'write-file', why: `write ${name}`, path: name, text, mode, isProgram, as}),
    ),
    ...(units ? [reload] : []),
    ...(timer.isEnabled && timer.isActive
      ? isTimerNew
        ? [restart]
        : []
      : [
          ...onUndo([change('end the heartbeat', timer.isEnabled ? ['stop', paths.timer] : ['disable', '--now', paths.timer])]),
          change('start the heartbeat, now and at every boot', ['enable', '--now', paths.timer]),
        ]),
  ]
}

/** Steps that end the tick and take its units away; `withEntry`: its program too. Nothing if there is nothing. */
export function removalSteps(host: Door, withEntry: boolean, {paths, timer, as, change}: HeartbeatChange): Step[] {
  const isThere = (file: string) => host.lstat(file) !== undefined
  const onDisk = (names: readonly string[]) => names.flatMap((file) => [...[file].filter(isThere), ...temporariesOf(host, file)])
  const units = onDisk([paths.timerFile, paths.serviceFile])
  const files = [...units, ...(withEntry ? onDisk([paths.entry]) : [])]
  const reload = change('have systemd forget the heartbeat', ['daemon-reload'])
  const forget: RunStep = {...change('reset a failed state of the heartbeat', ['reset-failed', paths.service]), mayFail: true}
  const wasOn = timer.isEnabled || timer.isActive
  return [
    ...(wasOn ? onUndo([change('start the heartbeat again', [...(timer.isEnabled ? ['enable', '--now'] : ['start']), paths.timer])]) : []),
    ...(units.length > 0 ? onUndo([reload]) : []),
    ...(wasOn ? [change('end the heartbeat', ['disable', '--now', paths.timer])] : []),
    ...(units.length > 0 ? [{...change('end a tick that is under way', ['stop', paths.service]), mayFail: true}] : []),
    ...files.map((file): Step => ({kind: 'remove-file', why: `remove ${file}`, path: file, as})),
    ...(units.length > 0 ? [reload, forget] : []),
  ]
}

/** A time as systemd.time(7) writes it. */
function span(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

/** The node of the unit that is there, so that another one which happens to run this command changes nothing. */
export function installedNode(host: Door, serviceFile: string): string | undefined {
  return /^ExecStart=:"(\/[^"\\%]*)" /m.exec(host.readText(serviceFile) ?? '')?.[1]
}

/**
 * A name as a part of a unit's name: what may not stand there, and "@", which would make it an instance, as systemd-escape(1) writes
 * it.
 */
function unitNamePart(name: string): string {
  return Buffer.from(name)
    .toString('latin1')
    .replace(/[^A-Za-z0-9_.-]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
