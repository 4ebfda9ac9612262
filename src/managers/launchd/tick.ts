import type {Scope} from '../../service/service.js'
import {ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import type {Account, Door, Host} from '../../host/host.js'
import {temporariesOf} from '../../host/tolerant-read.js'
import {onUndo, type Step} from '../../plan/plan.js'
import {findLastingNode} from '../../service/lasting-node.js'
import type {ServiceSettings} from '../../service/settings.js'
import {isAsWanted} from '../as-wanted.js'
import type {DefinitionFile} from '../manager.js'
import {scopeFolders} from './render.js'
import type {Domain} from './domain.js'
import {logSteps} from './hand-over.js'
import type {Launchctl} from './launchctl.js'
import {type Job, reloadStep, unloadStep} from './load.js'
import {DEFINITION_VARIABLE, isEdited, isOwn, member, parsePlist, renderPlist} from './plist.js'

const LABEL = 'ai.hermes-svc.heartbeat'
/** The built tick, below the package's root. */
const BUILT_ENTRY = 'dist/heartbeat.cjs'

/** The job and files that tick all services of one account in one scope. */
export interface HeartbeatPaths {
  readonly label: string
  readonly plist: string
  /** The program; in system scope one for all accounts. */
  readonly entry: string
  readonly log: string
}

export function heartbeatPaths(scope: Scope, account: Account): HeartbeatPaths {
  const {plists, support, logs} = scopeFolders(scope, account)
  const label = scope === 'system' ? `${LABEL}-${account.name}` : LABEL
  return {
    label,
    plist: path.join(plists, `${label}.plist`),
    entry: path.join(support, 'heartbeat.cjs'),
    log: path.join(logs, `${label}.log`),
  }
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
  domain: Domain,
): Promise<DefinitionFile[]> {
  const paths = heartbeatPaths(scope, account)
  const program = host.readText(path.join(host.packageRoot, BUILT_ENTRY))
  if (program === undefined) throw new Error(`the package is incomplete: ${BUILT_ENTRY} is missing`)
  const installed = files.readText(paths.plist) ?? ''
  const node = findLastingNode(host, account, installedNode(installed))
  const text = await renderPlist(host, 'launchd/heartbeat.plist.ejs', {
    label: paths.label,
    arguments: [node, paths.entry, 'launchd'],
    // The node above needs none; tools that the tick may call are looked for here.
    environment: [
      ['HOME', account.home],
      ['PATH', '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'],
    ],
    user: scope === 'system' ? account.name : '',
    sessionType: domain.sessionType ?? '',
    intervalSec: Math.ceil(Math.min(...wanting.map((settings) => settings.heartbeat.intervalSec))),
    logFile: paths.log,
  })
  const file = (name: string, content: string): DefinitionFile => ({
    path: name,
    text: content,
    mode: 0o644,
    secret: false,
    isProgram: false,
    needsRestart: false,
    edited: false,
  })
  return [
    {...file(paths.entry, program), isProgram: true},
    {...file(paths.plist, text), edited: isEdited(installed)},
  ]
}

/** How the tick's job is brought from what it is to what it should be. */
export interface HeartbeatChange {
  readonly host: Host
  readonly launchctl: Launchctl
  readonly paths: HeartbeatPaths
  /** Where it is loaded, or is to be. */
  readonly domain: Domain
  /** Whose property list it is: the owner that it must have. */
  readonly owner: Job['owner']
  /** The account whose ids files are written with; undefined in system scope. */
  readonly as: Account | undefined
  /** Whose services it ticks. */
  readonly account: Account
}

/** Why launchd does not tick, or not as the property list says. */
export function jobFaults({host, launchctl, paths, domain}: HeartbeatChange): string[] {
  const printed = launchctl.print(domain.target, paths.label)
  if (typeof printed === 'string') return [`${paths.label} is not loaded in ${domain.target}`]
  const isStale = printed.environment.get(DEFINITION_VARIABLE) !== definitionOf(host.readText(paths.plist))
  return isStale ? [`${paths.label} is loaded as another property list said`] : []
}

/** Steps that write what differs, and have the job loaded from it. Nothing if all is so already. */
export function installSteps(files: readonly DefinitionFile[], force: boolean, wanted: HeartbeatChange): Step[] {
  const {host, launchctl, paths, domain, as, account} = wanted
  const door = ownerDoor(host, as)
  const differing = files.filter((file) => (force || !file.edited) && !isAsWanted(door, file))
  const printed = launchctl.print(domain.target, paths.label)
  const isLoaded = typeof printed !== 'string'
  const onDisk = definitionOf(door.readText(paths.plist))
  const isStale = isLoaded && printed.environment.get(DEFINITION_VARIABLE) !== onDisk
  const isPlistNew = differing.some((file) => file.path === paths.plist)
  const reload = reloadStep('tick as the definition says', host, launchctl, domain, jobOf(wanted))
  const isToLoad = !isLoaded || isStale || isPlistNew
  const end = unloadStep(END, host, launchctl, domain, jobOf(wanted))
  const hadLog = door.lstat(paths.log) !== undefined
  const removeLog: Step[] = hadLog ? [] : [{kind: 'remove-file', why: `remove ${paths.log}`, path: paths.log, forGood: true, as}]
  return [
    // Undoing goes backwards: first the files are as before, then launchd goes by them again.
    ...(isToLoad ? onUndo(isLoaded ? [reload] : [end, ...removeLog]) : []),
    ...(isToLoad && as === undefined && !hadLog ? logSteps(host, paths.log, account) : []),
    ...differing.map(
      ({path: name, text, mode, isProgram}): Step => ({kind: 'write-file', why: `write ${name}`, path: name, text, mode, isProgram, as}),
    ),
    ...(isToLoad ? [reload] : []),
  ]
}

/** Steps that end the tick and take its job away; `withEntry`: its program too. Nothing if there is nothing. */
export function removalSteps(withEntry: boolean, wanted: HeartbeatChange): Step[] {
  const {launchctl, paths, domain, as} = wanted
  const host = ownerDoor(wanted.host, as)
  const isThere = (file: string) => host.lstat(file) !== undefined
  const withTemporary = (names: readonly string[]) => names.flatMap((file) => [...[file].filter(isThere), ...temporariesOf(host, file)])
  const isOurs = isOwn(host.readText(paths.plist) ?? '')
  const files = withTemporary([...(isOurs ? [paths.plist] : []), ...(withEntry ? [paths.entry] : []), paths.log])
  const isLoaded = typeof launchctl.print(domain.target, paths.label) !== 'string'
  return [
    ...(isLoaded ? onUndo([reloadStep('start the heartbeat again', wanted.host, launchctl, domain, jobOf(wanted))]) : []),
    ...(isLoaded ? [unloadStep(END, wanted.host, launchctl, domain, jobOf(wanted))] : []),
    ...files.map((file): Step => ({kind: 'remove-file', why: `remove ${file}`, path: file, as})),
  ]
}

const END = 'end the heartbeat'

function jobOf({paths, owner}: HeartbeatChange): Job {
  return {label: paths.label, plist: paths.plist, owner}
}

function definitionOf(plist: string | undefined): string | undefined {
  const value = plist === undefined ? undefined : member(member(parsePlist(plist), 'EnvironmentVariables'), DEFINITION_VARIABLE)
  return typeof value === 'string' ? value : undefined
}

/** The node of the job that is there, so that another one which happens to run this command changes nothing. */
function installedNode(plist: string): string | undefined {
  const node = [member(parsePlist(plist), 'ProgramArguments')].flat()[0]
  return typeof node === 'string' && isOwn(plist) ? node : undefined
}
