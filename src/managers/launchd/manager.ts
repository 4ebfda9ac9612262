import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import {ancestorsIn, type ProcessTable} from '../../gateway/process-table.js'
import {type Account, type Host, temporaryPath} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {onUndo, type Progress, type RunStep, type Step} from '../../plan/plan.js'
import {HELPER_NAMES} from '../../service/helpers.js'
import {serviceSuffix} from '../../service/naming.js'
import type {Profile} from '../../service/profile.js'
import {recordedSettings, tickWish, wantingTick} from '../../service/recorded-settings.js'
import type {ServiceSettings} from '../../service/settings.js'
import type {
  ByHand,
  DefinitionEvidence,
  DefinitionFile,
  DirectiveDrift,
  GatewayDefinition,
  HeartbeatDefinition,
  LogCommand,
  LogQuery,
  Manager,
  ManagerObservation,
  OwnFile,
  Scope,
  Service,
  UsedProgram,
} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {definitionPaths, plistEnvironment, renderDefinition, scopeFolders} from './definition.js'
import {chooseDomain, type Domain, domainOf, domainsOf, parseDomainKind, requireNotRoot} from './domain.js'
import {driftOf} from './drift.js'
import {parseEnvironment} from './environment-file.js'
import {descends, type Evidence, isStale, observationOf, readMemory, readOnDisk, readProcesses, readProcessGroup} from './evidence.js'
import {answerOf, changeFailed, noSession} from './failures.js'
import {giveStep, logSteps} from './hand-over.js'
import {type HeartbeatChange, heartbeatPaths, installSteps, removalSteps, renderHeartbeat} from './heartbeat.js'
import {Launchctl, launchctlEnvironment} from './launchctl.js'
import {commandOf, definitionEvidence} from './life.js'
import {type Job, load, unload, waitUntilEnded} from './load.js'
import {logCommand, logFiles} from './logs.js'
import {isEdited, isOwn, member, parsePlist} from './plist.js'
import type {PrintedJob} from './print.js'
import {gatewayDefinitions} from './rivals.js'

/** What a stop or a start by hand makes the launcher and the helpers forget. */
const FORGOTTEN = ['failures', 'restarts', 'started', 'stop', 'stopping'] as const
/** How much longer a stop may take than the gateway. */
const STOP_MARGIN_MS = 5000
const LOOK_EVERY_MS = 100
/** States of a job whose process was told to end. */
const ENDING: readonly string[] = ['SIGTERMed', 'SIGKILLed', 'languishing']

/** Where a service is loaded, and what launchd says of it there. */
interface Loaded {
  readonly domain: Domain
  readonly printed: PrintedJob
}

/** The launchd of this machine: daemons of the system, or agents of one account's session. */
export class LaunchdManager implements Manager {
  readonly kind = 'launchd'
  readonly replacesForeign = false
  readonly canLinger = false
  readonly commandPath = undefined
  readonly container = undefined
  private readonly launchctl: Launchctl

  /** `account`: whose session it is (user scope), or who asks (system scope). */
  constructor(
    private readonly host: Host,
    readonly scope: Scope,
    private readonly account: Account,
  ) {
    this.launchctl = new Launchctl(host)
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

  defaultAccount(profileName: string): Account | undefined {
    if (this.scope === 'user') return this.account
    const suffix = profileName === 'default' ? '' : `-${profileName}`
    const file = path.join(scopeFolders('system', this.account).plists, `ai.hermes.gateway${suffix}.plist`)
    const text = readIfAllowed(this.host, file)
    if (text === undefined) return undefined
    // Without UserName a daemon runs as root (launchd.plist(5)).
    const user = member(parsePlist(text), 'UserName')
    return this.host.accountOf(typeof user === 'string' ? user : 0)
  }

  serviceFor(profile: Profile, account: Account): Service {
    const suffix = serviceSuffix(profile, account.home, (file) => this.host.realPath(file))
    return {profile, account, name: `ai.hermes.gateway${suffix ? `-${suffix}` : ''}`}
  }

  isOnDisk(service: Service): boolean {
    return orNoAccess(() => this.host.lstat(definitionPaths(this.scope, service).plist) !== undefined)
  }

  observe(services: readonly Service[]): ManagerObservation[] {
    if (services.length === 0) return []
    const disabled = new Map<string, ReadonlyMap<string, boolean> | undefined>()
    let processes: Evidence['processes'] | undefined
    return services.map((service) => {
      const paths = definitionPaths(this.scope, service)
      const onDisk = orNoAccess(() => readOnDisk(this.host, this.scope, service))
      const {loaded, present} = this.find(service, onDisk.settings)
      // Without any session nothing runs in one; of what is not on disk either, that is all there is to know.
      if (present === undefined && onDisk.plist !== undefined) throw noSession(service.account)
      const domain = loaded?.domain ?? present
      // All domains of a user go by one record.
      if (domain && !disabled.has(domain.target)) disabled.set(domain.target, this.disabledOrUnknown(domain))
      if (loaded?.printed.pid !== undefined) processes ??= readProcesses(this.host)
      return observationOf(this.host, this.scope, service, {
        onDisk,
        job: loaded,
        domain,
        isDisabled: disabledIn(domain && disabled.get(domain.target), service.name),
        memory: readMemory(this.host, paths.stateFolder),
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
    const text = readIfAllowed(this.host, plist)
    // launchd merges nothing into a property list, so there is no way to add our policy to another tool's.
    if (text !== undefined && !isOwn(text)) throw otherTools(plist)
    return renderDefinition(this.host, this.scope, service, this.recorded(settings), environment, this.domain(service))
  }

  readEnvironment(service: Service): Map<string, string> {
    return orNoAccess(() => parseEnvironment(this.host.readText(definitionPaths(this.scope, service).environmentFile) ?? ''))
  }

  unitEnvironment(service: Service, settings: ServiceSettings): Record<string, string> {
    return plistEnvironment(this.host, service, settings)
  }

  drift(observation: ManagerObservation, settings: ServiceSettings): DirectiveDrift[] {
    const {service} = observation
    const kind = parseDomainKind(observation.settings?.domain)
    return driftOf(this.scope, observation, settings, kind && domainOf(kind, service.account))
  }

  async heartbeat(service: Service, settings: ServiceSettings | undefined, force = false): Promise<HeartbeatDefinition> {
    const {account} = service
    const recorded = orNoAccess(() => recordedSettings(this.host, scopeFolders(this.scope, account).support))
    const {wanting, isAbout, isProgramWanted} = tickWish(recorded, service.name, settings, account)
    if (wanting.length === 0) return {files: [], steps: removalSteps(!isProgramWanted, this.heartbeatChange(service))}
    const files = await renderHeartbeat(this.host, this.scope, account, wanting, this.domain(service))
    return {files, steps: isAbout ? installSteps(files, force, this.heartbeatChange(service)) : []}
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
    const [node] = commandOf(readIfAllowed(this.host, plist) ?? '')
    if (node === undefined) return []
    return [
      {path: node, role: 'node'},
      {path: entry, role: 'tick'},
    ]
  }

  ownFiles(service: Service): OwnFile[] {
    const {plist, supportFolder, launcher, settings, environmentFile} = definitionPaths(this.scope, service)
    const scripts = [launcher, ...[...HELPER_NAMES, 'start-gateway.sh'].map((name) => path.join(supportFolder, name))]
    return [
      {path: plist, role: 'definition'},
      {path: settings, role: 'settings'},
      {path: environmentFile, role: 'secrets'},
      ...scripts.map((file): OwnFile => ({path: file, role: 'helper'})),
    ]
  }

  editedFiles(service: Service): string[] {
    const {plist} = definitionPaths(this.scope, service)
    return orNoAccess(() => [plist].filter((file) => isEdited(this.host.readText(file) ?? '')))
  }

  gatewayDefinitions(account: Account): GatewayDefinition[] {
    return (['user', 'system'] as const).flatMap((scope) => {
      const domains = domainsOf(scope, account).map((domain) => this.disabledOrUnknown(domain))
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
    const pids = domainsOf(scope, this.account).map((domain) => this.pidOf(domain, name))
    return processes.gateways.some(({pid}) => [pid, ...ancestorsIn(processes, pid)].some((one) => pids.includes(one)))
  }

  /** Unloading ends the gateway; disabled, launchd does not load the job at the next login. All domains of a user go by one record. */
  endRival({name, path: plist}: GatewayDefinition): Step[] {
    const domains = domainsOf(this.scope, this.account)
    const job: Job = {label: name, plist, owner: this.scope === 'system' ? {uid: 0, name: 'root'} : this.account}
    const act = async (progress: Progress): Promise<void> => {
      for (const domain of domains) await unload(this.host, this.launchctl, domain, job, progress)
    }
    return [
      this.launchctl.step(`keep ${name} down over a reboot`, ['disable', `${domains[0]?.target}/${name}`]),
      {kind: 'act', why: `unload ${name}, which ends its gateway`, act},
    ]
  }

  prerequisites(service: Service): Step[] {
    // Throws where there is none.
    const domain = this.domain(service)
    if (this.isOnDisk(service)) return []
    // What the launcher leaves of a service that then never was would keep its folders from being removed.
    const trace = this.removeTrace(service)
    // What is undone before this disables it, and launchd would remember that.
    const enable = this.launchctl.disabled(domain.target).get(service.name) ? [] : this.enable(service)
    return onUndo([...enable, trace])
  }

  folderSteps(service: Service): Step[] {
    const paths = definitionPaths(this.scope, service)
    const as = this.owner(service)
    const {plists, support, logs} = scopeFolders(this.scope, service.account)
    const library = path.dirname(plists)
    const folders = [library, plists, path.dirname(support), support, paths.supportFolder, path.dirname(logs), logs]
    const steps = folders.map((folder): Step => ({kind: 'make-folder', why: `make ${folder}`, path: folder, mode: 0o755, as}))
    steps.push({kind: 'make-folder', why: `make ${paths.stateFolder}`, path: paths.stateFolder, mode: 0o700, as})
    if (this.scope === 'system') steps.push(...this.handOver(service))
    return steps
  }

  settingsFile(service: Service): string {
    return definitionPaths(this.scope, service).settings
  }

  restartDueFile(service: Service): string {
    return path.join(definitionPaths(this.scope, service).supportFolder, 'restart-due')
  }

  leftovers(service: Service, wanted: readonly string[]): string[] {
    const paths = definitionPaths(this.scope, service)
    return orNoAccess(() => {
      const support = (this.host.list(paths.supportFolder) ?? [])
        .map((name) => path.join(paths.supportFolder, name))
        .filter((file) => file !== paths.stateFolder)
      const interrupted = [temporaryPath(paths.plist)].filter((file) => this.host.lstat(file) !== undefined)
      return [...support, ...interrupted].filter((file) => !wanted.includes(file))
    })
  }

  removeSteps(observation: ManagerObservation): Step[] {
    const {service} = observation
    const paths = definitionPaths(this.scope, service)
    const as = this.owner(service)
    const isThere = (file: string) => this.host.lstat(file) !== undefined
    const isOurs = isOwn(readIfAllowed(this.host, paths.plist) ?? '')
    const files = [...(isOurs ? [paths.plist] : []), ...this.leftovers(service, []), ...logFiles(this.host, paths.log)].filter(isThere)
    const {support, logs} = scopeFolders(this.scope, service.account)
    const folders = [paths.supportFolder, support, logs].filter(isThere)
    return [
      ...files.map((file): Step => ({kind: 'remove-file', why: `remove ${file}`, path: file, as})),
      ...(isThere(paths.stateFolder) ? [this.removeState(service)] : []),
      ...folders.map((folder): Step => ({kind: 'remove-folder', why: `remove ${folder} if it is empty`, path: folder, as})),
    ]
  }

  /** Takes away what was left by a service that has never come up: what it remembers, and what it has said. */
  private removeTrace(service: Service): Step {
    const {stateFolder, log} = definitionPaths(this.scope, service)
    const hadLog = this.host.lstat(log) !== undefined
    const act = (): Promise<void> => {
      for (const name of this.host.list(stateFolder) ?? []) this.as(service).removeFile(path.join(stateFolder, name))
      if (!hadLog) (this.scope === 'user' ? this.as(service) : this.host).removeFile(log)
      return Promise.resolve()
    }
    return {kind: 'act', why: `remove what is in ${stateFolder}`, act}
  }

  /** What a stop leaves there is not there yet when it is planned. */
  private removeState(service: Service): Step {
    const {stateFolder} = definitionPaths(this.scope, service)
    const act = (): Promise<void> => {
      for (const name of this.host.list(stateFolder) ?? []) this.as(service).removeFile(path.join(stateFolder, name))
      this.host.removeFolder(stateFolder)
      return Promise.resolve()
    }
    return {kind: 'act', why: `remove ${stateFolder}`, act}
  }

  traces(service: Service): string[] {
    const paths = definitionPaths(this.scope, service)
    const places = [paths.plist, paths.supportFolder, ...logFiles(this.host, paths.log), ...this.heartbeatTraces(service)]
    const {loaded} = this.find(service, undefined)
    const known = loaded ? [`${loaded.domain.target} still knows ${service.name} (${loaded.printed.state})`] : []
    return [...places.filter((file) => this.host.lstat(file) !== undefined), ...known]
  }

  /** launchd never forgets a disable by itself: whoever installed a job of that name again could not load it. */
  afterUninstall({service, installed, settings}: ManagerObservation): Step[] {
    // Of one that was uninstalled half-way the settings may be all that is left.
    if (installed !== 'own' && (installed !== 'no' || settings === undefined)) return []
    const words = ['enable', `${this.domain(service).target}/${service.name}`]
    return [{...this.launchctl.step('have launchd forget that it was disabled', words), mayFail: true}]
  }

  /** Nothing: launchd goes by a changed property list only once the job was unloaded and loaded again, which start and restart see to. */
  reload(): Step[] {
    return []
  }

  enable(service: Service): RunStep[] {
    return [this.launchctl.step('start it at every login or boot', ['enable', `${this.domain(service).target}/${service.name}`])]
  }

  disable(service: Service): RunStep[] {
    return [this.launchctl.step('keep it down over a reboot', ['disable', `${this.domain(service).target}/${service.name}`])]
  }

  start(service: Service): Step[] {
    return [this.forget(service), {kind: 'act', why: 'start the gateway', act: (progress) => this.bringUp(service, progress)}]
  }

  stop(service: Service): Step[] {
    return [{kind: 'act', why: 'stop the gateway', act: (progress) => this.tellToStop(service, progress)}]
  }

  abort(service: Service): Step[] {
    return [
      {kind: 'act', why: 'kill the gateway, and unload its job', act: (progress) => this.killAndUnload(service, progress)},
      ...this.settle(service),
    ]
  }

  settle(service: Service): Step[] {
    return [
      {kind: 'act', why: 'have launchd forget a job that has ended', act: (progress) => this.unloadEnded(service, progress)},
      this.forget(service),
    ]
  }

  runsWithoutLogin(): boolean {
    return this.scope === 'system'
  }

  restart(service: Service): Step[] {
    return [this.forget(service), {kind: 'act', why: 'restart the gateway', act: (progress) => this.bringUpAnew(service, progress)}]
  }

  logCommand(service: Service, query: LogQuery): LogCommand {
    return {argv: logCommand(definitionPaths(this.scope, service).log, query), env: launchctlEnvironment(), isPlain: true}
  }

  logFiles(service: Service): string[] {
    return [definitionPaths(this.scope, service).log, heartbeatPaths(this.scope, service.account).log]
  }

  owner(service: Service): Account | undefined {
    return this.scope === 'user' ? service.account : undefined
  }

  /**
   * Has it loaded in the domain and from the text that it should be, and running. One that is being booted out is still known, and is gone
   * in a moment: then it is loaded anew.
   */
  private async bringUp(service: Service, progress: Progress): Promise<void> {
    const domain = this.domain(service)
    const endMs = this.host.monotonicMs() + this.stopLimitMs(service)
    for (;;) {
      const {loaded} = this.find(service, undefined)
      if (!loaded) return load(this.host, this.launchctl, domain, this.job(service), progress)
      const {pid, state} = loaded.printed
      if (pid !== undefined && !ENDING.includes(state)) return
      if (pid === undefined) {
        if (!this.isCurrent(service, loaded, domain)) {
          await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
          return load(this.host, this.launchctl, domain, this.job(service), progress)
        }
        if (await this.kickstart(loaded.domain, service, [], progress)) return
      }
      if (this.host.monotonicMs() >= endMs) throw neverDone(service)
      progress(`waiting until launchd is done with ${service.name}`)
      await this.host.sleep(LOOK_EVERY_MS)
    }
  }

  /** Ends what runs, and starts it by the text that is on disk, in the domain where it should be. */
  private async bringUpAnew(service: Service, progress: Progress): Promise<void> {
    const domain = this.domain(service)
    const {loaded} = this.find(service, undefined)
    if (!loaded) return load(this.host, this.launchctl, domain, this.job(service), progress)
    if (loaded.printed.pid !== undefined && this.isOurs(service)) {
      const {domain: where, printed} = loaded
      try {
        await this.tellToStop(service, progress)
        await waitUntilEnded(this.host, this.launchctl, where, this.job(service), printed.pid ?? 0, this.stopLimitMs(service), progress)
      } finally {
        this.mark(service, false)
      }
    }
    if (this.isCurrent(service, loaded, domain)) {
      if (!(await this.kickstart(domain, service, ['-k'], progress))) await this.bringUp(service, progress)
      return
    }
    await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
    await load(this.host, this.launchctl, domain, this.job(service), progress)
  }

  /** Starts a loaded job, or loads one that was unloaded meanwhile. False if launchd is still busy with it, be it starting or ending. */
  private async kickstart(domain: Domain, service: Service, flags: readonly string[], progress: Progress): Promise<boolean> {
    const result = await this.launchctl.change(['kickstart', ...flags, `${domain.target}/${service.name}`], this.stopLimitMs(service))
    const answer = answerOf(result)
    if (answer === 'done' || answer === 'busy') return answer === 'done'
    if (answer === 'not-loaded') {
      await load(this.host, this.launchctl, domain, this.job(service), progress)
      return true
    }
    throw changeFailed(result, `${service.name} could not be started`)
  }

  /**
   * Has the launcher end the gateway, and itself for good. Not by bootout: launchd gives a user's job 60 s at most, whatever its definition
   * says, and a drain may take longer. What has no process, or is not ours, is unloaded.
   */
  private async tellToStop(service: Service, progress: Progress): Promise<void> {
    const {loaded} = this.find(service, undefined)
    if (!loaded) return
    if (this.isOurs(service) && loaded.printed.pid !== undefined) {
      this.mark(service, true)
      const result = await this.launchctl.change(['kill', 'SIGTERM', `${loaded.domain.target}/${service.name}`])
      if (result.code === 0) return
    }
    progress(`unloading ${service.name}`)
    const result = await this.launchctl.change(['bootout', `${loaded.domain.target}/${service.name}`])
    const answer = answerOf(result)
    if (answer === 'denied' || answer === 'unknown') throw changeFailed(result, `${service.name} could not be unloaded`)
  }

  private async killAndUnload(service: Service, progress: Progress): Promise<void> {
    const {loaded} = this.find(service, undefined)
    if (!loaded) return
    const seen = this.observe([service])[0]
    if (seen?.mainPid !== undefined) this.as(service).signal(seen.mainPid, 'SIGKILL')
    await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
  }

  private async unloadEnded(service: Service, progress: Progress): Promise<void> {
    const {loaded} = this.find(service, undefined)
    if (loaded && loaded.printed.pid === undefined) await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
  }

  /** A start by hand must not wait for a delay that earlier failures earned. What there is to forget shows only when it comes to that. */
  private forget(service: Service): Step {
    const {stateFolder} = definitionPaths(this.scope, service)
    const act = (): Promise<void> => {
      for (const name of FORGOTTEN) this.as(service).removeFile(path.join(stateFolder, name))
      return Promise.resolve()
    }
    return {kind: 'act', why: 'forget earlier failures', act}
  }

  /** Tells the launcher that a stop is meant to last, or takes that back. */
  private mark(service: Service, isStop: boolean): void {
    const file = path.join(definitionPaths(this.scope, service).stateFolder, 'stop')
    if (isStop) this.as(service).writeAtomic(file, '', 0o600)
    else this.as(service).removeFile(file)
  }

  private as(service: Service): Host {
    return this.host.account.uid === 0 ? this.host.as(service.account) : this.host
  }

  /** True if launchd has the job where it should be and as it is on disk. An edit by hand cannot be told from what was loaded. */
  private isCurrent(service: Service, {domain, printed}: Loaded, wanted: Domain): boolean {
    const {plist} = definitionPaths(this.scope, service)
    const text = readIfAllowed(this.host, plist)
    if (domain.target !== wanted.target || text === undefined || isEdited(text)) return false
    return !isGivenUp(printed) && !isStale(printed, text)
  }

  private isOurs(service: Service): boolean {
    const text = readIfAllowed(this.host, definitionPaths(this.scope, service).plist)
    return text === undefined ? this.recordedSettings(service) !== undefined : isOwn(text)
  }

  private job(service: Service): Job {
    const owner = this.scope === 'system' ? {uid: 0, name: 'root'} : service.account
    return {label: service.name, plist: definitionPaths(this.scope, service).plist, owner}
  }

  private stopLimitMs(service: Service): number {
    const settings = this.recordedSettings(service)
    return (settings ? stopTimeoutSec(settings) : 60) * 1000 + STOP_MARGIN_MS
  }

  /** Where the service is loaded, looked for where it was installed first; `present`: the first domain that is there at all. */
  private find(service: Service, known: ServiceSettings | undefined): {loaded: Loaded | undefined; present: Domain | undefined} {
    if (this.scope === 'user') requireNotRoot(service.account)
    const kind = parseDomainKind((known ?? this.recordedSettings(service))?.domain)
    const domains = domainsOf(this.scope, service.account)
    if (kind === 'user') domains.reverse()
    let present: Domain | undefined
    for (const domain of domains) {
      const shown = this.launchctl.print(domain.target, service.name)
      if (shown === 'no-domain') continue
      present ??= domain
      if (shown !== 'not-loaded') return {loaded: {domain, printed: shown}, present}
    }
    return {loaded: undefined, present}
  }

  /** The domain where the service should be. Throws exit 4 if there is none. */
  private domain(service: Service): Domain {
    const recorded = parseDomainKind(this.recordedSettings(service)?.domain)
    return chooseDomain(this.launchctl, this.scope, service.account, recorded)
  }

  private recordedSettings(service: Service): ServiceSettings | undefined {
    return orNoAccess(() => readOnDisk(this.host, this.scope, service).settings)
  }

  /** launchd has no lingering: what a user's agent needs is a login, and what a daemon needs is none. */
  private recorded(settings: ServiceSettings): ServiceSettings {
    return {...settings, linger: this.scope === 'system', turnedLingerOn: false}
  }

  /** The process of a job; undefined if it has none, or if that cannot be told. */
  private pidOf(domain: Domain, label: string): number | undefined {
    try {
      const shown = this.launchctl.print(domain.target, label)
      return typeof shown === 'string' ? undefined : shown.pid
    } catch (error) {
      if (error instanceof ServiceError && error.exitStatus === ExitStatus.cannotTell) return undefined
      throw error
    }
  }

  private disabledOrUnknown(domain: Domain): ReadonlyMap<string, boolean> | undefined {
    try {
      return this.launchctl.disabled(domain.target)
    } catch (error) {
      if (error instanceof ServiceError && error.exitStatus === ExitStatus.cannotTell) return undefined
      throw error
    }
  }

  /** In system scope the folders are root's, and the service's account writes its state and its log. */
  private handOver(service: Service): Step[] {
    const {stateFolder, log} = definitionPaths(this.scope, service)
    return [giveStep(stateFolder, service.account), ...logSteps(this.host, log, service.account)]
  }

  private heartbeatChange(service: Service): HeartbeatChange {
    const {account} = service
    return {
      host: this.host,
      launchctl: this.launchctl,
      paths: heartbeatPaths(this.scope, account),
      domain: this.domain(service),
      owner: this.job(service).owner,
      as: this.owner(service),
      account,
    }
  }

  /** Files of the tick that no service wants any more. */
  private heartbeatTraces({account}: Service): string[] {
    const all = orNoAccess(() => recordedSettings(this.host, scopeFolders(this.scope, account).support))
    const {plist, entry, log} = heartbeatPaths(this.scope, account)
    if (wantingTick(all.values(), account).length > 0) return []
    return [plist, log, ...([...all.values()].some((settings) => settings.heartbeat.enabled) ? [] : [entry])]
  }
}

/** launchd does not start it by being asked to: it holds it back, or goes by the signature of a program that has changed since. */
function isGivenUp({properties, exitReason}: PrintedJob): boolean {
  return properties.includes('penalty box') || properties.includes('needs LWCR update') || exitReason === 'OS_REASON_CODESIGNING'
}

function disabledIn(all: ReadonlyMap<string, boolean> | undefined, label: string): boolean | undefined {
  return all && (all.get(label) ?? false)
}

function neverDone({name}: Service): ServiceError {
  return new ServiceError(`${name} could not be started: launchd is still busy with its former end`, {
    code: 'command-failed',
    exitStatus: ExitStatus.failed,
    next: ['hermes-svc start   # once that has ended'],
  })
}

function otherTools(plist: string): ServiceError {
  return new ServiceError(`${plist} is another tool's, and launchd has no way to add our policy to it`, {
    code: 'foreign-definition',
    exitStatus: ExitStatus.failed,
    next: ["hermes gateway uninstall   # upstream's own; then the same command again"],
  })
}
