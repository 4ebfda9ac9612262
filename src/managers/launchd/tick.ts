import {ownerDoor} from '../../host/account-door.js'
import {onUndo} from '../../plan/plan.js'
import {findLastingNode} from '../../service/lasting-node.js'
import {recordedSettings} from '../../service/recorded-settings.js'
import type {Service} from '../../service/service.js'
import type {ServiceSettings} from '../../service/settings.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {definitionFile, isAsWanted, onDisk, removeFileStep, writeStep} from '../definition-file.js'
import {heartbeatOf, tickIntervalSec, type TickNow, tickProgram, tickPrograms} from '../heartbeat.js'
import type {DefinitionFile, HeartbeatOptions, Tick} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {ownerIn} from '../two-scopes.js'
import {commandOf} from './evidence.js'
import {logSteps} from './hand-over.js'
import {type Job, reloadStep, unloadStep} from './load.js'
import {heartbeatPaths, scopeFolders} from './paths.js'
import {DEFINITION_VARIABLE, isEdited, isOwn, member, parsePlist, renderPlist} from './plist.js'
import type {Launchd} from './whereabouts.js'

/** See Tick: one job for all services of an account. launchd notes no times. */
export function tick(launchd: Launchd): Tick {
  const {scope, files} = launchd
  return {
    ...heartbeatOf({
      recorded: () => recorded(launchd),
      nameOf: ({name}) => name,
      render: (service, wanting) => renderHeartbeat(launchd, service, wanting),
      now: (service, options) => now(launchd, service, options),
    }),
    programs: (account) => {
      const {entry, plist} = heartbeatPaths(scope, account)
      return tickPrograms(commandOf(readIfAllowed(files, plist) ?? '')[0], entry)
    },
  }
}

/** The settings of all services of the scope. */
export function recorded({scope, account, files}: Launchd): Map<string, ServiceSettings> {
  return orNoAccess(() => recordedSettings(files, scopeFolders(scope, account).support))
}

/** Renders the tick of an account whose services have these settings, all of which want it. Throws a ServiceError where no node lasts. */
async function renderHeartbeat(
  {host, files, scope, where}: Launchd,
  service: Service,
  wanting: readonly ServiceSettings[],
): Promise<DefinitionFile[]> {
  const {account} = service
  const domain = where.domain(service)
  const paths = heartbeatPaths(scope, account)
  const program = tickProgram(host, paths.entry)
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
    intervalSec: Math.ceil(tickIntervalSec(wanting)),
    logFile: paths.log,
  })
  return [program, definitionFile(paths.plist, text, {edited: isEdited(installed)})]
}

function now(launchd: Launchd, service: Service, {force = false}: HeartbeatOptions): TickNow {
  const {host, scope, launchctl, where} = launchd
  const {account} = service
  const paths = heartbeatPaths(scope, account)
  const domain = where.domain(service)
  const as = ownerIn(launchd, service)
  const door = ownerDoor(host, as)
  const job: Job = {label: paths.label, plist: paths.plist, owner: as ?? {uid: 0, name: 'root'}}
  const printed = launchctl.print(domain.target, paths.label)
  const isLoaded = typeof printed !== 'string'
  const isStale = isLoaded && printed.environment.get(DEFINITION_VARIABLE) !== definitionOf(door.readText(paths.plist))
  const end = unloadStep('stop the heartbeat', host, launchctl, domain, job)
  return {
    faults: !isLoaded
      ? [`${paths.label} is not loaded in ${domain.target}`]
      : isStale
        ? [`${paths.label} is loaded from an older property list`]
        : [],
    install: (files) => {
      const differing = files.filter((file) => (force || !file.edited) && !isAsWanted(door, file))
      const isToLoad = !isLoaded || isStale || differing.some((file) => file.path === paths.plist)
      const anew = reloadStep('start the heartbeat again with the new definition', host, launchctl, domain, job)
      const hadLog = door.lstat(paths.log) !== undefined
      const removeLog = hadLog ? [] : [removeFileStep(paths.log, as, true)]
      return [
        // Undoing goes backwards: first the files are as before, then launchd goes by them again.
        ...(isToLoad ? onUndo(isLoaded ? [anew] : [end, ...removeLog]) : []),
        ...(isToLoad && as === undefined && !hadLog ? logSteps(host, paths.log, account) : []),
        ...differing.map((file) => writeStep(file, as)),
        ...(isToLoad ? [anew] : []),
      ]
    },
    remove: (withProgram) => {
      const isOurs = isOwn(door.readText(paths.plist) ?? '')
      const files = onDisk(door, [...(isOurs ? [paths.plist] : []), ...(withProgram ? [paths.entry] : []), paths.log])
      return [
        ...(isLoaded ? [...onUndo([reloadStep('start the heartbeat again', host, launchctl, domain, job)]), end] : []),
        ...files.map((file) => removeFileStep(file, as)),
      ]
    },
  }
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
