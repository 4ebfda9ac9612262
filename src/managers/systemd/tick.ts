import path from 'node:path'
import type {Door} from '../../host/host.js'
import {onUndo, type RunStep} from '../../plan/plan.js'
import {findLastingNode} from '../../service/lasting-node.js'
import {recordedSettings} from '../../service/recorded-settings.js'
import type {Service} from '../../service/service.js'
import type {ServiceSettings} from '../../service/settings.js'
import {renderTemplate} from '../../service/template.js'
import {definitionFile, isAsWanted, onDisk, removeFileStep, writeStep} from '../definition-file.js'
import {heartbeatOf, tickIntervalSec, type TickNow, tickProgram, tickPrograms} from '../heartbeat.js'
import type {DefinitionFile, HeartbeatOptions, Tick, TickState} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {ownerIn} from '../two-scopes.js'
import {execWord, freeText} from './escape.js'
import {definitionPaths, type HeartbeatPaths, heartbeatPaths, scopeFolders} from './paths.js'
import {microsecondsToMs, type Properties} from './show.js'
import type {Systemd} from './systemctl.js'
import {isEdited, stamped} from './unit-file.js'

/** How soon after its start the timer ticks first. */
const FIRST_MS = 1000
const MOST_INACCURATE_MS = 1000

/** See Tick: a timer and its service, one for all services of an account. */
export function tick(systemd: Systemd): Tick {
  const {scope, files, systemctl} = systemd
  return {
    ...heartbeatOf({
      recorded: () => recorded(systemd),
      nameOf: (service) => path.basename(definitionPaths(scope, service).supportFolder),
      render: (service, wanting) => renderHeartbeat(systemd, service, wanting),
      now: (service, options) => now(systemd, service, options),
    }),
    programs: (account) => {
      const {entry, serviceFile} = heartbeatPaths(scope, account)
      return tickPrograms(
        orNoAccess(() => installedNode(files, serviceFile)),
        entry,
      )
    },
    last: ({account}) => {
      // While one runs, systemd has forgotten when the one before it ended.
      const moments = ['ExecMainExitTimestamp', 'ExecMainStartTimestamp']
      const properties = moments.flatMap((name) => [name, `${name}Monotonic`])
      const shown = systemctl.show(properties, [heartbeatPaths(scope, account).service], {TZ: 'UTC'})[0] ?? {}
      for (const name of moments) {
        const [monotonicMs, wallMs] = [microsecondsToMs(shown[`${name}Monotonic`]), utcMs(shown[name])]
        if (monotonicMs !== undefined && wallMs !== undefined) return {monotonicMs, wallMs}
      }
      return undefined
    },
  }
}

/** The settings of all services of the scope. */
export function recorded({scope, account, files}: Systemd): Map<string, ServiceSettings> {
  return orNoAccess(() => recordedSettings(files, scopeFolders(scope, account).support))
}

/** Renders the tick of an account whose services have these settings, all of which want it. Throws a ServiceError where no node lasts. */
async function renderHeartbeat(
  {host, files, scope}: Systemd,
  {account}: Service,
  wanting: readonly ServiceSettings[],
): Promise<DefinitionFile[]> {
  const paths = heartbeatPaths(scope, account)
  const program = tickProgram(host, paths.entry)
  const node = findLastingNode(host, account, installedNode(files, paths.serviceFile))
  const intervalMs = tickIntervalSec(wanting) * 1000
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
  const unit = (name: string, text: string) => definitionFile(name, stamped(text), {edited: isEdited(files.readText(name) ?? '')})
  return [program, unit(paths.serviceFile, service), unit(paths.timerFile, timer)]
}

/** The units of a tick, in the order in which `tickState` takes what systemd says of them. */
export function tickUnits({timer, service}: HeartbeatPaths): readonly [string, string] {
  return [timer, service]
}

/** What `tickState` needs to be told. */
const TICK_PROPERTIES = ['LoadState', 'UnitFileState', 'ActiveState', 'NeedDaemonReload']

/** Reads what systemd says of the units of a tick; of none, nothing is active. */
export function tickState(shown: readonly Properties[]): TickState {
  return {
    isEnabled: shown[0]?.UnitFileState === 'enabled',
    isActive: shown[0]?.ActiveState === 'active',
    // A tick that failed while its unit was being removed is kept as one that was not found, and no timer starts for such a one.
    needsReload: shown.some((unit) => unit.NeedDaemonReload === 'yes' || (unit.LoadState === 'not-found' && unit.ActiveState === 'failed')),
  }
}

function now(systemd: Systemd, service: Service, {force = false, seen}: HeartbeatOptions): TickNow {
  const {scope, files: door, systemctl} = systemd
  const paths = heartbeatPaths(scope, service.account)
  // Where no user manager runs nothing is active, and other steps say so if one is needed.
  const timer = seen?.tick ?? tickState(systemctl.answers() ? systemctl.show(TICK_PROPERTIES, tickUnits(paths)) : [])
  const as = ownerIn(systemd, service)
  const wasThere = orNoAccess(() => door.lstat(paths.timerFile)) !== undefined
  const change = (why: string, words: readonly string[]) => systemctl.change(why, words)
  // Of one that is ended before it is done systemd keeps a failed unit, though its file is gone.
  const end: RunStep = {...change('end the heartbeat that is running now', ['stop', paths.service]), mayFail: true}
  const forget: RunStep = {...change('reset the failed state of the heartbeat', ['reset-failed', paths.service]), mayFail: true}
  return {
    faults: [
      ...(timer.isEnabled ? [] : [`${paths.timer} is not enabled`]),
      ...(timer.isActive ? [] : [`${paths.timer} is not active`]),
      ...(timer.needsReload && wasThere ? [`${paths.timer} changed on disk, and systemd has not read the change yet`] : []),
    ],
    install: (files) => {
      const differing = files.filter((file) => (force || !file.edited) && !isAsWanted(door, file))
      const isTimerNew = timer.needsReload || differing.some((file) => file.path === paths.timerFile)
      const restart = change('start the timer again with the new interval', ['restart', paths.timer])
      const reload = change('make systemd read the units of the heartbeat', ['daemon-reload'])
      const units = timer.needsReload || differing.some((file) => !file.isProgram)
      const isOn = timer.isEnabled && timer.isActive
      return [
        // Undoing goes backwards: first the units are as before, then systemd reads them, then the timer runs by them.
        ...(isTimerNew && timer.isActive ? onUndo([restart]) : []),
        ...(units ? onUndo([reload, ...(wasThere ? [] : [forget])]) : []),
        ...differing.map((file) => writeStep(file, as)),
        // Where it is enabled that has systemd read all units (systemctl(1)). Without that, systemd 256 and later say of each unit that it is to be read.
        ...(units && isOn ? [reload] : []),
        ...(isOn
          ? isTimerNew
            ? [restart]
            : []
          : [
              ...onUndo([
                change('stop the heartbeat', timer.isEnabled ? ['stop', paths.timer] : ['disable', '--now', paths.timer]),
                ...(wasThere ? [] : [end]),
              ]),
              change('start the heartbeat, now and at every boot', ['enable', '--now', paths.timer]),
            ]),
      ]
    },
    remove: (withProgram) => {
      const units = onDisk(door, [paths.timerFile, paths.serviceFile])
      const files = [...units, ...(withProgram ? onDisk(door, [paths.entry]) : [])]
      const reload = change('make systemd forget the units of the heartbeat', ['daemon-reload'])
      const wasOn = timer.isEnabled || timer.isActive
      // What was removed already systemd goes on telling of until it has read the units anew, and has nothing to disable.
      const off = units.length > 0 ? change('stop the heartbeat', ['disable', '--now', '--no-reload', paths.timer]) : undefined
      const gone: RunStep = {...change('stop the heartbeat', ['stop', paths.timer]), mayFail: true}
      const isKnown = units.length > 0 || wasOn
      return [
        ...(wasOn && off
          ? onUndo([change('start the heartbeat again', [...(timer.isEnabled ? ['enable', '--now'] : ['start']), paths.timer])])
          : []),
        ...(isKnown ? onUndo([reload]) : []),
        // What is about to be removed is read once, after that.
        ...(wasOn ? [off ?? gone] : []),
        ...(units.length > 0 ? [end] : []),
        ...files.map((file) => removeFileStep(file, as)),
        ...(isKnown ? [reload, forget] : []),
      ]
    },
  }
}

/** A time as systemd.time(7) writes it. */
function span(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

/** A timestamp as systemd writes it in UTC, e.g. "Thu 2026-01-01 12:00:00 UTC" (systemd.time(7)). */
function utcMs(text: string | undefined): number | undefined {
  const match = /^\w+ (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(text ?? '')
  return match ? Date.parse(`${match[1]}T${match[2]}Z`) : undefined
}

/** The node of the unit that is there, so that another one which happens to run this command changes nothing. */
function installedNode(host: Door, serviceFile: string): string | undefined {
  return /^ExecStart=:"(\/[^"\\%]*)" /m.exec(host.readText(serviceFile) ?? '')?.[1]
}
