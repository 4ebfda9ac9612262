import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import type {ProcessTable} from '../../gateway/process-table.js'
import {type Account, type Host, HostError, temporaryPath} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {RunStep, Step} from '../../plan/plan.js'
import {HELPER_NAMES} from '../../service/helpers.js'
import {serviceSuffix} from '../../service/naming.js'
import {recordedSettings, wantingTick} from '../../service/recorded-settings.js'
import type {Profile} from '../../service/profile.js'
import {formatSettings, parseSettings, type ServiceSettings} from '../../service/settings.js'
import type {
  ByHand,
  DefinitionEvidence,
  DefinitionFile,
  DirectiveDrift,
  GatewayDefinition,
  HeartbeatDefinition,
  LastTick,
  LogQuery,
  Manager,
  ManagerObservation,
  OwnFile,
  Scope,
  Service,
  UsedProgram,
} from '../manager.js'
import {enableLingerCommand, isLingering, lookFailed, managerEnvironment, noUserManager, runtimeFolder, userManagerAnswers} from './bus.js'
import {definitionPaths, isEdited, isOwn, renderDefinition, runtimeDirectoryName, scopeFolders, unitEnvironment} from './definition.js'
import {ownedDirectives, wantedDirectives} from './directives.js'
import {parseEnvironmentFile} from './escape.js'
import {execStartOf} from './exec-start.js'
import {definitionEvidence} from './evidence.js'
import {type HeartbeatChange, heartbeatPaths, installedNode, installSteps, removalSteps, renderHeartbeat} from './heartbeat.js'
import {journalCommand} from './journal.js'
import {gatewayDefinitions} from './rivals.js'
import {isLoaded, microsecondsToMs, observed, OBSERVED_PROPERTIES, positive, utcMs} from './observed.js'
import {parseShow, type Properties} from './show.js'

const READ_PROPERTIES = [...OBSERVED_PROPERTIES, 'StartLimitBurst', 'RestartMaxDelayUSec']
const READ_TIMEOUT_MS = 20_000
const CHANGE_TIMEOUT_MS = 60_000
const USER_MANAGER_TIMEOUT_MS = 10_000
/** Where the control groups that systemd manages are: alone, or beside those of the first version (cgroups(7)). */
const CGROUP_MOUNTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd']

/** A unit, by its name, in one of the two scopes. */
interface UnitPlace {
  readonly scope: Scope
  readonly name: string
}

/** The systemd of this machine, for system services or for the services of one account's user manager. */
export class SystemdManager implements Manager {
  readonly kind = 'systemd'
  readonly replacesForeign = false
  readonly commandPath = undefined
  readonly container = undefined
  readonly title: string
  /** An observation does not change, and many checks ask what its definition says. */
  private readonly evidenceOf = new WeakMap<ManagerObservation, DefinitionEvidence>()
  /** Found once: it is the same for all services, and does not change. */
  private cgroupMount: string | undefined

  /** `account`: whose user manager it is (user scope), or who asks (system scope). */
  constructor(
    private readonly host: Host,
    readonly scope: Scope,
    private readonly account: Account,
  ) {
    this.title = `systemd (${scope})`
  }

  defaultAccount(profileName: string): Account | undefined {
    if (this.scope === 'user') return this.account
    // The installed unit says whose gateway it is; a settings file of ours says so too, but a unit of upstream's has only itself.
    const suffix = profileName === 'default' ? '' : `-${profileName}`
    const text = readIfAllowed(this.host, path.join(scopeFolders('system', this.account).units, `hermes-gateway${suffix}.service`))
    return text === undefined ? undefined : this.accountOfUnit(text)
  }

  serviceFor(profile: Profile, account: Account): Service {
    const suffix = serviceSuffix(profile, account.home, (file) => this.host.realPath(file))
    return {profile, account, name: `hermes-gateway${suffix ? `-${suffix}` : ''}.service`}
  }

  isOnDisk(service: Service): boolean {
    return this.asOwner(() => this.host.lstat(definitionPaths(this.scope, service).unit) !== undefined)
  }

  observe(services: readonly Service[]): ManagerObservation[] {
    if (services.length === 0) return []
    // Without a user manager nothing runs under it; of what is not on disk either, that is all there is to know.
    if (!this.answers() && !services.some((service) => this.isOnDisk(service))) return services.map((service) => this.notInstalled(service))
    this.requireManager()
    const properties = [...READ_PROPERTIES, ...ownedDirectives()].join(',')
    const result = this.actor().read(
      [...this.systemctl(), 'show', `--property=${properties}`, '--', ...services.map((service) => service.name)],
      {
        env: this.env(),
        timeoutMs: READ_TIMEOUT_MS,
      },
    )
    if (result.code !== 0) throw lookFailed(result)
    const blocks = parseShow(result.stdout)
    if (blocks.length !== services.length) {
      throw new ServiceError(`systemctl show answered for ${blocks.length} units instead of ${services.length}`, {
        code: 'manager-not-understood',
        exitStatus: ExitStatus.cannotTell,
      })
    }
    return services.map((service, index) => this.observation(service, blocks[index] ?? {}))
  }

  notInstalled(service: Service): ManagerObservation {
    return this.observation(service, {LoadState: 'not-found'})
  }

  whileDown(service: Service): ManagerObservation | undefined {
    if (this.answers()) return undefined
    const {unit} = definitionPaths(this.scope, service)
    const wanted = path.join(path.dirname(unit), 'default.target.wants', service.name)
    const UnitFileState = this.asOwner(() => this.host.lstat(wanted)) ? 'enabled' : 'disabled'
    const seen = this.observation(service, {LoadState: 'loaded', FragmentPath: unit, UnitFileState, ActiveState: 'inactive'})
    return seen.installed === 'own' && seen.settings ? {...seen, home: seen.settings.home} : undefined
  }

  async render(service: Service, settings: ServiceSettings, environment: ReadonlyMap<string, string>): Promise<DefinitionFile[]> {
    const text = readIfAllowed(this.host, definitionPaths(this.scope, service).unit)
    // Another tool's unit may be in another folder, such as that of a package.
    const withUnit = text === undefined ? settings.createdDefinition : isOwn(text)
    return renderDefinition(this.host, this.scope, service, settings, environment, {withUnit, systemdVersion: this.version()})
  }

  readEnvironment(service: Service): Map<string, string> {
    return this.asOwner(() => parseEnvironmentFile(this.host.readText(definitionPaths(this.scope, service).environmentFile) ?? ''))
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
      const setBy = observation.definitionPaths.findLast((file) => value.pattern.test(readIfAllowed(this.host, file) ?? ''))
      drifts.push({directive: value.name, wanted: value.text, merged, setBy})
    }
    return drifts
  }

  evidence(observation: ManagerObservation): DefinitionEvidence {
    const known = this.evidenceOf.get(observation)
    if (known) return known
    const {service, definitionPaths: loaded} = observation
    const own = loaded.includes(definitionPaths(this.scope, service).dropIn) ? this.ownFiles(service) : []
    const helpers = own.filter(({role}) => role === 'helper').map(({path: file}): UsedProgram => ({path: file, role: 'helper'}))
    const texts = loaded.map((file) => readIfAllowed(this.host, file) ?? '')
    const evidence = definitionEvidence(observation.directives, execStartOf(texts), helpers)
    this.evidenceOf.set(observation, evidence)
    return evidence
  }

  tickPrograms(account: Account): UsedProgram[] {
    const {entry, serviceFile} = heartbeatPaths(this.scope, account)
    const node = this.asOwner(() => installedNode(this.host, serviceFile))
    return node === undefined
      ? []
      : [
          {path: node, role: 'node'},
          {path: entry, role: 'tick'},
        ]
  }

  ownFiles(service: Service): OwnFile[] {
    const {unit, dropIn, supportFolder, settings, environmentFile} = definitionPaths(this.scope, service)
    return [
      {path: unit, role: 'definition'},
      {path: dropIn, role: 'policy'},
      {path: settings, role: 'settings'},
      {path: environmentFile, role: 'secrets'},
      ...HELPER_NAMES.map((name): OwnFile => ({path: path.join(supportFolder, name), role: 'helper'})),
    ]
  }

  editedFiles(service: Service): string[] {
    const {unit, dropIn} = definitionPaths(this.scope, service)
    return this.asOwner(() => [unit, dropIn].filter((file) => isEdited(this.host.readText(file) ?? '')))
  }

  gatewayDefinitions(account: Account): GatewayDefinition[] {
    return this.asOwner(() => (['user', 'system'] as const).flatMap((scope) => gatewayDefinitions(this.host, scope, account)))
  }

  isRunning({name, scope}: GatewayDefinition, {gateways}: ProcessTable): boolean {
    return gateways.some(({cgroup}) => {
      const parts = cgroup?.split('/') ?? []
      return parts.includes(name) && parts.some((part) => /^user@\d+\.service$/.test(part)) === (scope === 'user')
    })
  }

  endRival({name}: GatewayDefinition): RunStep[] {
    return [this.change(`stop ${name} and keep it down`, ['disable', '--now', name])]
  }

  byHand(act: ByHand, name: string, scope = this.scope): string {
    const words = {status: `status ${name}`, reload: 'daemon-reload', unmask: `unmask ${name}`, disable: `disable --now ${name}`}[act]
    return scope === 'user' ? `systemctl --user ${words}` : `sudo systemctl ${words}`
  }

  async heartbeat(service: Service, settings: ServiceSettings | undefined, force = false): Promise<HeartbeatDefinition> {
    const {account} = service
    const all = this.asOwner(() => recordedSettings(this.host, this.supportFolder()))
    const own = path.basename(definitionPaths(this.scope, service).supportFolder)
    const before = all.get(own)
    all.delete(own)
    if (settings) all.set(own, settings)
    const wanting = wantingTick(all.values(), account)
    if (wanting.length > 0) {
      const files = await renderHeartbeat(this.host, this.scope, account, wanting)
      // A service that is not there, and goes on not being there, changes nothing for the others.
      const isAbout = settings !== undefined || before !== undefined
      return {files, steps: isAbout ? installSteps(this.host, files, force, this.heartbeatChange(service)) : []}
    }
    const isEntryWanted = [...all.values()].some((other) => other.heartbeat.enabled)
    return {files: [], steps: removalSteps(this.host, !isEntryWanted, this.heartbeatChange(service))}
  }

  lastTick(service: Service): LastTick | undefined {
    const {service: tick} = heartbeatPaths(this.scope, service.account)
    const argv = [...this.systemctl(), 'show', '--property=ExecMainExitTimestamp,ExecMainExitTimestampMonotonic', '--', tick]
    const result = this.actor().read(argv, {env: {...this.env(), TZ: 'UTC'}, timeoutMs: READ_TIMEOUT_MS})
    if (result.code !== 0) throw lookFailed(result)
    const shown = parseShow(result.stdout)[0] ?? {}
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
    const env = managerEnvironment('system', account)
    const steps: Step[] = []
    if (settings.linger && !isLingering(this.host, account)) {
      steps.push({
        kind: 'act',
        why: `let ${account.name}'s services run without a login (lingering)`,
        act: async () => {
          const result = await this.host.run(['loginctl', '--no-ask-password', 'enable-linger', account.name], {
            env,
            timeoutMs: CHANGE_TIMEOUT_MS,
          })
          if (result.code === 0 && isLingering(this.host, account)) return
          throw new ServiceError(`Lingering could not be turned on for ${account.name}: ${result.stderr.trim() || 'not allowed'}`, {
            code: 'linger-refused',
            exitStatus: ExitStatus.failed,
            next: [enableLingerCommand(account), 'hermes-svc install --no-linger   # the gateway then runs only while you are logged in'],
          })
        },
      })
      steps.push({kind: 'on-undo', why: 'take lingering back if a later step fails', run: this.disableLinger(account)})
    }
    if (!this.answers()) {
      if (!settings.linger) throw noUserManager(account)
      steps.push({
        kind: 'act',
        why: `wait for the user manager of ${account.name}`,
        act: async () => {
          const endMs = this.host.monotonicMs() + USER_MANAGER_TIMEOUT_MS
          while (!this.answers()) {
            if (this.host.monotonicMs() > endMs) throw noUserManager(account)
            await this.host.sleep(50)
          }
        },
      })
    }
    return steps
  }

  private disableLinger(account: Account): RunStep {
    const argv = ['loginctl', '--no-ask-password', 'disable-linger', account.name]
    return {
      kind: 'run',
      why: `end lingering of ${account.name}`,
      argv,
      env: managerEnvironment('system', account),
      timeoutMs: CHANGE_TIMEOUT_MS,
    }
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

  leftovers(service: Service, wanted: readonly string[]): string[] {
    const paths = definitionPaths(this.scope, service)
    return this.asOwner(() => {
      const support = (this.host.list(paths.supportFolder) ?? []).map((name) => path.join(paths.supportFolder, name))
      const interrupted = [paths.unit, paths.dropIn].map(temporaryPath).filter((file) => this.host.lstat(file) !== undefined)
      return [...support, ...interrupted].filter((file) => !wanted.includes(file))
    })
  }

  removeSteps(observation: ManagerObservation): Step[] {
    const {service} = observation
    const paths = definitionPaths(this.scope, service)
    const as = this.owner(service)
    // The unit first: our drop-in beside it is what tells that we created it, even if another tool has rewritten it since.
    const isCreated = observation.installed === 'own' || (observation.settings?.createdDefinition && observation.installed !== 'foreign')
    const files = [...(isCreated ? [paths.unit] : []), paths.dropIn, ...this.leftovers(service, [])]
    // systemd itself removes the folder when the service stops, but not during its delay before a restart, nor for a unit that goes on running.
    const runtime = this.runtimeFolderOf(service)
    const remembered = this.asOwner(() => this.host.list(runtime) ?? []).map((name) => path.join(runtime, name))
    const folders = [paths.dropInFolder, paths.supportFolder, runtime].filter((folder) => this.host.stat(folder) !== undefined)
    // The folders around them go too if nobody else has anything in them.
    if (folders.length > 0) {
      folders.push(path.dirname(paths.supportFolder))
      if (this.scope === 'user') folders.push(path.dirname(paths.unit), path.dirname(path.dirname(paths.unit)))
    }
    return [
      ...files
        .filter((file) => this.host.lstat(file) !== undefined)
        .map((file): Step => ({kind: 'remove-file', why: `remove ${file}`, path: file, as})),
      ...remembered.map((file): Step => ({kind: 'remove-file', why: `remove ${file}`, path: file, as: service.account})),
      ...folders.map((folder): Step => ({kind: 'remove-folder', why: `remove ${folder} if it is empty`, path: folder, as})),
    ]
  }

  traces(service: Service): string[] {
    const paths = definitionPaths(this.scope, service)
    const places = [paths.unit, paths.dropInFolder, paths.supportFolder, this.runtimeFolderOf(service), ...this.heartbeatTraces(service)]
    const files = places.filter((file) => this.host.lstat(file) !== undefined)
    const shown = this.observe([service])[0]
    const known =
      shown && (shown.installed !== 'no' || shown.activity !== 'stopped')
        ? [`${this.title} still knows ${service.name} (${shown.activity})`]
        : []
    return [...files, ...known]
  }

  afterUninstall(observation: ManagerObservation): Step[] {
    const {service, settings} = observation
    if (!settings?.turnedLingerOn || !isLingering(this.host, service.account)) return []
    const others = this.asOwner(() => this.otherUnits(service))
    return others.length === 0 ? [{...this.disableLinger(service.account), mayFail: true}] : this.leaveLinger(service, others)
  }

  /** Leaves it to the uninstall of another service of the account to end lingering, where one of ours is left. */
  private leaveLinger(service: Service, others: readonly UnitPlace[]): Step[] {
    const {account} = service
    const mayWrite = (scope: Scope) => scope === 'user' || this.host.account.uid === 0
    const heirs = others
      .filter(({scope}) => mayWrite(scope))
      .flatMap(({scope, name}) => {
        const file = definitionPaths(scope, {...service, name}).settings
        const settings = parseSettings(readIfAllowed(this.host, file))
        return settings?.account === account.name ? [{scope, name, file, settings}] : []
      })
    const [heir] = heirs
    if (!heir || heirs.some(({settings}) => settings.turnedLingerOn)) return []
    return [
      {
        kind: 'write-file',
        why: `leave it to ${heir.name} to end lingering of ${account.name}`,
        path: heir.file,
        text: formatSettings({...heir.settings, turnedLingerOn: true}),
        mode: 0o644,
        as: heir.scope === 'user' ? account : undefined,
      },
    ]
  }

  /** The gateways of the service's account that have a unit, in either scope, beside this one; those of this scope first. */
  private otherUnits(service: Service): UnitPlace[] {
    const {account} = service
    const unitsIn = (scope: Scope) => {
      const {units} = scopeFolders(scope, account)
      const names = (this.host.list(units) ?? []).filter((name) => /^hermes-gateway.*\.service$/.test(name)).sort()
      const others = names.filter((name) => scope !== this.scope || name !== service.name).map((name) => ({scope, name}))
      if (scope === 'user') return others
      return others.filter(({name}) => this.accountOfUnit(readIfAllowed(this.host, path.join(units, name)) ?? '')?.uid === account.uid)
    }
    return this.scope === 'user' ? [...unitsIn('user'), ...unitsIn('system')] : [...unitsIn('system'), ...unitsIn('user')]
  }

  /** Whom a unit of the machine runs as: without User= it is root (systemd.exec(5)). */
  private accountOfUnit(text: string): Account | undefined {
    const user = [...text.matchAll(/^[ \t]*User[ \t]*=[ \t]*(.*?)[ \t]*$/gm)].at(-1)?.[1] || '0'
    return this.host.accountOf(/^\d+$/.test(user) ? Number(user) : user)
  }

  reload(): RunStep[] {
    return [this.change('have systemd read the definition', ['daemon-reload'])]
  }

  enable(service: Service): RunStep[] {
    return [this.change('start it at every boot', ['enable', service.name])]
  }

  disable(service: Service): RunStep[] {
    return [this.change('keep it down over a reboot', ['disable', service.name])]
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

  logCommand(service: Service, query: LogQuery): {argv: string[]; env: Record<string, string>} {
    return {argv: journalCommand(this.scope, service, query), env: this.env()}
  }

  logFiles(): string[] {
    return []
  }

  owner(service: Service): Account | undefined {
    return this.scope === 'user' ? service.account : undefined
  }

  /** A start by hand must not wait for a delay that earlier failures earned, nor be refused for them. */
  private forgetFailures(service: Service): Step[] {
    const file = path.join(this.runtimeFolderOf(service), 'failures')
    return [this.resetFailed(service), {kind: 'remove-file', why: 'forget earlier failures', path: file, as: service.account}]
  }

  private resetFailed(service: Service): RunStep {
    return {...this.change('reset a failed state', ['reset-failed', service.name]), mayFail: true}
  }

  /** Where the helpers keep what they remember between two starts. */
  private runtimeFolderOf(service: Service): string {
    return path.join(runtimeFolder(this.scope, service.account), runtimeDirectoryName(service))
  }

  private supportFolder(): string {
    return scopeFolders(this.scope, this.account).support
  }

  /** Files of the tick that no service wants any more. */
  private heartbeatTraces({account}: Service): string[] {
    const all = this.asOwner(() => recordedSettings(this.host, this.supportFolder()))
    const {timerFile, serviceFile, entry} = heartbeatPaths(this.scope, account)
    if (wantingTick(all.values(), account).length > 0) return []
    return [timerFile, serviceFile, ...([...all.values()].some((settings) => settings.heartbeat.enabled) ? [] : [entry])]
  }

  private heartbeatChange(service: Service): HeartbeatChange {
    const paths = heartbeatPaths(this.scope, service.account)
    const argv = [...this.systemctl(), 'show', '--property=UnitFileState,ActiveState,NeedDaemonReload', '--', paths.timer, paths.service]
    // Where no user manager runs nothing is active, and other steps say so if one is needed.
    const answers = this.scope === 'system' || userManagerAnswers(this.host, this.account)
    const shown = answers ? this.actor().read(argv, {env: this.env(), timeoutMs: READ_TIMEOUT_MS}) : undefined
    if (shown && shown.code !== 0) throw lookFailed(shown)
    const states = parseShow(shown?.stdout ?? '')
    const timer = {
      isEnabled: states[0]?.UnitFileState === 'enabled',
      isActive: states[0]?.ActiveState === 'active',
      needsReload: states.some((state) => state.NeedDaemonReload === 'yes'),
    }
    return {paths, timer, as: this.owner(service), change: (why, words) => this.change(why, words)}
  }

  /** One call of systemctl that changes something, with the ids of the user manager's account. */
  private change(why: string, words: readonly string[]): RunStep {
    const as = this.scope === 'user' ? this.account : undefined
    return {kind: 'run', why, argv: [...this.systemctl(), ...words], env: this.env(), timeoutMs: CHANGE_TIMEOUT_MS, as}
  }

  private observation(service: Service, shown: Properties): ManagerObservation {
    const paths = definitionPaths(this.scope, service)
    return {
      ...observed(shown),
      service,
      installed: isLoaded(shown) ? this.installation(paths.dropIn, shown.FragmentPath ?? '') : 'no',
      failuresInARow: this.failuresInARow(service),
      settings: this.asOwner(() => parseSettings(readIfAllowed(this.host, paths.settings))),
    }
  }

  private installation(dropIn: string, fragment: string): ManagerObservation['installed'] {
    if (fragment === '') return 'no'
    return this.asOwner(() => {
      if (isOwn(readIfAllowed(this.host, fragment) ?? '')) return 'own'
      return this.host.lstat(dropIn) ? 'adopted' : 'foreign'
    })
  }

  private failuresInARow(service: Service): number {
    return positive(readIfAllowed(this.host, path.join(this.runtimeFolderOf(service), 'failures'))?.trim()) ?? 0
  }

  private version(): number {
    const result = this.host.read(['systemctl', '--version'], {env: this.env(), timeoutMs: READ_TIMEOUT_MS})
    return Number(/^systemd (\d+)/.exec(result.stdout)?.[1] ?? 0)
  }

  /** False only for a user manager that does not run. */
  private answers(): boolean {
    return this.scope === 'system' || userManagerAnswers(this.host, this.account)
  }

  private requireManager(): void {
    if (!this.answers()) throw noUserManager(this.account)
  }

  /** Who talks to the manager: only its own user may talk to a user manager. */
  private actor(): Host {
    return this.scope === 'user' ? this.host.as(this.account) : this.host
  }

  private systemctl(): string[] {
    return this.scope === 'user' ? ['systemctl', '--user'] : ['systemctl', '--no-ask-password']
  }

  private env(): Record<string, string> {
    return managerEnvironment(this.scope, this.account)
  }

  /** Looking at files of a user's home that may not be seen is "cannot tell". */
  private asOwner<T>(look: () => T): T {
    try {
      return look()
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      throw new ServiceError(error.message, {code: 'no-access', exitStatus: ExitStatus.cannotTell})
    }
  }
}

/** The slice in which a user manager puts its services. */
function userSlice({uid}: Account): string {
  return `/user.slice/user-${uid}.slice/user@${uid}.service/app.slice`
}
