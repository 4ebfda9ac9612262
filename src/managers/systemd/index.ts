import type {ProcessInfo} from '../../gateway/process-info.js'
import type {Scope, Service} from '../../service/service.js'
import {accountDoor, ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import {ServiceError} from '../../errors.js'
import {GatewayVariable} from '../../gateway/contract.js'
import {readProcess} from '../../gateway/process.js'
import type {ProcessTable} from '../../gateway/process-table.js'
import {type Account, type Door, type Host, HostError} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {RunStep, Step} from '../../plan/plan.js'
import {SYSTEM_FOLDERS} from '../../service/unit-path.js'
import {LEGACY_NAME, serviceSuffix} from '../../service/naming.js'
import {recordedSettings, tickWish, wantingTick} from '../../service/recorded-settings.js'
import type {Profile} from '../../service/profile.js'
import {shellWord} from '../../text/shell-quote.js'
import {parseSettings, type ServiceSettings} from '../../service/settings.js'
import type {
  ByHand,
  DefinitionEvidence,
  DefinitionFile,
  DirectiveDrift,
  GatewayDefinition,
  HeartbeatDefinition,
  HeartbeatOptions,
  LastTick,
  LogCommand,
  LogQuery,
  Manager,
  ManagerObservation,
  ObserveOptions,
  OwnFile,
  SharedPlace,
  Supervisor,
  UsedProgram,
} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {isLingering, managerEnvironment, noUserManager, waitForUserManager} from './bus.js'
import {
  accountOfUnit,
  definitionPaths,
  holdsCommand,
  isEdited,
  isOwn,
  renderDefinition,
  scopeFolders,
  startWords,
  unitEnvironment,
  userOfUnit,
} from './render.js'
import {ownedDirectives, wantedDirectives} from './directives.js'
import {parseEnvironmentFile} from './escape.js'
import {execStartOf, valuesOf} from './exec-start.js'
import {definitionEvidence} from './evidence.js'
import {
  type HeartbeatChange,
  heartbeatPaths,
  installedNode,
  installSteps,
  removalSteps,
  renderHeartbeat,
  tickUnits,
  TICK_PROPERTIES,
  timerFaults,
  tickState,
} from './tick.js'
import {journalCommand} from './logs.js'
import {endLinger, turnLingerOn} from './linger.js'
import {environmentFilesOf, isLoaded, microsecondsToMs, observed, OBSERVED_PROPERTIES, positive, utcMs} from './observe.js'
import {leftovers, removeSteps, runtimeFolderOf} from './install.js'
import {PENDING_PROPERTIES, pendingRestartPattern, pendingRestarts} from './pending-restart.js'
import {definitionOf, gatewayDefinitions, variableOfFiles} from './rivals.js'
import type {Properties} from './show.js'
import type {UnitPlace} from './specifiers.js'
import {Systemctl} from './systemctl.js'

const READ_PROPERTIES = [...OBSERVED_PROPERTIES, 'RestartMaxDelayUSec', 'ExecStartPre', 'ExecStopPost']
/** The first systemd that raises its pause between restarts by itself (systemd 254, NEWS: RestartSteps=). */
const RESTART_STEPS_SINCE = 254
const USER_MANAGER_TIMEOUT_MS = 10_000
/** The service of the default profile. */
const PLAIN_NAME = 'hermes-gateway.service'
/** Where systemd looks a program up that has no path, and the PATH of a service that is given none (systemd.exec(5)). */
const SYSTEM_PATH = SYSTEM_FOLDERS.join(':')
const LINKS_TIMEOUT_MS = 10_000
/** What a boot, or the start of a user manager, brings up. */
const BOOT_TARGET: Readonly<Record<Scope, string>> = {user: 'default.target', system: 'multi-user.target'}
/** Where the control groups that systemd manages are: alone, or beside those of the first version (cgroups(7)). */
const CGROUP_MOUNTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd']

/** The systemd of this machine, for system services or for the services of one account's user manager. */
export class SystemdManager implements Manager {
  readonly kind = 'systemd'
  readonly replacesForeign = false
  readonly canLinger = true
  readonly commandPath = undefined
  readonly container = undefined
  readonly title: string
  /** An observation does not change, and many checks ask what its definition says. */
  private readonly evidenceOf = new WeakMap<ManagerObservation, DefinitionEvidence>()
  /** Whether the running systemd has RestartSteps=; undefined until it was asked about a unit. */
  private knowsRestartSteps: boolean | undefined
  private readonly systemctl: Systemctl
  /** Through which the files of this scope are read: a user's own are, as root too, with that user's ids. */
  private readonly files: Door
  /** Found once: it is the same for all services, and does not change. */
  private cgroupMount: string | undefined
  /** What the manager gives its services, asked once for all of them. */
  private ownEnvironment: ReadonlyMap<string, string> | undefined
  /** Read once for all profiles: it is asked for each that has no service of the usual name. */
  private readonly byHandOf = new Map<number, readonly GatewayDefinition[]>()

  /** `account`: whose user manager it is (user scope), or who asks (system scope). */
  constructor(
    private readonly host: Host,
    readonly scope: Scope,
    private readonly account: Account,
  ) {
    this.title = `systemd (${scope})`
    this.systemctl = new Systemctl(host, scope, account)
    this.files = ownerDoor(host, scope === 'user' ? account : undefined)
  }

  inScope(scope: Scope, account: Account): Manager {
    return new SystemdManager(this.host, scope, account)
  }

  defaultAccount(profileName: string): Account | undefined {
    if (this.scope === 'user') return this.account
    // The installed unit says whose gateway it is; a settings file of ours says so too, but a unit of upstream's has only itself.
    const text = this.textOfSystemUnit(profileName)
    return text === undefined ? undefined : accountOfUnit(this.host, text, this.systemUnit(profileName))
  }

  unknownUser(profileName: string): string | undefined {
    const text = this.scope === 'user' ? undefined : this.textOfSystemUnit(profileName)
    const place = this.systemUnit(profileName)
    return text === undefined || accountOfUnit(this.host, text, place) ? undefined : userOfUnit(text, place)
  }

  private systemUnit(profileName: string): UnitPlace {
    const suffix = profileName === 'default' ? '' : `-${profileName}`
    return {scope: 'system', account: this.account, name: `hermes-gateway${suffix}.service`}
  }

  private textOfSystemUnit(profileName: string): string | undefined {
    return readIfAllowed(this.files, path.join(scopeFolders('system', this.account).units, this.systemUnit(profileName).name))
  }

  serviceFor(profile: Profile, account: Account): Service {
    const suffix = serviceSuffix(profile, account.home, (file) => accountDoor(this.host, account).realPath(file))
    const service = {profile, account, name: `hermes-gateway${suffix ? `-${suffix}` : ''}.service`}
    if (this.isThere(service)) return service
    const name = this.nameByHome(profile.home, account)
    return name === undefined ? service : {...service, name}
  }

  /**
   * The one unit of another name that runs the gateway of a home: older gateways gave the plain name to the unit of any home, and people name theirs as
   * they like. Of several that which starts at boot; undefined where that is none or more than one.
   */
  private nameByHome(home: string, account: Account): string | undefined {
    const all = this.definitionsByHand(account).filter((definition) => definition.home === home)
    const enabled = all.filter(({isEnabled}) => isEnabled)
    const meant = all.find(({name}) => name === PLAIN_NAME) ?? (enabled.length > 0 ? enabled : all)
    return 'name' in meant ? meant.name : meant.length === 1 ? meant[0]?.name : undefined
  }

  /** The units of an account's gateways that stand where we and upstream put ours. What upstream migrates away from is not taken up. */
  private definitionsByHand(account: Account): readonly GatewayDefinition[] {
    const known = this.byHandOf.get(account.uid)
    if (known) return known
    const {units} = scopeFolders(this.scope, account)
    let found: GatewayDefinition[] = []
    try {
      found = orNoAccess(() => gatewayDefinitions(this.host, this.scope, account))
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
    }
    const standing = found.filter(({name, path: file}) => file === path.join(units, name) && name !== LEGACY_NAME)
    this.byHandOf.set(account.uid, standing)
    return standing
  }

  homeOnDisk({account, name}: Service): string | undefined {
    const {units} = scopeFolders(this.scope, account)
    const definition = definitionOf(this.host, path.join(units, name), {scope: this.scope, account, name})
    return definition?.isHomeNamed ? definition.home : undefined
  }

  /** Its unit is on disk, or what an install of ours has left of it. */
  private isThere(service: Service): boolean {
    try {
      return this.isOnDisk(service) || this.files.lstat(definitionPaths(this.scope, service).settings) !== undefined
    } catch (error) {
      if (error instanceof ServiceError || error instanceof HostError) return false
      throw error
    }
  }

  isOnDisk(service: Service): boolean {
    return orNoAccess(() => this.files.lstat(definitionPaths(this.scope, service).unit) !== undefined)
  }

  observe(services: readonly Service[], {withTick = false}: ObserveOptions = {}): ManagerObservation[] {
    const [first] = services
    if (!first) return []
    // Without a user manager nothing runs under it; of what is not on disk either, that is all there is to know.
    if (!this.systemctl.answers() && !services.some((service) => this.isOnDisk(service))) {
      return services.map((service) => this.notInstalled(service))
    }
    const names = services.map((service) => service.name)
    const tick = withTick ? tickUnits(heartbeatPaths(this.scope, first.account)) : []
    const shown = this.systemctl.show([...READ_PROPERTIES, ...ownedDirectives()], [...names, ...tick])
    this.knowsRestartSteps = shown.some((unit) => unit.RestartMaxDelayUSec !== undefined)
    const state = withTick ? tickState(shown.slice(names.length)) : undefined
    return services.map((service, index) => {
      const observation = this.observation(service, shown[index] ?? {})
      return state && service.account.uid === first.account.uid ? {...observation, tick: state} : observation
    })
  }

  notInstalled(service: Service): ManagerObservation {
    return this.observation(service, {LoadState: 'not-found'})
  }

  whileDown(service: Service): ManagerObservation | undefined {
    if (this.systemctl.answers()) return undefined
    const {unit} = definitionPaths(this.scope, service)
    const wanted = path.join(path.dirname(unit), 'default.target.wants', service.name)
    const UnitFileState = orNoAccess(() => this.files.lstat(wanted)) ? 'enabled' : 'disabled'
    const seen = this.observation(service, {LoadState: 'loaded', FragmentPath: unit, UnitFileState, ActiveState: 'inactive'})
    return seen.installed === 'own' && seen.settings ? {...seen, home: seen.settings.home} : undefined
  }

  async render(service: Service, settings: ServiceSettings, environment: ReadonlyMap<string, string>): Promise<DefinitionFile[]> {
    const text = readIfAllowed(this.files, definitionPaths(this.scope, service).unit)
    // Another tool's unit may be in another folder, such as that of a package.
    const withUnit = text === undefined ? settings.createdDefinition : isOwn(text)
    return renderDefinition(this.host, this.files, this.scope, service, settings, environment, {
      withUnit,
      hasRestartSteps: this.knowsRestartSteps ?? this.systemctl.version() >= RESTART_STEPS_SINCE,
    })
  }

  readEnvironment(service: Service): Map<string, string> {
    return orNoAccess(() => parseEnvironmentFile(this.files.readText(definitionPaths(this.scope, service).environmentFile) ?? ''))
  }

  unitEnvironment(service: Service, settings: ServiceSettings): Record<string, string> {
    return unitEnvironment(this.host, this.scope, service, settings)
  }

  drift(observation: ManagerObservation, settings: ServiceSettings): DirectiveDrift[] {
    const wanted = wantedDirectives(settings)
    const drifts: DirectiveDrift[] = []
    for (const [directive, value] of Object.entries(wanted)) {
      const merged = observation.directives[directive]
      if (merged === undefined || value.accepts(merged)) continue
      const setBy = observation.definitionPaths.findLast((file) => value.pattern.test(readIfAllowed(this.files, file) ?? ''))
      drifts.push({directive: value.name, wanted: value.text, merged, setBy})
    }
    return [...drifts, ...this.commandDrift(observation, settings)]
  }

  /** A command of ours is ours to hold, whoever rewrites the unit. */
  private commandDrift({service, definitionPaths: loaded}: ManagerObservation, settings: ServiceSettings): DirectiveDrift[] {
    if (!holdsCommand(settings)) return []
    const texts = loaded.map((file) => readIfAllowed(this.files, file) ?? '')
    const wanted = startWords(this.host, service, settings)
    const {words} = execStartOf(texts)
    if (words.length === 0 || words.join('\0') === wanted.join('\0')) return []
    const setBy = loaded.findLast((_, index) => valuesOf(texts[index] ?? '', 'ExecStart').some((value) => value !== ''))
    return [{directive: 'ExecStart', wanted: wanted.join(' '), merged: words.join(' '), setBy}]
  }

  evidence(observation: ManagerObservation): DefinitionEvidence {
    const known = this.evidenceOf.get(observation)
    if (known) return known
    const {service, definitionPaths: loaded} = observation
    const needsHomeMark = loaded.includes(definitionPaths(this.scope, service).dropIn)
    const own = needsHomeMark ? this.ownFiles(service) : []
    const helpers = own.filter(({role}) => role === 'helper').map(({path: file}): UsedProgram => ({path: file, role: 'helper'}))
    const texts = loaded.map((file) => readIfAllowed(this.files, file) ?? '')
    const {program, words} = execStartOf(texts, {scope: this.scope, account: this.account, name: service.name})
    const start = {program: program?.includes('/') ? program : program && this.host.which(program, SYSTEM_PATH), words}
    const said = definitionEvidence(observation.directives, start, helpers)
    const searchPath = variableOfFiles(this.files, environmentFilesOf(observation.directives), 'PATH') ?? said.searchPath
    const evidence = {...said, searchPath, needsHomeMark}
    this.evidenceOf.set(observation, evidence)
    return evidence
  }

  tickPrograms(account: Account): UsedProgram[] {
    const {entry, serviceFile} = heartbeatPaths(this.scope, account)
    const node = orNoAccess(() => installedNode(this.files, serviceFile))
    return node === undefined
      ? []
      : [
          {path: node, role: 'node'},
          {path: entry, role: 'tick'},
        ]
  }

  ownFiles(service: Service): OwnFile[] {
    const {unit, dropIn, helper, settings, environmentFile} = definitionPaths(this.scope, service)
    return [
      {path: unit, role: 'definition'},
      {path: dropIn, role: 'policy'},
      {path: settings, role: 'settings'},
      {path: environmentFile, role: 'secrets'},
      {path: helper, role: 'helper'},
    ]
  }

  editedFiles(service: Service): string[] {
    const {unit, dropIn} = definitionPaths(this.scope, service)
    return orNoAccess(() => [unit, dropIn].filter((file) => isEdited(this.files.readText(file) ?? '')))
  }

  gatewayDefinitions(account: Account): GatewayDefinition[] {
    return orNoAccess(() => (['user', 'system'] as const).flatMap((scope) => gatewayDefinitions(this.host, scope, account)))
  }

  isRunning({name, scope, account}: GatewayDefinition, {gateways}: ProcessTable): boolean {
    return gateways.some(({cgroup}) => {
      const unit = unitOfGroup(cgroup)
      if (!cgroup?.split('/').includes(name) || unit === undefined) return false
      // Units of one name are as many as there are user managers.
      return unit.managerUid === (scope === 'user' ? (account ?? this.account).uid : undefined)
    })
  }

  supervisorOf({pid, cgroup}: Pick<ProcessInfo, 'pid' | 'cgroup'>, account: Account): Supervisor | undefined {
    const unit = unitOfGroup(cgroup)
    if (unit === undefined) return undefined
    const {name, managerUid} = unit
    const scope = managerUid === undefined ? 'system' : 'user'
    // Of somebody else's user manager nothing more can be asked.
    if (managerUid !== undefined && managerUid !== account.uid) {
      const of = this.host.accountOf(managerUid)?.name ?? `#${managerUid}`
      const asThem = `sudo -u ${shellWord(of)} XDG_RUNTIME_DIR=/run/user/${managerUid}`
      return {name, scope, of, disable: `${asThem} ${this.byHand('disable', name, scope)}`}
    }
    const supervisor = {name, scope, disable: this.byHand('disable', name, scope)} as const
    try {
      const [shown = {}] = new Systemctl(this.host, scope, account).show(['Restart', 'MainPID'], [name])
      // What was started from a terminal's service, or such, ends when it is ended.
      return (shown.Restart ?? 'no') !== 'no' || positive(shown.MainPID) === pid ? supervisor : undefined
    } catch (error) {
      if (error instanceof ServiceError) return supervisor
      throw error
    }
  }

  defaultPath(): string {
    return this.scope === 'user' ? (this.systemctl.environment().get('PATH') ?? SYSTEM_PATH) : SYSTEM_PATH
  }

  endRival({name, path: file}: GatewayDefinition): RunStep[] {
    const why = `stop ${name} and keep it down`
    if (!this.isLinked(file)) return [this.change(why, ['disable', '--now', name])]
    return [this.change(why, ['stop', name]), ...this.disabling(file)]
  }

  byHand(act: ByHand, name: string, scope = this.scope): string {
    const words = {status: `status ${name}`, reload: 'daemon-reload', unmask: `unmask ${name}`, disable: `disable --now ${name}`}[act]
    return scope === 'user' ? `systemctl --user ${words}` : `sudo systemctl ${words}`
  }

  async heartbeat(
    service: Service,
    settings: ServiceSettings | undefined,
    {force = false, seen}: HeartbeatOptions = {},
  ): Promise<HeartbeatDefinition> {
    const {account} = service
    const own = path.basename(definitionPaths(this.scope, service).supportFolder)
    const {wanting, isAbout, isProgramWanted} = tickWish(this.recorded(), own, settings, account)
    if (wanting.length === 0)
      return {files: [], steps: removalSteps(this.files, !isProgramWanted, this.heartbeatChange(service, seen)), faults: []}
    const files = await renderHeartbeat(this.host, this.files, this.scope, account, wanting)
    const change = this.heartbeatChange(service, seen)
    return {files, steps: isAbout ? installSteps(this.files, files, force, change) : [], faults: timerFaults(change)}
  }

  lastTick(service: Service): LastTick | undefined {
    const {service: tick} = heartbeatPaths(this.scope, service.account)
    const properties = ['ExecMainExitTimestamp', 'ExecMainExitTimestampMonotonic']
    const shown = this.systemctl.show(properties, [tick], {TZ: 'UTC'})[0] ?? {}
    const [monotonicMs, wallMs] = [microsecondsToMs(shown.ExecMainExitTimestampMonotonic), utcMs(shown.ExecMainExitTimestamp)]
    return monotonicMs === undefined || wallMs === undefined ? undefined : {monotonicMs, wallMs}
  }

  processesOf({service, controlGroup}: ManagerObservation): readonly number[] | undefined {
    const slice = this.scope === 'system' ? '/system.slice' : userSlice(this.account)
    // systemd forgets the group of a service that is down; what is left in it is there all the same.
    const group = controlGroup ?? path.join(slice, service.name)
    this.cgroupMount ??= CGROUP_MOUNTS.find((mount) => this.host.stat(path.join(mount, group.split('/')[1] ?? '')) !== undefined)
    const pids = this.cgroupMount === undefined ? undefined : readIfAllowed(this.host, path.join(this.cgroupMount, group, 'cgroup.procs'))
    return pids?.split('\n').filter(Boolean).map(Number)
  }

  prerequisites(service: Service, settings: Pick<ServiceSettings, 'linger'>): Step[] {
    const {account} = service
    const steps = settings.linger ? turnLingerOn(this.host, this.scope, service) : []
    if (this.systemctl.answers()) return steps
    if (!settings.linger) throw noUserManager(this.host, account)
    return [...steps, waitForUserManager(this.host, account, USER_MANAGER_TIMEOUT_MS, () => this.systemctl.answers())]
  }

  /** Lingering is one account's in both scopes; in system scope all accounts have one program of the tick. */
  sharedPlaces({account}: Service): SharedPlace[] {
    const own: SharedPlace = {kind: 'account', path: account.home}
    return this.scope === 'user' ? [own] : [own, {kind: 'machine', path: '/run/hermes-svc'}]
  }

  folderSteps(service: Service): Step[] {
    const paths = definitionPaths(this.scope, service)
    const folders =
      this.scope === 'system'
        ? []
        : ['.config', '.config/systemd', '.config/systemd/user'].map((folder) => path.join(this.account.home, folder))
    return [...folders, path.dirname(paths.supportFolder), paths.supportFolder, paths.dropInFolder].map((folder) => ({
      kind: 'make-folder',
      why: `make ${folder}`,
      path: folder,
      mode: 0o755,
      as: this.owner(service),
    }))
  }

  settingsFile(service: Service): string {
    return definitionPaths(this.scope, service).settings
  }

  restartDueFile(service: Service): string {
    return path.join(definitionPaths(this.scope, service).supportFolder, 'restart-due')
  }

  memoryFolder(service: Service): string {
    return runtimeFolderOf(this.scope, service)
  }

  leftovers(service: Service, wanted: readonly string[]): string[] {
    return leftovers(this.files, this.scope, service, wanted)
  }

  removeSteps(observation: ManagerObservation): Step[] {
    return removeSteps(this.files, this.scope, observation, this.owner(observation.service))
  }

  traces(service: Service): string[] {
    const paths = definitionPaths(this.scope, service)
    const places = [
      paths.unit,
      paths.dropInFolder,
      paths.supportFolder,
      runtimeFolderOf(this.scope, service),
      ...this.heartbeatTraces(service),
    ]
    const files = places.filter((file) => this.files.lstat(file) !== undefined)
    const shown = this.observe([service])[0]
    const known =
      shown && (shown.installed !== 'no' || shown.activity !== 'stopped')
        ? [`${this.title} still knows ${service.name} (${shown.activity})`]
        : []
    return [...files, ...known]
  }

  afterUninstall({service, settings}: ManagerObservation): Step[] {
    return settings?.turnedLingerOn ? endLinger(this.host, this.scope, service) : []
  }

  reload(): RunStep[] {
    return [this.change('have systemd read the definition', ['daemon-reload'])]
  }

  enable(service: Service): RunStep[] {
    const text = readIfAllowed(this.files, definitionPaths(this.scope, service).unit)
    // Of a unit that does not say what starts it (no [Install] section) systemctl enable makes nothing, and ends with 0.
    const isMute = text !== undefined && !/^[ \t]*\[Install\]/m.test(text)
    const words = isMute ? ['add-wants', BOOT_TARGET[this.scope], service.name] : ['enable', service.name]
    return [this.change('start it at every boot', words)]
  }

  disable(service: Service): RunStep[] {
    return this.disabling(definitionPaths(this.scope, service).unit)
  }

  /**
   * Keeps a unit from being started at boot. Of a unit whose file is a link (home-manager, stow, `systemctl link`) systemctl disable takes that away
   * too, and with it the unit: of such a one only the links that have it started go.
   */
  private disabling(unit: string): RunStep[] {
    const why = 'keep it down over a reboot'
    const name = path.basename(unit)
    if (!this.isLinked(unit)) return [this.change(why, ['disable', name])]
    const links = ['wants', 'requires', 'upholds'].map((kind) => `"$0"/*.${kind}/"$1"`).join(' ')
    const argv = ['/bin/sh', '-c', `rm -f -- ${links}`, path.dirname(unit), name]
    return [
      {kind: 'run', why, argv, env: this.systemctl.env, timeoutMs: LINKS_TIMEOUT_MS, as: this.scope === 'user' ? this.account : undefined},
      ...this.reload(),
    ]
  }

  private isLinked(unit: string): boolean {
    return orNoAccess(() => this.files.lstat(unit)?.kind === 'link')
  }

  start(service: Service): Step[] {
    return [...this.forgetFailures(service), this.change('start the gateway', ['start', '--no-block', service.name])]
  }

  stop(service: Service): RunStep[] {
    return [this.change('stop the gateway', ['stop', '--no-block', service.name])]
  }

  abort(service: Service): RunStep[] {
    return [
      this.change('stop the gateway', ['stop', '--no-block', service.name]),
      {...this.change('kill what is left of it', ['kill', '--signal=SIGKILL', service.name]), mayFail: true},
      this.change('wait until it is gone', ['stop', service.name]),
      ...this.settle(service),
    ]
  }

  callOffRestart(service: Service): RunStep[] {
    // Without a user manager nothing waits under it.
    const shown = this.systemctl.answers() ? this.systemctl.showMatching(PENDING_PROPERTIES, pendingRestartPattern(service)) : []
    const names = pendingRestarts(service, shown)
    // One that has done its work meanwhile is not known any more.
    return names.length === 0
      ? []
      : [{...this.change('call off the restart that the gateway was asked for', ['stop', ...names]), mayFail: true}]
  }

  settle(service: Service): RunStep[] {
    // There is nothing to clean where systemd has removed the folder by itself, and it refuses for a unit that is active.
    return [
      this.resetFailed(service),
      {...this.change('forget earlier failures', ['clean', '--what=runtime', service.name]), mayFail: true},
    ]
  }

  runsWithoutLogin(service: Service): boolean {
    return isLingering(this.host, service.account)
  }

  restart(service: Service): Step[] {
    return [...this.forgetFailures(service), this.change('restart the gateway', ['restart', '--no-block', service.name])]
  }

  logCommand(service: Service, query: LogQuery): LogCommand {
    return {argv: journalCommand(this.scope, service, query), env: managerEnvironment('system', this.account), reader: 'machine'}
  }

  logFiles(): string[] {
    return []
  }

  owner(service: Service): Account | undefined {
    return this.scope === 'user' ? service.account : undefined
  }

  /** A start by hand must not wait for a delay that earlier failures earned, nor be refused for them. */
  private forgetFailures(service: Service): Step[] {
    const file = path.join(this.memoryFolder(service), 'failures')
    return [this.resetFailed(service), {kind: 'remove-file', why: 'forget earlier failures', path: file, as: service.account}]
  }

  private resetFailed(service: Service): RunStep {
    return {...this.change('reset a failed state', ['reset-failed', service.name]), mayFail: true}
  }

  /** The settings of all services of the scope. */
  private recorded(): Map<string, ServiceSettings> {
    return orNoAccess(() => recordedSettings(this.files, scopeFolders(this.scope, this.account).support))
  }

  /** Files of the tick that no service wants any more. */
  private heartbeatTraces({account}: Service): string[] {
    const all = this.recorded()
    const {timerFile, serviceFile, entry} = heartbeatPaths(this.scope, account)
    if (wantingTick(all.values(), account).length > 0) return []
    return [timerFile, serviceFile, ...([...all.values()].some((settings) => settings.heartbeat.enabled) ? [] : [entry])]
  }

  private heartbeatChange(service: Service, seen: ManagerObservation | undefined): HeartbeatChange {
    const paths = heartbeatPaths(this.scope, service.account)
    const ask = () => {
      // Where no user manager runs nothing is active, and other steps say so if one is needed.
      return this.systemctl.answers() ? this.systemctl.show(TICK_PROPERTIES, tickUnits(paths)) : []
    }
    const timer = seen?.tick ?? tickState(ask())
    return {paths, timer, as: this.owner(service), change: (why, words) => this.change(why, words)}
  }

  private change(why: string, words: readonly string[]): RunStep {
    return this.systemctl.change(why, words)
  }

  private observation(service: Service, shown: Properties): ManagerObservation {
    const paths = definitionPaths(this.scope, service)
    const seen = observed(shown)
    return {
      ...seen,
      home: this.homeOf(seen, shown),
      service,
      installed: isLoaded(shown) ? this.installation(paths.dropIn, shown.FragmentPath ?? '') : 'no',
      failuresInARow: this.failuresInARow(service),
      settings: orNoAccess(() => parseSettings(readIfAllowed(this.files, paths.settings))),
    }
  }

  /**
   * The home that a unit gives its gateway: files of variables come before lines (systemd.exec(5)). What it says nothing of, such as a variable of
   * the manager's own (environment.d(5), PassEnvironment=), the environment of the process that runs now tells, else what the manager would give it.
   */
  private homeOf({home, mainPid}: Pick<ManagerObservation, 'home' | 'mainPid'>, shown: Properties): string | undefined {
    const files = environmentFilesOf(shown)
    const named = (files.length > 0 ? variableOfFiles(this.files, files, GatewayVariable.home) : undefined) ?? home
    if (named !== undefined || !isLoaded(shown)) return named
    if (mainPid !== undefined) return readProcess(this.host, mainPid)?.home
    this.ownEnvironment ??= this.systemctl.environment()
    return this.ownEnvironment.get(GatewayVariable.home)
  }

  private installation(dropIn: string, fragment: string): ManagerObservation['installed'] {
    if (fragment === '') return 'no'
    return orNoAccess(() => {
      if (isOwn(readIfAllowed(this.files, fragment) ?? '')) return 'own'
      return this.files.lstat(dropIn) ? 'adopted' : 'foreign'
    })
  }

  private failuresInARow(service: Service): number {
    return positive(readIfAllowed(accountDoor(this.host, service.account), path.join(this.memoryFolder(service), 'failures'))?.trim()) ?? 0
  }
}

/** The slice in which a user manager puts its services. */
function userSlice({uid}: Account): string {
  return `/user.slice/user-${uid}.slice/user@${uid}.service/app.slice`
}

/** The service that a control group is of, and whose user manager's it is; undefined for none, such as a login's. */
function unitOfGroup(cgroup: string | undefined): {name: string; managerUid: number | undefined} | undefined {
  const parts = cgroup?.split('/') ?? []
  const isManager = /^user@(\d+)\.service$/
  const managerAt = parts.findLastIndex((part) => isManager.test(part))
  const name = parts.slice(managerAt + 1).findLast((part) => part.endsWith('.service'))
  if (name === undefined) return undefined
  return {name, managerUid: managerAt < 0 ? undefined : Number(isManager.exec(parts[managerAt] ?? '')?.[1])}
}
