import type {Scope, Service} from '../../service/service.js'
import {GatewayExit, GatewayVariable, STANDARD_ROOT} from '../../gateway/contract.js'
import {accountDoor} from '../../host/account-door.js'
import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import {readProcess} from '../../gateway/process.js'
import {type Account, type AccountHost, type Host, HostError} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {RunStep, Step} from '../../plan/plan.js'
import type {Profile} from '../../service/profile.js'
import {tickWish} from '../../service/recorded-settings.js'
import {parseSettings, type ServiceSettings} from '../../service/settings.js'
import type {Container} from '../container.js'
import {
  type Activity,
  type ByHand,
  type DefinitionEvidence,
  type DefinitionFile,
  type DirectiveDrift,
  exitedWith,
  type GatewayDefinition,
  type GivenAway,
  type HeartbeatDefinition,
  type LogCommand,
  type LogQuery,
  type Manager,
  type ManagerObservation,
  type OwnFile,
  type SharedPlace,
  type UsedProgram,
} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {buildSlots, isSlotThere, noteContested, readChosen, takeUpSlots} from './boot.js'
import {ABORT, ANNOUNCE, LOGS, LOOK, RESTART, S6_ENVIRONMENT, s6Tool, shell, START, STOP} from './control.js'
import {isOwn, renderDefinition, slotEnvironment} from './render.js'
import {parseEnvironment} from './environment-file.js'
import {containerStop, heartbeatPrograms, slotDefinitions, slotEvidence, slotFiles, slotVariables} from './evidence.js'
import {heartbeatSteps, renderHeartbeat, slotSettings} from './tick.js'
import {controlAccount, isClosed, slotsAccount, type SlotsDoor, slotsDoor} from './ownership.js'
import {containerVariable, HEARTBEAT_SLOT, S6_INIT, scanDirectory, slotName, type SlotPaths, slotPaths} from './paths.js'
import {buildBeside, changeStep, removeSlot, takeBackStep} from './install.js'
import {parseLook, type SlotReading} from './svstat.js'

const READ_TIMEOUT_MS = 20_000
/** Start times in the memory of the helpers are ticks of 10 ms since boot (proc_pid_stat(5), USER_HZ). */
const TICK_MS = 10

/**
 * The s6 of a container, as s6-overlay lays it out. There is one for all users of the container, so there is only one scope. A slot of another
 * tool's is replaced rather than adopted: it has no place for additions, and is made anew at every boot anyway.
 */
export class S6Manager implements Manager {
  readonly kind = 's6'
  readonly scope: Scope = 'system'
  readonly replacesForeign = true
  readonly canLinger = false
  readonly title: string
  readonly container: Container
  private readonly scan: string
  private readonly slots: SlotsDoor

  constructor(private readonly host: Host) {
    this.scan = scanDirectory(host)
    this.slots = slotsDoor(host, this.scan)
    this.title = `s6 (${this.scan})`
    this.container = {
      variable: (name) => containerVariable(host, name),
      isThere: (service) => isSlotThere(host, this.scan, service),
      chosen: (account, services) => readChosen(host, this.scan, account, services),
      build: (account, slots) => buildSlots(host, this.scan, account, slots),
      noteContested: (slot) => noteContested(host, this.scan, slot),
      tickSteps: async ({service, settings}) => {
        const isNew = host.lstat(path.join(this.scan, HEARTBEAT_SLOT)) === undefined
        const {steps} = await this.heartbeat(service, settings)
        // A new slot is started last: as one of all that are taken up together.
        return isNew ? steps.slice(0, -1) : steps
      },
      takeUp: (built) => takeUpSlots(host, this.scan, built),
    }
  }

  get commandPath(): string | undefined {
    return containerVariable(this.host, 'PATH')
  }

  inScope(): Manager {
    return this
  }

  defaultAccount(profileName: string): Account | undefined {
    const {account} = this.host
    if (account.uid !== 0) return account
    const installed = orNoAccess(() => this.recordedAccount(`gateway-${profileName}`))
    if (installed) return installed
    const home = containerVariable(this.host, GatewayVariable.home)?.trim()
    const owner = home ? this.host.stat(home)?.uid : undefined
    return owner === undefined || owner === 0 ? undefined : this.host.accountOf(owner)
  }

  /** Whom a slot's settings name. Who can change them must not gain another's rights by it: of a slot that is not root's only its owner is believed. */
  private recordedAccount(slot: string): Account | undefined {
    const door = this.slots.of(slot)
    const settings = parseSettings(readIfAllowed(door, path.join(this.scan, slot, 'settings.json')))
    const account = settings && this.host.accountOf(settings.account)
    return door.account.uid === 0 || account?.uid === door.account.uid ? account : undefined
  }

  serviceFor(profile: Profile, account: Account): Service {
    return {profile, account, name: slotName(this.host, profile, account)}
  }

  isOnDisk(service: Service): boolean {
    return orNoAccess(() => this.door(service).lstat(this.paths(service).run) !== undefined)
  }

  observe(services: readonly Service[]): ManagerObservation[] {
    if (services.length === 0) return []
    if (!s6Tool(this.host, 's6-svstat')) throw cannotTell('s6-svstat is not here, so s6 cannot be asked')
    const groups = new Map<number | undefined, Service[]>()
    for (const service of services) {
      const uid = this.controlAccount(service)?.uid
      groups.set(uid, [...(groups.get(uid) ?? []), service])
    }
    const readings = new Map<Service, SlotReading>()
    for (const some of groups.values()) {
      const slots = some.map((service) => this.paths(service).slot)
      const said = this.look(slots, some[0] && this.controlAccount(some[0]))
      for (const [index, service] of some.entries()) readings.set(service, said[index] ?? 'none')
    }
    return services.map((service) => this.observation(service, readings.get(service) ?? 'none'))
  }

  /** What s6 says of slots that are all looked at with the same ids, undefined for this process's own. */
  private look(slots: readonly string[], as: Account | undefined): SlotReading[] {
    const result = (as ? this.host.as(as) : this.host).read(shell(LOOK, ...slots), {env: S6_ENVIRONMENT, timeoutMs: READ_TIMEOUT_MS})
    const readings = result.code === 0 ? this.parse(result.stdout) : []
    if (readings.length === slots.length) return readings
    throw cannotTell(`s6 answered for ${readings.length} slots instead of ${slots.length}: ${result.failure ?? result.stderr.trim()}`)
  }

  notInstalled(service: Service): ManagerObservation {
    return this.observation(service, 'none')
  }

  whileDown(): undefined {
    return undefined
  }

  async render(service: Service, settings: ServiceSettings, environment: ReadonlyMap<string, string>): Promise<DefinitionFile[]> {
    return renderDefinition(this.host, this.paths(service), service, settings, environment)
  }

  readEnvironment(service: Service): Map<string, string> {
    return orNoAccess(() => parseEnvironment(this.readInHome(service, this.paths(service).environmentFile) ?? ''))
  }

  unitEnvironment(service: Service, settings: ServiceSettings): Record<string, string> {
    return slotEnvironment(this.host, service, settings)
  }

  /** There is nothing that another file could merge into a slot. */
  drift(): DirectiveDrift[] {
    return []
  }

  async heartbeat(service: Service, settings: ServiceSettings | undefined): Promise<HeartbeatDefinition> {
    const recorded = orNoAccess(() => slotSettings(this.slots, this.scan))
    const {wanting, isAbout} = tickWish(recorded, service.name, settings, service.account)
    const slot = path.join(this.scan, HEARTBEAT_SLOT)
    const as = this.owner(service)
    const isThere = this.host.lstat(slot) !== undefined
    if (wanting.length === 0) return {files: [], steps: isThere ? [removeSlot(this.scan, HEARTBEAT_SLOT, as)] : [], faults: []}
    const files = await renderHeartbeat({host: this.host, slots: this.slots}, this.scan, service.account, wanting)
    const faults = isThere ? this.slotFaults(slot, as) : []
    return {
      files,
      steps: isAbout ? heartbeatSteps({host: this.host, slots: this.slots}, this.scan, files, faults.length > 0, as) : [],
      faults,
    }
  }

  /** Why s6 does not keep a slot up; what may not be looked at is no fault. */
  private slotFaults(slot: string, as: Account | undefined): string[] {
    const [reading] = this.look([slot], as)
    if (reading === 'none') return [`${slot} has no supervisor`]
    return typeof reading === 'object' && !reading.up && !reading.wantedUp ? [`${slot} is down`] : []
  }

  evidence(observation: ManagerObservation): DefinitionEvidence {
    const {service} = observation
    const shutdown = observation.installed === 'no' ? undefined : containerStop(this.host)
    return {...slotEvidence(this.door(service), this.paths(service), observation), ...(shutdown ? {shutdown} : {})}
  }

  tickPrograms(): UsedProgram[] {
    return heartbeatPrograms(this.slots, this.scan)
  }

  ownFiles(service: Service): OwnFile[] {
    return slotFiles(this.paths(service), service.account)
  }

  /** A slot is made anew at every boot: an edit by hand is nothing that could be kept. */
  editedFiles(): string[] {
    return []
  }

  gatewayDefinitions(account: Account): GatewayDefinition[] {
    const root = containerVariable(this.host, GatewayVariable.home)?.trim() || path.join(account.home, STANDARD_ROOT)
    return orNoAccess(() => slotDefinitions(this.slots, this.scan, root))
  }

  /** Nothing tells it of a process: which slot a gateway is of, only its supervisor's arguments say. */
  isRunning(): boolean {
    return false
  }

  /** No slot has a name of upstream's that would be a rival's. */
  endRival(): Step[] {
    return []
  }

  byHand(act: ByHand, name: string): string {
    const slot = path.join(this.scan, name)
    const tool = (program: string) => s6Tool(this.host, program) ?? program
    switch (act) {
      case 'reload':
        return `${tool('s6-svscanctl')} -a ${this.scan}`
      case 'status':
        return `${tool('s6-svstat')} ${slot}`
      case 'unmask':
        return `rm -f ${slot}/down`
      case 'disable':
        return `touch ${slot}/down && ${tool('s6-svc')} -d ${slot}`
    }
  }

  /** s6 notes only when a slot went up or down, and the heartbeat's is up between two ticks too. */
  lastTick(): undefined {
    return undefined
  }

  /** s6 knows of no process but the gateway. */
  processesOf(): undefined {
    return undefined
  }

  prerequisites(): Step[] {
    return []
  }

  /** All that is shared is a slot beside the others. */
  sharedPlaces(): SharedPlace[] {
    return [{kind: 'own', path: this.scan}]
  }

  folderSteps(service: Service): Step[] {
    const paths = this.paths(service)
    const make = (folder: string, mode: number, as?: Account): Step => ({
      ...{kind: 'make-folder', why: `make ${folder}`, path: folder, mode},
      ...(as ? {as} : {}),
    })
    return [
      make(paths.support, 0o700, service.account),
      ...[paths.slot, path.join(paths.slot, 'log'), paths.helpers].map((folder) => make(folder, 0o755, this.owner(service))),
    ]
  }

  staged(service: Service, steps: readonly Step[]): Step[] {
    const {slot} = this.paths(service)
    const isChange = steps.some((step) => 'path' in step && step.path.startsWith(`${slot}/`))
    if (!this.isOnDisk(service))
      return !isChange ? [...steps] : buildBeside(this.scan, service.name, steps, service.account, this.owner(service))
    const isOpen = this.host.account.uid === 0 && !this.owner(service) && !isClosed(this.host, slot)
    return isOpen ? [takeBackStep(this.host, slot), ...steps] : [...steps]
  }

  settingsFile(service: Service): string {
    return this.paths(service).settings
  }

  restartDueFile(service: Service): string {
    return path.join(this.paths(service).slot, 'restart-due')
  }

  memoryFolder(service: Service): string {
    return this.paths(service).memory
  }

  leftovers(service: Service, wanted: readonly string[]): string[] {
    const {helpers} = this.paths(service)
    const names = orNoAccess(() => this.door(service).list(helpers) ?? [])
    return names.map((name) => path.join(helpers, name)).filter((file) => !wanted.includes(file))
  }

  removeSteps(observation: ManagerObservation): Step[] {
    const {service} = observation
    const {slot, staging, memory, support, settings, environmentFile} = this.paths(service)
    const user = this.userHost(service)
    const isThere = observation.installed === 'own' || [staging, memory].some((place) => this.host.lstat(place) !== undefined)
    const isOthers = observation.installed === 'foreign'
    const files = orNoAccess(() => [environmentFile, settings].filter((file) => user.lstat(file) !== undefined))
    const hasFolder = orNoAccess(() => user.lstat(support) !== undefined)
    return [
      ...(isThere && !isOthers ? [removeSlot(this.scan, path.basename(slot), this.owner(service), this.owner(service) ? '' : memory)] : []),
      ...(isThere && !isOthers && this.owner(service) ? [changeStep(`remove ${memory}`, ['rm', '-rf', '--', memory])] : []),
      ...files.map((file): Step => ({kind: 'remove-file', why: `remove ${file}`, path: file, as: service.account})),
      ...(hasFolder
        ? [{kind: 'remove-folder', why: `remove ${support} if it is empty`, path: support, as: service.account} satisfies Step]
        : []),
    ]
  }

  traces(service: Service): string[] {
    const {slot, staging, memory, support} = this.paths(service)
    const user = this.userHost(service)
    return [slot, staging, memory, support].filter((place) => (place === support ? user : this.host).lstat(place) !== undefined)
  }

  afterUninstall(): Step[] {
    return []
  }

  reload(): RunStep[] {
    return [changeStep('have s6 look for new slots', ['s6-svscanctl', '-a', this.scan])]
  }

  enable(service: Service): RunStep[] {
    if (!this.rules(service)) return []
    return [changeStep('let it start when its slot is taken up', ['rm', '-f', '--', this.paths(service).down], this.owner(service))]
  }

  disable(service: Service): RunStep[] {
    if (!this.rules(service)) return []
    return [changeStep('keep it down when its slot is taken up', ['touch', '--', this.paths(service).down], this.owner(service))]
  }

  start(service: Service): Step[] {
    return [...this.settle(service), this.control(service, 'start the gateway', START)]
  }

  stop(service: Service): RunStep[] {
    return [this.announce(service), this.control(service, 'stop the gateway', STOP)]
  }

  abort(service: Service): RunStep[] {
    return [this.control(service, 'stop the gateway, and kill what is left of it', ABORT), ...this.settle(service)]
  }

  settle(service: Service): RunStep[] {
    const {memory} = this.paths(service)
    const files = ['failures', 'failed'].map((name) => path.join(memory, name))
    return [{...changeStep('forget earlier failures', ['rm', '-f', '--', ...files], service.account), mayFail: true}]
  }

  /** A container has no logins. */
  runsWithoutLogin(): boolean {
    return true
  }

  restart(service: Service): Step[] {
    return [this.announce(service), ...this.settle(service), this.control(service, 'restart the gateway', RESTART)]
  }

  logCommand(service: Service, query: LogQuery): LogCommand {
    const {logs} = this.paths(service)
    const flags = [String(query.lines), query.since ?? '', query.follow ? '1' : '', query.json ? '1' : '']
    // The folder is the gateway's own: root must not follow what it may have put there.
    return {argv: shell(LOGS, logs, ...flags), env: {...S6_ENVIRONMENT}, reader: 'account'}
  }

  /** Its loggers rotate what they write. */
  logFiles(): string[] {
    return []
  }

  /** Slots are root's, or of the user to whom upstream's image gives the scan directory; what is in the home says so itself. */
  owner({account}: Service): Account | undefined {
    return slotsAccount(this.host, this.scan, account)
  }

  givenAway(): GivenAway | undefined {
    const stat = this.host.stat(this.scan)
    const to = stat && stat.uid !== 0 ? this.host.accountOf(stat.uid) : undefined
    if (!to) return undefined
    // Of another than the first process of the container it is not known whose it is, and root's is the worse.
    const isInit = this.host.readText('/proc/1/comm')?.trim() === S6_INIT
    return {place: this.scan, to, isOwn: isInit && readProcess(this.host, 1)?.uid === to.uid}
  }

  /** Has programs of s6 act on a slot, with ids that nothing in it can lead astray. */
  private control(service: Service, why: string, program: string): RunStep {
    return changeStep(why, shell(program, this.scan, this.paths(service).slot), this.controlAccount(service))
  }

  private controlAccount(service: Service): Account | undefined {
    return controlAccount(this.host, this.paths(service).slot, service.account)
  }

  /** The files of a slot are not its user's to change: root runs them. What that user wants, the record in the home says at the next boot. */
  private rules(service: Service): boolean {
    const {uid} = this.host.account
    return uid === 0 || this.host.lstat(this.paths(service).slot)?.uid === uid
  }

  private paths(service: Service): SlotPaths {
    return slotPaths(this.scan, service)
  }

  /** Tells the gateway that the end that it is about to be sent is meant. */
  private announce(service: Service): RunStep {
    const {slot, helpers, memory} = this.paths(service)
    const argv = shell(ANNOUNCE, this.scan, slot, helpers, memory, service.profile.home)
    return {...changeStep('tell the gateway that its end is meant', argv, service.account), mayFail: true}
  }

  /** With whose ids a slot is looked at: of one that its user can change, with that user's. */
  private door(service: Service): AccountHost {
    const as = this.controlAccount(service)
    return as ? this.host.as(as) : this.slots.of(service.name)
  }

  /** As root what lies in a home is read with its owner's ids. */
  private userHost({account}: Service): AccountHost {
    return accountDoor(this.host, account)
  }

  /** Whether it is there root can see without taking on anybody's ids, which costs a boot of many profiles a millisecond each time. */
  private readInHome(service: Service, file: string): string | undefined {
    return this.host.lstat(file) === undefined ? undefined : this.userHost(service).readText(file)
  }

  private parse(output: string): SlotReading[] {
    try {
      return parseLook(output)
    } catch (error) {
      if (error instanceof RangeError) throw cannotTell(error.message)
      throw error
    }
  }

  private observation(service: Service, reading: SlotReading): ManagerObservation {
    const paths = this.paths(service)
    const door = this.door(service)
    if (reading === 'hidden')
      throw cannotTell(`${paths.slot}/supervise may not be looked at: its owner or root can`, 'no-access', [
        'the same command as that account',
      ])
    const run = orNoAccess(() => door.readText(paths.run))
    const own = run !== undefined && isOwn(run)
    const recorded = orNoAccess(() => parseSettings(own ? door.readText(paths.slotSettings) : this.readInHome(service, paths.settings)))
    // Who changes the file in the home must not gain anybody else's rights by it.
    const settings = recorded && {...recorded, scope: this.scope, home: service.profile.home, account: service.account.name}
    const state = reading === 'none' ? undefined : reading
    const started = this.number(service, 'started')
    const bootReason = own ? orNoAccess(() => door.readText(paths.bootReason))?.trim() : undefined
    return {
      service,
      installed: run === undefined ? 'no' : own ? 'own' : 'foreign',
      broken: undefined,
      enabled: run === undefined ? undefined : orNoAccess(() => door.lstat(paths.down) === undefined),
      activity: this.activity(service, reading, own),
      mainPid: state?.pid,
      startedAtMs: state?.pid === undefined || !started ? undefined : started * TICK_MS,
      changedAtMs: state && this.host.monotonicMs() - state.forSec * 1000,
      environment: own ? slotVariables(door, paths) : [],
      restarts: state?.deaths ?? 0,
      lastExit: state?.up ? undefined : state?.lastExit,
      failuresInARow: this.number(service, 'failures') ?? 0,
      controlGroup: undefined,
      home: own ? recorded?.home : undefined,
      accountName: own ? recorded?.account : undefined,
      definitionPaths: run === undefined ? [] : [paths.run],
      needsReload: run !== undefined && reading === 'none',
      settings,
      directives: {},
      ...(bootReason ? {bootReason} : {}),
      ...(own && orNoAccess(() => door.lstat(paths.bootContested) !== undefined) ? {isContested: true} : {}),
      ...(own && orNoAccess(() => door.lstat(paths.bootFinding) !== undefined) ? {isKeptDown: true} : {}),
      // The first start in a container makes it.
      hasRun: state?.pid !== undefined || orNoAccess(() => this.host.lstat(paths.memory) !== undefined),
    }
  }

  private activity(service: Service, reading: SlotReading, own: boolean): Activity {
    if (reading === 'none' || reading === 'hidden') return 'stopped'
    if (reading.up) {
      if (!reading.wantedUp) return 'stopping'
      // Up is also the script that waits, or that is about to become the gateway: then no start is noted yet.
      if (!own || this.number(service, 'started') !== undefined || this.isOfFormerScript(service, reading.pid)) return 'running'
      return (this.number(service, 'failures') ?? 0) > 0 ? 'waiting' : 'starting'
    }
    // Its finish script runs, or s6's own second before the next start.
    if (reading.wantedUp) return 'waiting'
    const isFatal = exitedWith(reading.lastExit, GatewayExit.fatalConfiguration)
    const hasFailed = own ? this.memory(service, 'failed') !== undefined : isFatal
    return hasFailed ? 'failed' : 'stopped'
  }

  /** What another tool's run script had started goes on under the slot that we made of it. */
  private isOfFormerScript(service: Service, pid: number | undefined): boolean {
    const process = pid === undefined ? undefined : readProcess(this.host, pid)
    // s6-supervise starts ./run.
    return process !== undefined && !process.argv.some((word) => word === './run' || word === `${this.paths(service).helpers}/start.sh`)
  }

  /** A number that the helpers remember; undefined if there is none. */
  private number(service: Service, name: string): number | undefined {
    const text = this.memory(service, name)?.trim()
    return text && /^\d{1,15}$/.test(text) ? Number(text) : undefined
  }

  /** The memory is its user's, who may put there what they like. */
  private memory(service: Service, name: string): string | undefined {
    try {
      return this.userHost(service).readText(path.join(this.memoryFolder(service), name))
    } catch (error) {
      if (error instanceof HostError) return undefined
      throw error
    }
  }
}

function cannotTell(message: string, code = 'manager-not-understood', next: readonly string[] = ['hermes-svc doctor']): ServiceError {
  return new ServiceError(message, {code, exitStatus: ExitStatus.cannotTell, next})
}
