import {GatewayVariable} from '../../gateway/contract.js'
import type {Activity, LastExit, ManagerObservation} from '../manager.js'
import {type Properties, splitEntries} from './show.js'

/** Properties of `systemctl show` that an observation is made of; what checks ask of a definition comes on top. */
export const OBSERVED_PROPERTIES = [
  ...['Id', 'LoadState', 'UnitFileState', 'ActiveState', 'SubState', 'Job', 'Result', 'MainPID', 'NRestarts'],
  ...['ExecMainCode', 'ExecMainStatus', 'ExecMainPID', 'ExecMainStartTimestampMonotonic', 'StateChangeTimestampMonotonic'],
  ...['FragmentPath', 'DropInPaths', 'NeedDaemonReload', 'ControlGroup', 'User', 'Environment', 'WorkingDirectory'],
  ...['WantedBy', 'RequiredBy', 'EnvironmentFiles'],
]

/** What of an observation the properties of a unit say by themselves. Pure. */
export function observed(shown: Properties): Omit<ManagerObservation, 'service' | 'installed' | 'failuresInARow' | 'settings'> {
  const loaded = isLoaded(shown)
  const environment = splitEntries(shown.Environment ?? '')
  return {
    broken: loaded && shown.LoadState !== 'loaded' ? shown.LoadState : undefined,
    enabled: enablement(shown),
    activity: activity(shown),
    mainPid: positive(shown.MainPID),
    startedAtMs: microsecondsToMs(shown.ExecMainStartTimestampMonotonic),
    changedAtMs: microsecondsToMs(shown.StateChangeTimestampMonotonic),
    restarts: Number(shown.NRestarts ?? 0),
    lastExit: lastExit(shown),
    controlGroup: shown.ControlGroup || undefined,
    home: environment.find((entry) => entry.startsWith(`${GatewayVariable.home}=`))?.slice(`${GatewayVariable.home}=`.length),
    environment,
    accountName: shown.User || undefined,
    definitionPaths: [shown.FragmentPath ?? '', ...splitEntries(shown.DropInPaths ?? '')].filter(Boolean),
    needsReload: shown.NeedDaemonReload === 'yes',
    directives: shown,
  }
}

/** The files that a unit reads variables from, each as `PATH (ignore_errors=yes)` in what systemctl shows. */
export function environmentFilesOf({EnvironmentFiles = ''}: Properties): string[] {
  return EnvironmentFiles.split('\n').flatMap((line) => /^(.*) \(ignore_errors=(?:yes|no)\)$/.exec(line)?.[1] ?? [])
}

/** systemd has found a unit of the name that was asked for. */
export function isLoaded({LoadState}: Properties): boolean {
  return LoadState !== 'not-found' && LoadState !== undefined
}

/** `waiting`: between an exit and the next start, in systemd's own delay or in our helper's. systemd's states: systemctl(1), unit-def.c. */
function activity(shown: Properties): Activity {
  switch (shown.ActiveState ?? 'inactive') {
    case 'active':
    case 'reloading':
    case 'refreshing':
      // Told to do something else, which has not begun yet: a restart, or a stop.
      return shown.Job ? 'starting' : 'running'
    case 'activating':
      if (shown.SubState === 'auto-restart' || shown.SubState === 'auto-restart-queued') return 'waiting'
      return shown.SubState === 'start-pre' && Number(shown.NRestarts) > 0 ? 'waiting' : 'starting'
    case 'deactivating':
      return 'stopping'
    case 'failed':
      // A restart is under way whose stop ended with an error.
      return shown.Job ? 'starting' : 'failed'
    default:
      // Told to start, which has not begun yet.
      return shown.Job ? 'starting' : 'stopped'
  }
}

function enablement({UnitFileState: state, WantedBy, RequiredBy}: Properties): boolean | undefined {
  if (state === undefined || state === '') return undefined
  if (state === 'enabled') return true
  // Without an [Install] section (systemctl(1), is-enabled) it is started only where another unit that is loaded asks for it.
  if (state === 'static' || state === 'indirect') return WantedBy || RequiredBy ? undefined : false
  // enabled-runtime holds until the next boot only.
  return ['disabled', 'enabled-runtime', 'masked', 'masked-runtime', 'linked', 'linked-runtime', 'bad'].includes(state) ? false : undefined
}

/** ExecMainCode is a CLD_ value of waitid(2): 1 exited, 2 killed, 3 dumped. 0 is a process that has not ended. */
function lastExit(shown: Properties): LastExit | undefined {
  const how = ({1: 'exited', 2: 'killed', 3: 'dumped'} as const)[Number(shown.ExecMainCode)]
  return how && {how, status: Number(shown.ExecMainStatus)}
}

/** A timestamp of the monotonic clock in ms; undefined for 0, which is never. */
export function microsecondsToMs(text: string | undefined): number | undefined {
  const value = positive(text)
  return value === undefined ? undefined : value / 1000
}

/** A timestamp as systemd writes it in UTC, e.g. "Thu 2026-01-01 12:00:00 UTC" (systemd.time(7)). */
export function utcMs(text: string | undefined): number | undefined {
  const match = /^\w+ (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(text ?? '')
  return match ? Date.parse(`${match[1]}T${match[2]}Z`) : undefined
}

/** A number above 0; undefined for anything else. */
export function positive(text: string | undefined): number | undefined {
  const value = Number(text)
  return Number.isInteger(value) && value > 0 ? value : undefined
}
