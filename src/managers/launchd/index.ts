import type {Scope, Service} from '../../service/service.js'
import {accountDoor, ownerDoor} from '../../host/account-door.js'
import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import {ancestorsIn, type ProcessTable} from '../../gateway/process-table.js'
import type {Account, Door, Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {onUndo, type RunStep, type Step} from '../../plan/plan.js'
import {serviceSuffix} from '../../service/naming.js'
import type {Profile} from '../../service/profile.js'
import {recordedSettings, tickWish} from '../../service/recorded-settings.js'
import type {ServiceSettings} from '../../service/settings.js'
import type {
  ByHand,
  DefinitionEvidence,
  DefinitionFile,
  DirectiveDrift,
  GatewayDefinition,
  HeartbeatDefinition,
  HeartbeatOptions,
  LogCommand,
  LogQuery,
  Manager,
  ManagerObservation,
  OwnFile,
  SharedPlace,
  UsedProgram,
} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {definitionPaths, plistEnvironment, renderDefinition, scopeFolders} from './render.js'
import {chooseDomain, domainOf, domainsOf, parseDomainKind} from './domain.js'
import {driftOf} from './drift.js'
import {parseEnvironment} from './environment-file.js'
import {descends, type Evidence, observationOf, readMemory, readOnDisk, readProcesses, readProcessGroup} from './observe.js'
import {noSession} from './failures.js'
import {folderSteps} from './folders.js'
import {type HeartbeatChange, heartbeatPaths, installSteps, jobFaults, removalSteps, renderHeartbeat} from './tick.js'
import {JobLife} from './control.js'
import {Launchctl, launchctlEnvironment} from './launchctl.js'
import {commandOf, definitionEvidence} from './evidence.js'
import {type Job, unloadStep} from './load.js'
import {logCommand} from './logs.js'
import {isEdited, isOwn, member, parsePlist} from './plist.js'
import {fileTraces, leftovers, removeSteps, removeTrace} from './install.js'
import {gatewayDefinitions} from './rivals.js'
import {Whereabouts} from './whereabouts.js'

/** The launchd of this machine: daemons of the system, or agents of one account's session. */
export class LaunchdManager implements Manager {
  readonly kind = 'launchd'
  readonly replacesForeign = false
  readonly canLinger = false
  readonly commandPath = undefined
  readonly container = undefined
  private readonly launchctl: Launchctl
  private readonly where: Whereabouts
  private readonly life: JobLife

  /** Through which the files of this scope are read: a user's own are, as root too, with that user's ids. */
  private readonly files: Door

  /** `account`: whose session it is (user scope), or who asks (system scope). */
  constructor(
    private readonly host: Host,
    readonly scope: Scope,
    private readonly account: Account,
  ) {
    this.files = ownerDoor(host, scope === 'user' ? account : undefined)
    this.launchctl = new Launchctl(host)
    this.where = new Whereabouts(host, scope, this.launchctl)
    this.life = new JobLife(host, scope, this.launchctl, this.where, (service) => this.observe([service])[0]?.mainPid)
  }

  /** With the domain where new services go. */
  get title(): string {
    try {
      return `launchd (${chooseDomain(this.launchctl, this.scope, this.account, undefined).target})`
    } catch (error) {
      if (error instanceof ServiceError) return `launchd (${this.scope})`
      throw error
    }
  }

  inScope(scope: Scope, account: Account): Manager {
    return new LaunchdManager(this.host, scope, account)
  }

  defaultAccount(profileName: string): Account | undefined {
    if (this.scope === 'user') return this.account
    const suffix = profileName === 'default' ? '' : `-${profileName}`
    const file = path.join(scopeFolders('system', this.account).plists, `ai.hermes.gateway${suffix}.plist`)
    const text = readIfAllowed(this.files, file)
    if (text === undefined) return undefined
    // Without UserName a daemon runs as root (launchd.plist(5)).
    const user = member(parsePlist(text), 'UserName')
    return this.host.accountOf(typeof user === 'string' ? user : 0)
  }

  serviceFor(profile: Profile, account: Account): Service {
    const suffix = serviceSuffix(profile, account.home, (file) => accountDoor(this.host, account).realPath(file))
    return {profile, account, name: `ai.hermes.gateway${suffix ? `-${suffix}` : ''}`}
  }

  isOnDisk(service: Service): boolean {
    return orNoAccess(() => this.files.lstat(definitionPaths(this.scope, service).plist) !== undefined)
  }

  observe(services: readonly Service[]): ManagerObservation[] {
    if (services.length === 0) return []
    const disabled = new Map<string, ReadonlyMap<string, boolean> | undefined>()
    let processes: Evidence['processes'] | undefined
    return services.map((service) => {
      const paths = definitionPaths(this.scope, service)
      const onDisk = orNoAccess(() => readOnDisk(this.files, this.scope, service))
      const {loaded, present} = this.where.find(service, onDisk.settings)
      // Without any session nothing runs in one; of what is not on disk either, that is all there is to know.
      if (present === undefined && onDisk.plist !== undefined) throw noSession(service.account)
      const domain = loaded?.domain ?? present
      // All domains of a user go by one record.
      if (domain && !disabled.has(domain.target)) disabled.set(domain.target, this.where.disabled(domain))
      if (loaded?.printed.pid !== undefined) processes ??= readProcesses(this.host)
      return observationOf(this.host, this.scope, service, {
        onDisk,
        job: loaded,
        domain,
        isDisabled: disabledIn(domain && disabled.get(domain.target), service.name),
        memory: readMemory(this.files, paths.stateFolder),
        processes: processes ?? new Map(),
      })
    })
  }

  notInstalled(service: Service): ManagerObservation {
    return observationOf(this.host, this.scope, service, {
      onDisk: {plist: undefined, launcher: undefined, settings: undefined},
      job: undefined,
      domain: undefined,
      isDisabled: undefined,
      memory: {gatewayPid: undefined, ended: undefined, restarts: 0, failures: 0, isStopping: false},
      processes: new Map(),
    })
  }

  /** Undefined: nothing can be told to launchd that would make a session without a login. */
  whileDown(): undefined {
    return undefined
  }

  async render(service: Service, settings: ServiceSettings, environment: ReadonlyMap<string, string>): Promise<DefinitionFile[]> {
    const {plist} = definitionPaths(this.scope, service)
    const text = readIfAllowed(this.files, plist)
    // launchd merges nothing into a property list, so there is no way to add our policy to another tool's.
    if (text !== undefined && !isOwn(text)) throw otherTools(plist)
    return renderDefinition(this.host, this.files, this.scope, service, this.recorded(settings), environment, this.where.domain(service))
  }

  readEnvironment(service: Service): Map<string, string> {
    return orNoAccess(() => parseEnvironment(this.files.readText(definitionPaths(this.scope, service).environmentFile) ?? ''))
  }

  unitEnvironment(service: Service, settings: ServiceSettings): Record<string, string> {
    return plistEnvironment(this.host, service, settings)
  }

  drift(observation: ManagerObservation, settings: ServiceSettings): DirectiveDrift[] {
    const {service} = observation
    const kind = parseDomainKind(observation.settings?.domain)
    return driftOf(this.scope, observation, settings, kind && domainOf(kind, service.account))
  }

  async heartbeat(
    service: Service,
    settings: ServiceSettings | undefined,
    {force = false}: HeartbeatOptions = {},
  ): Promise<HeartbeatDefinition> {
    const {account} = service
    const recorded = orNoAccess(() => recordedSettings(this.files, scopeFolders(this.scope, account).support))
    const {wanting, isAbout, isProgramWanted} = tickWish(recorded, service.name, settings, account)
    if (wanting.length === 0) return {files: [], steps: removalSteps(!isProgramWanted, this.heartbeatChange(service)), faults: []}
    const files = await renderHeartbeat(this.host, this.files, this.scope, account, wanting, this.where.domain(service))
    const change = this.heartbeatChange(service)
    return {files, steps: isAbout ? installSteps(files, force, change) : [], faults: jobFaults(change)}
  }

  evidence(observation: ManagerObservation): DefinitionEvidence {
    const scripts = this.ownFiles(observation.service).filter(({role}) => role === 'helper')
    return definitionEvidence(
      observation,
      scripts.map(({path: file}): UsedProgram => ({path: file, role: 'helper'})),
    )
  }

  tickPrograms(account: Account): UsedProgram[] {
    const {entry, plist} = heartbeatPaths(this.scope, account)
    const [node] = commandOf(readIfAllowed(this.files, plist) ?? '')
    if (node === undefined) return []
    return [
      {path: node, role: 'node'},
      {path: entry, role: 'tick'},
    ]
  }

  ownFiles(service: Service): OwnFile[] {
    const {plist, launcher, helper, startGateway, settings, environmentFile} = definitionPaths(this.scope, service)
    const scripts = [launcher, helper, startGateway]
    return [
      {path: plist, role: 'definition'},
      {path: settings, role: 'settings'},
      {path: environmentFile, role: 'secrets'},
      ...scripts.map((file): OwnFile => ({path: file, role: 'helper'})),
    ]
  }

  editedFiles(service: Service): string[] {
    const {plist} = definitionPaths(this.scope, service)
    return orNoAccess(() => [plist].filter((file) => isEdited(this.files.readText(file) ?? '')))
  }

  gatewayDefinitions(account: Account): GatewayDefinition[] {
    return (['user', 'system'] as const).flatMap((scope) => {
      const domains = domainsOf(scope, account).map((domain) => this.where.disabled(domain))
      const isDisabled = (label: string) => domains.some((disabled) => disabled?.get(label) ?? false)
      return gatewayDefinitions(this.host, scope, account, isDisabled)
    })
  }

  /** launchd has no masks: what keeps a job from being loaded is that it is disabled. */
  byHand(act: ByHand, name: string, scope = this.scope): string {
    const target = `${domainsOf(scope, this.account)[0]?.target}/${name}`
    const sudo = scope === 'system' ? 'sudo ' : ''
    switch (act) {
      case 'reload':
        return `${sudo}hermes-svc restart`
      case 'status':
        return `${sudo}launchctl print ${target}`
      case 'unmask':
        return `${sudo}launchctl enable ${target}`
      case 'disable':
        return `${sudo}launchctl bootout ${target}; ${sudo}launchctl disable ${target}`
    }
  }

  /** launchd notes no times. */
  lastTick(): undefined {
    return undefined
  }

  /**
   * The gateway and what it has started. What a former one has left behind has another parent by now, but is in the process group of the
   * job, if it has not left that: a job's first process leads a group of its own (launchd.plist(5), AbandonProcessGroup).
   */
  processesOf({mainPid, launcherPid}: ManagerObservation): readonly number[] | undefined {
    if (launcherPid === undefined) return undefined
    const processes = readProcesses(this.host)
    const group = readProcessGroup(this.host, launcherPid)
    return [...processes.keys()].filter((pid) => {
      if (mainPid !== undefined && descends(processes, pid, mainPid)) return true
      return group.includes(pid) && !descends(processes, pid, launcherPid)
    })
  }

  isRunning({name, scope}: GatewayDefinition, processes: ProcessTable): boolean {
    const pids = domainsOf(scope, this.account).map((domain) => this.where.pidOf(domain, name))
    return processes.gateways.some(({pid}) => [pid, ...ancestorsIn(processes, pid)].some((one) => pids.includes(one)))
  }

  /** Unloading ends the gateway; disabled, launchd does not load the job at the next login. All domains of a user go by one record. */
  endRival({name, path: plist}: GatewayDefinition): Step[] {
    const domains = domainsOf(this.scope, this.account)
    const job: Job = {label: name, plist, owner: this.scope === 'system' ? {uid: 0, name: 'root'} : this.account}
    return [
      this.launchctl.step(`keep ${name} down over a reboot`, ['disable', `${domains[0]?.target}/${name}`]),
      ...domains.map((domain) =>
        unloadStep(`unload ${name} from ${domain.target}, which ends its gateway`, this.host, this.launchctl, domain, job),
      ),
    ]
  }

  prerequisites(service: Service): Step[] {
    // Throws where there is none.
    const domain = this.where.domain(service)
    if (this.isOnDisk(service)) return []
    // What the launcher leaves of a service that then never was would keep its folders from being removed.
    const trace = removeTrace(this.host, this.scope, service)
    // What is undone before this disables it, and launchd would remember that.
    const enable = this.launchctl.disabled(domain.target).get(service.name) ? [] : this.enable(service)
    return onUndo([...enable, ...trace])
  }

  /** In system scope all accounts have one program of the tick. */
  sharedPlaces({account}: Service): SharedPlace[] {
    return this.scope === 'user' ? [{kind: 'account', path: account.home}] : [{kind: 'machine', path: '/var/run/hermes-svc'}]
  }

  folderSteps(service: Service): Step[] {
    return folderSteps(this.files, this.scope, service, this.owner(service))
  }

  settingsFile(service: Service): string {
    return definitionPaths(this.scope, service).settings
  }

  restartDueFile(service: Service): string {
    return path.join(definitionPaths(this.scope, service).supportFolder, 'restart-due')
  }

  memoryFolder(service: Service): string {
    return definitionPaths(this.scope, service).stateFolder
  }

  leftovers(service: Service, wanted: readonly string[]): string[] {
    return leftovers(this.files, this.scope, service, wanted)
  }

  removeSteps({service}: ManagerObservation): Step[] {
    return removeSteps(this.host, this.scope, service, this.owner(service))
  }

  traces(service: Service): string[] {
    const {loaded} = this.where.find(service, undefined)
    const known = loaded ? [`${loaded.domain.target} still knows ${service.name} (${loaded.printed.state})`] : []
    return [...fileTraces(this.files, this.scope, service), ...known]
  }

  /** launchd never forgets a disable by itself: whoever installed a job of that name again could not load it. */
  afterUninstall({service, installed, settings}: ManagerObservation): Step[] {
    // Of one that was uninstalled half-way the settings may be all that is left.
    if (installed !== 'own' && (installed !== 'no' || settings === undefined)) return []
    const words = ['enable', `${this.where.domain(service).target}/${service.name}`]
    return [{...this.launchctl.step('have launchd forget that it was disabled', words), mayFail: true}]
  }

  /** Nothing: launchd goes by a changed property list only once the job was unloaded and loaded again, which start and restart see to. */
  reload(): Step[] {
    return []
  }

  enable(service: Service): RunStep[] {
    return [this.launchctl.step('start it at every login or boot', ['enable', `${this.where.domain(service).target}/${service.name}`])]
  }

  disable(service: Service): RunStep[] {
    return [this.launchctl.step('keep it down over a reboot', ['disable', `${this.where.domain(service).target}/${service.name}`])]
  }

  start(service: Service): Step[] {
    return [this.life.forget(service), this.life.start(service)]
  }

  stop(service: Service): Step[] {
    return [this.life.stop(service)]
  }

  abort(service: Service): Step[] {
    return [this.life.kill(service), ...this.settle(service)]
  }

  settle(service: Service): Step[] {
    return [this.life.forgetEnded(service), this.life.forget(service)]
  }

  runsWithoutLogin(): boolean {
    return this.scope === 'system'
  }

  restart(service: Service): Step[] {
    return [this.life.forget(service), this.life.restart(service)]
  }

  logCommand(service: Service, query: LogQuery): LogCommand {
    const reader = this.scope === 'system' ? 'machine' : 'account'
    return {argv: logCommand(definitionPaths(this.scope, service).log, query), env: launchctlEnvironment(), reader, isPlain: true}
  }

  logFiles(service: Service): string[] {
    return [definitionPaths(this.scope, service).log, heartbeatPaths(this.scope, service.account).log]
  }

  owner(service: Service): Account | undefined {
    return this.scope === 'user' ? service.account : undefined
  }

  /** launchd has no lingering: what a user's agent needs is a login, and what a daemon needs is none. */
  private recorded(settings: ServiceSettings): ServiceSettings {
    return {...settings, linger: this.scope === 'system', turnedLingerOn: false}
  }

  private heartbeatChange(service: Service): HeartbeatChange {
    const {account} = service
    return {
      host: this.host,
      launchctl: this.launchctl,
      paths: heartbeatPaths(this.scope, account),
      domain: this.where.domain(service),
      owner: this.life.job(service).owner,
      as: this.owner(service),
      account,
    }
  }
}

function disabledIn(all: ReadonlyMap<string, boolean> | undefined, label: string): boolean | undefined {
  return all && (all.get(label) ?? false)
}

function otherTools(plist: string): ServiceError {
  return new ServiceError(`${plist} is another tool's, and launchd has no way to add our policy to it`, {
    code: 'foreign-definition',
    exitStatus: ExitStatus.failed,
    next: ["hermes gateway uninstall   # upstream's own; then the same command again"],
  })
}
