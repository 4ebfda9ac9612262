import path from 'node:path'
import {ServiceError} from '../../errors.js'
import {GatewayVariable} from '../../gateway/contract.js'
import {readProcess} from '../../gateway/process.js'
import {accountDoor} from '../../host/account-door.js'
import {type Account, HostError} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {Service} from '../../service/service.js'
import {recordedSettings} from '../../service/recorded-settings.js'
import {parseSettings, type ServiceSettings} from '../../service/settings.js'
import type {Activity, LastExit, ManagerObservation, Observer} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {userAccounts} from './bus.js'
import {ownedDirectives} from './directives.js'
import {definitionPaths, heartbeatPaths, runtimeFolderOf, scopeFolders} from './paths.js'
import {memoryOf} from './memory.js'
import {definitionOf} from './rivals.js'
import {environmentFilesOf, microsecondsToMs, positive, type Properties, splitEntries} from './show.js'
import type {Systemd} from './systemctl.js'
import {tickState, tickUnits} from './tick.js'
import {isOwn, variableOfFiles} from './unit-file.js'

/** Where the control groups that systemd manages are: alone, or beside those of the first version (cgroups(7)). */
const CGROUP_MOUNTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd']

/** Properties of `systemctl show` that an observation is made of; what checks ask of a definition comes on top. */
const OBSERVED_PROPERTIES = [
  ...['Id', 'LoadState', 'UnitFileState', 'ActiveState', 'SubState', 'Job', 'Result', 'MainPID', 'NRestarts'],
  ...['ExecMainCode', 'ExecMainStatus', 'ExecMainPID', 'ExecMainStartTimestampMonotonic', 'StateChangeTimestampMonotonic'],
  ...['FragmentPath', 'DropInPaths', 'NeedDaemonReload', 'ControlGroup', 'User', 'Environment', 'WorkingDirectory'],
  ...['WantedBy', 'RequiredBy', 'EnvironmentFiles'],
]

const READ_PROPERTIES = [...OBSERVED_PROPERTIES, 'RestartMaxDelayUSec', 'ExecStartPre', 'ExecStopPost']

/** See Observer. */
export function observer(systemd: Systemd): Observer {
  const {host, scope, account, files, systemctl} = systemd
  /** What the manager gives its services, asked once for all of them. */
  let ownEnvironment: ReadonlyMap<string, string> | undefined
  /** Found once: it is the same for all services, and does not change. */
  let cgroupMount: string | undefined

  /**
   * The home that a unit gives its gateway: files of variables come before lines (systemd.exec(5)). What it says nothing of, such as a variable of
   * the manager's own (environment.d(5), PassEnvironment=), the environment of the process that runs now tells, else what the manager would give it.
   */
  const homeOf = ({home, mainPid}: Pick<ManagerObservation, 'home' | 'mainPid'>, shown: Properties): string | undefined => {
    const named = variableOfFiles(files, environmentFilesOf(shown), GatewayVariable.home) ?? home
    if (named !== undefined || !isLoaded(shown)) return named
    if (mainPid !== undefined) return readProcess(host, mainPid)?.home
    ownEnvironment ??= systemctl.environment()
    return ownEnvironment.get(GatewayVariable.home)
  }

  /** Whose it is follows from who created it. Our drop-in beside a unit tells that ours was not removed meanwhile, and another one put there. */
  const installation = (
    dropIn: string,
    fragment: string,
    settings: ServiceSettings | undefined,
  ): Pick<ManagerObservation, 'installed' | 'isRewritten'> => {
    if (fragment === '') return {installed: 'no'}
    return orNoAccess(() => {
      if (isOwn(readIfAllowed(files, fragment) ?? '')) return {installed: 'own'}
      if (!files.lstat(dropIn)) return {installed: 'foreign'}
      return settings?.createdDefinition ? {installed: 'own', isRewritten: true} : {installed: 'adopted'}
    })
  }

  const observation = (service: Service, shown: Properties): ManagerObservation => {
    const paths = definitionPaths(scope, service)
    const seen = observed(shown)
    const failures = readIfAllowed(accountDoor(host, service.account), path.join(runtimeFolderOf(scope, service), 'failures'))
    const settings = orNoAccess(() => parseSettings(readIfAllowed(files, paths.settings)))
    return {
      ...seen,
      home: homeOf(seen, shown),
      service,
      ...(isLoaded(shown) ? installation(paths.dropIn, shown.FragmentPath ?? '', settings) : {installed: 'no'}),
      failuresInARow: positive(failures?.trim()) ?? 0,
      settings,
    }
  }

  const notInstalled = (service: Service) => observation(service, {LoadState: 'not-found'})
  return {
    recorded: () => [...orNoAccess(() => recordedSettings(files, scopeFolders(scope, account).support)).values()],
    accounts: () => userAccounts(host),
    observe: (services, {withTick = false} = {}) => {
      const [first] = services
      if (!first) return []
      // Without a user manager nothing runs under it; of what is not on disk either, that is all there is to know.
      if (!systemctl.answers() && !services.some((service) => isOnDisk(systemd, service))) return services.map(notInstalled)
      const names = services.map((service) => service.name)
      const tick = withTick ? tickUnits(heartbeatPaths(scope, first.account)) : []
      const shown = systemctl.show([...READ_PROPERTIES, ...ownedDirectives()], [...names, ...tick])
      const state = withTick ? tickState(shown.slice(names.length)) : undefined
      return services.map((service, index) => {
        const seen = observation(service, shown[index] ?? {})
        return state && service.account.uid === first.account.uid ? {...seen, tick: state} : seen
      })
    },
    isOnDisk: (service) => isOnDisk(systemd, service),
    homeOnDisk: ({account: whose, name}) => {
      const unit = path.join(scopeFolders(scope, whose).units, name)
      const definition = definitionOf(host, unit, {scope, account: whose, name})
      return definition?.isHomeNamed ? definition.home : undefined
    },
    notInstalled,
    whileDown: (service) => {
      if (systemctl.answers()) return undefined
      const {unit} = definitionPaths(scope, service)
      const wanted = path.join(path.dirname(unit), 'default.target.wants', service.name)
      const UnitFileState = orNoAccess(() => files.lstat(wanted)) ? 'enabled' : 'disabled'
      const seen = observation(service, {LoadState: 'loaded', FragmentPath: unit, UnitFileState, ActiveState: 'inactive'})
      return seen.installed === 'own' && seen.settings ? {...seen, home: seen.settings.home} : undefined
    },
    memoryOf: ({controlGroup}) => (controlGroup === undefined ? undefined : memoryOf(host, controlGroup)),
    processesOf: ({service, controlGroup}) => {
      const slice = scope === 'system' ? '/system.slice' : userSlice(account)
      // systemd forgets the group of a service that is down; what is left in it is there all the same.
      const group = controlGroup ?? path.join(slice, service.name)
      cgroupMount ??= CGROUP_MOUNTS.find((mount) => host.stat(path.join(mount, group.split('/')[1] ?? '')) !== undefined)
      const pids = cgroupMount === undefined ? undefined : readIfAllowed(host, path.join(cgroupMount, group, 'cgroup.procs'))
      return pids?.split('\n').filter(Boolean).map(Number)
    },
  }
}

function isOnDisk({scope, files}: Systemd, service: Service): boolean {
  return orNoAccess(() => files.lstat(definitionPaths(scope, service).unit) !== undefined)
}

/** Its unit is on disk, or what an install of ours has left of it. */
export function isThere(systemd: Systemd, service: Service): boolean {
  try {
    return isOnDisk(systemd, service) || systemd.files.lstat(definitionPaths(systemd.scope, service).settings) !== undefined
  } catch (error) {
    if (error instanceof ServiceError || error instanceof HostError) return false
    throw error
  }
}

/** The slice in which a user manager puts its services. */
function userSlice({uid}: Account): string {
  return `/user.slice/user-${uid}.slice/user@${uid}.service/app.slice`
}

/** What of an observation the properties of a unit say by themselves. Pure. */
function observed(shown: Properties): Omit<ManagerObservation, 'service' | 'installed' | 'failuresInARow' | 'settings'> {
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

/** systemd has found a unit of the name that was asked for. */
function isLoaded({LoadState}: Properties): boolean {
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
