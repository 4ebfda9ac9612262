import type {ProcessInfo} from '../gateway/process-info.js'
import type {Scope, Service} from '../service/service.js'
import type {ProcessTable} from '../gateway/process-table.js'
import type {Account, Host} from '../host/host.js'
import type {RotatedLog} from '../host/log-file.js'
import type {RunStep, Step} from '../plan/plan.js'
import type {Profile} from '../service/profile.js'
import type {Resources} from '../service/resources.js'
import type {ServiceSettings} from '../service/settings.js'
import type {Container} from './container.js'

/** What the processes of a service have of the memory. Bytes. */
export interface MemoryUse {
  /** Without what the kernel can take back at once. */
  readonly usedBytes: number
  /** How many of them the kernel has killed for lack of memory since the service was started; undefined if nothing tells. */
  readonly kills: number | undefined
  /** Each limit that holds for them, and what all have that it holds for. */
  readonly limits: readonly MemoryLimit[]
}

export interface MemoryLimit {
  /** `max`: beyond it processes are killed; `high`: they are slowed down. */
  readonly kind: 'max' | 'high'
  /** What sets it, as the manager names that, such as `MemoryMax=`. */
  readonly setting: string
  /** A command that shows where it is set. */
  readonly shownBy: string
  /** The control group that has it; the service's own if `isOwn`. */
  readonly place: string
  readonly isOwn: boolean
  readonly bytes: number
  readonly usedBytes: number
}

/** What a person can have a manager do by a command of its own. `disable`: stop it and keep it down; `reload`: read the definition anew. */
export type ByHand = 'status' | 'reload' | 'unmask' | 'disable'

/** What the manager says the service is doing. `waiting`: it ended, and the next start is delayed. */
export type Activity = 'running' | 'starting' | 'waiting' | 'stopping' | 'stopped' | 'failed'

/** How the main process of a service last ended. */
export interface LastExit {
  readonly how: 'exited' | 'killed' | 'dumped'
  /** Exit status, or the signal's number. */
  readonly status: number
}

/** True if a main process ended by itself with this status. */
export function exitedWith(end: LastExit | undefined, status: number): boolean {
  return end?.how === 'exited' && end.status === status
}

/** A read-only snapshot of what the manager knows of one service. */
export interface ManagerObservation {
  readonly service: Service
  /** Where the manager has it, or would have it, if its scope has several such places, e.g. `gui/501`. */
  readonly domain?: string | undefined
  /**
   * `own`: hermes-svc created the definition; `adopted`: another's with our policy added; `foreign`: another's, untouched by us; `run`: nothing is installed,
   * a living `hermes-svc run` keeps it.
   */
  readonly installed: 'no' | 'own' | 'adopted' | 'foreign' | 'run'
  /**
   * The main file of one that we made has another tool's text by now, as upstream's gateways and its update write it; absent where it is ours. `own` where our
   * policy stands beside it and holds, `foreign` where it was in that very file.
   */
  readonly isRewritten?: true
  /** The word of the manager for what keeps it from being usable (masked, bad-setting, error); undefined if nothing does. */
  readonly broken: string | undefined
  /** Whether it starts at boot or login; undefined if that cannot be told. */
  readonly enabled: boolean | undefined
  readonly activity: Activity
  readonly mainPid: number | undefined
  /** The process that the manager itself runs, and which has started all others of the service; only where there are no control groups. */
  readonly launcherPid?: number | undefined
  /** ms on the machine's monotonic clock when the main process was started. */
  readonly startedAtMs: number | undefined
  /** ms on the monotonic clock when it last changed what it does, as far as the manager notes that; undefined if it never did. */
  readonly changedAtMs: number | undefined
  /** Automatic restarts since the manager last started it by hand. */
  readonly restarts: number
  readonly lastExit: LastExit | undefined
  /** Failures in a row that our policy has counted; 0 if none or if it has no say. */
  readonly failuresInARow: number
  /** Control group of the service's processes. */
  readonly controlGroup: string | undefined
  /** The home that the definition names; undefined if it names none. */
  readonly home: string | undefined
  /** What the definition itself sets for the gateway, `NAME=value` each; without what it reads from files. */
  readonly environment: readonly string[]
  /** The account that the definition names; undefined if it names none. */
  readonly accountName: string | undefined
  /** Files that the manager has loaded for it, the main one first. */
  readonly definitionPaths: readonly string[]
  /** The manager has not yet read the files as they are on disk now. */
  readonly needsReload: boolean
  /** The settings that the last install recorded. */
  readonly settings: ServiceSettings | undefined
  /** Directives that hermes-svc owns, as merged from all files: name to the manager's own text. */
  readonly directives: Readonly<Record<string, string>>
  /** Why the last boot of the container had it started or kept down; absent where nobody decides that. */
  readonly bootReason?: string
  /** The last boot of the container kept it down although nobody had stopped it. */
  readonly isKeptDown?: true
  /** At the boot of this container a gateway that cannot be seen from here held the lock of the home. */
  readonly isContested?: true
  /** What the same look said of the tick of the service's account; only where it was asked for. */
  readonly tick?: TickState
  /** No service manager has it, or could: it runs in the foreground if at all, and who else keeps a gateway alive, such as a container's runtime, is not seen. */
  readonly isForeground?: true
  /** False if it has not run since the container was started: its home's gateway may be another container's. Absent where that cannot be. */
  readonly hasRun?: boolean
}

/** The main file of its definition says what we wrote there. Upstream puts its own command and PATH into a unit that it rewrites. */
export function hasOwnText({installed, isRewritten}: ManagerObservation): boolean {
  return installed === 'own' && !isRewritten
}

/** What a manager says of the tick that it runs. */
export interface TickState {
  readonly isEnabled: boolean
  readonly isActive: boolean
  /** It runs by another text than the one on disk: an earlier run was killed between the two. */
  readonly needsReload: boolean
}

/** One file of a definition. */
export interface DefinitionFile {
  readonly path: string
  readonly text: string
  readonly mode: number
  /** Its content must not be shown: it holds the environment's values. */
  readonly secret: boolean
  /** A whole program of ours, too long to be shown. */
  readonly isProgram: boolean
  /** A change of this file takes effect only when the gateway's process is started anew. */
  readonly needsRestart: boolean
  /** Somebody changed by hand what we wrote there; it is kept unless that is overruled. */
  readonly edited: boolean
  /** Whose ids it is written with, where that is not the `owner` of its placement. */
  readonly as?: Account
}

/** Files of a service of ours beside what the manager reads. */
export interface ServicePlaces {
  /** With the recorded settings: the first to be written and the last to be removed, since it says what there is to take back. */
  readonly settings: string
  /** There while a changed definition waits for the restart that it needs. */
  readonly restartDue: string
  /** The folder of what the helpers remember from one start to the next; not there while the service has never run, or is not ours. */
  readonly memory: string
}

/**
 * A folder for what services share, which is locked to change it. `account`: of the service's account, whoever acts for it; `machine`: of root's, which no
 * one else may open, made if it is missing; `own`: of whoever has the folder.
 */
export interface SharedPlace {
  readonly kind: 'account' | 'machine' | 'own'
  readonly path: string
}

/** A place of definitions that an account other than root may change. */
export interface GivenAway {
  readonly place: string
  readonly to: Account
  /** Whoever runs what is there has no other rights than that account. */
  readonly isOwn: boolean
}

/** What ticks the services of one account. */
export interface HeartbeatDefinition {
  readonly files: readonly DefinitionFile[]
  /** They do not count on any other reload, and end with one of their own if they changed a definition. */
  readonly steps: readonly Step[]
  /** Why the manager does not run the tick as it is on disk now; one phrase each, such as "… is not enabled". */
  readonly faults: readonly string[]
}

/** When the tick of an account last ended. */
export interface LastTick {
  /** ms on the machine's monotonic clock. */
  readonly monotonicMs: number
  /** By the wall clock of then, ms since the epoch, to the second. */
  readonly wallMs: number
}

/** A directive that hermes-svc owns whose merged value is not the wanted one. */
export interface DirectiveDrift {
  readonly directive: string
  readonly wanted: string
  readonly merged: string
  /** The file that sets it last, if that can be told. */
  readonly setBy: string | undefined
}

/** What comes of a gateway that fails again and again. */
export interface RestartRisk {
  /** `dies`: the manager gives up for good; `storms`: it starts it again and again for ever, without slowing down. */
  readonly kind: 'sound' | 'dies' | 'storms'
  /** How that follows from the definition; one sentence. */
  readonly arithmetic: string
}

/** Why the manager itself could not start the gateway, or will not any more. */
export interface StartFailure {
  /** `limit`: it was started too often; `setup`: its processes could not be set up as told; the others name what it could not use. */
  readonly kind: 'limit' | 'folder' | 'program' | 'account' | 'setup'
  /** The manager's own word for it. */
  readonly text: string
}

/** A program that a definition has the manager run. */
export interface UsedProgram {
  /** Absolute. */
  readonly path: string
  /** `helper`: a script of ours; `tick`: the heartbeat's program; `node`: what runs that. A definition names the first two kinds. */
  readonly role: 'gateway' | 'helper' | 'tick' | 'node'
}

/** What a definition as the manager has merged it says about the gateway's life. */
export interface DefinitionEvidence {
  readonly restartRisk: RestartRisk
  readonly startFailure: StartFailure | undefined
  /** How long a stop may take before the gateway is killed; undefined if that cannot be told, Infinity without a limit. */
  readonly stopTimeoutMs: number | undefined
  /** How long the end of the machine or container itself leaves it, where that is known. */
  readonly shutdown?: {readonly limitMs: number; readonly evidence: string; readonly cure: readonly string[]}
  readonly programs: readonly UsedProgram[]
  /** The gateway's command line as the manager shows it; its words may hold blanks. */
  readonly commandLine: string
  /** The same, word by word. */
  readonly command: readonly string[]
  /** The folder without which the manager does not start the gateway. */
  readonly requiredFolder: string | undefined
  /** It does not start a gateway in a home that has none of `homeMarks` in it. */
  readonly needsHomeMark?: boolean
  /** The PATH that the definition gives the gateway. */
  readonly searchPath: string | undefined
}

/** A file that belongs to a definition of ours, whether it is there or not. */
export interface OwnFile {
  readonly path: string
  readonly role: 'definition' | 'policy' | 'helper' | 'settings' | 'secrets'
  /** Whose it is, where that is somebody else than whose the definition is (`Placement.owner`). */
  readonly owner?: Account
}

/** A definition on disk that runs a gateway, whoever wrote it. */
export interface GatewayDefinition {
  readonly name: string
  readonly scope: Scope
  /** Whom its gateway runs as, where the manager has more than one such place of a name. */
  readonly account?: Account
  readonly path: string
  /** The home that it names, else the one that its gateway takes. */
  readonly home: string
  /** It starts at boot or login. */
  readonly isEnabled: boolean
  readonly command: readonly string[]
}

/** A service that runs somebody's process. */
export interface Supervisor {
  readonly name: string
  readonly scope: Scope
  /** Whose manager it belongs to, where that is another user than the service's: then one of the same name is another one. */
  readonly of?: string
  /** The command by which a person stops it and keeps it down. */
  readonly disable: string
}

/** What is asked of a program that prints logs. Times in ms since the epoch. */
export interface LogQuery {
  /** The newest ones alone, in whichever order. */
  readonly lines?: number
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** Newest first. */
  readonly isReversed?: boolean
  /** What comes next in the order asked for, behind the line of that name. Instead of `sinceMs`. */
  readonly afterCursor?: string
  readonly follow?: boolean
  /** Also what the manager itself says of the services. */
  readonly withManagers: boolean
}

/** A line of a manager's log. */
export interface ManagerLine {
  /** When it came in, ms since the epoch; undefined where the log has no times. */
  readonly timeMs: number | undefined
  readonly text: string
  /** The manager itself says it, in the place of the service. */
  readonly isManagers: boolean
  /** Who printed it, where the log knows. */
  readonly pid?: number | undefined
}

/**
 * With whose ids a log is read. `machine`: with this process's own, for nothing of it is the account's; `account`: through that account's door, since it
 * can put anything in the place of its files.
 */
export type LogReader = 'machine' | 'account'

/** Where a manager has what services print. */
export type ManagerLog =
  | {
      readonly kind: 'files'
      readonly service: Service
      readonly reader: LogReader
      readonly log: RotatedLog
      /** `notAfterMs`: the line was written before that. */
      lineOf(line: string, notAfterMs: number): ManagerLine
    }
  | {
      readonly kind: 'program'
      readonly reader: LogReader
      readonly env: Record<string, string>
      command(query: LogQuery): string[]
      /** What it prints; undefined for what is not understood. */
      lineOf(printed: string): (ManagerLine & {readonly service: string; readonly cursor: string}) | undefined
    }

export interface ObserveOptions {
  /** Asks in the same call about the tick of the account of the first service. */
  readonly withTick?: boolean
}

export interface HeartbeatOptions {
  /** Replaces what was edited by hand. */
  readonly force?: boolean
  /** A look of this moment: where it has a `tick`, the manager is not asked again. */
  readonly seen?: ManagerObservation
}

/** Where a service is: its name, whose it is, and its files beside the definition. */
export interface Placement {
  serviceFor(profile: Profile, account: Account): Service
  /** The account for which a service of this scope runs when no flag names one; undefined if only a flag can tell. */
  defaultAccount(profileName: string): Account | undefined
  /** The user that the definition of such a service names, if the user database does not know one of that name (now). */
  unknownUser?(profileName: string): string | undefined
  /** The account whose ids the manager's own files are written with; undefined for this process's own. */
  owner(service: Service): Account | undefined
  placesOf(service: Service): ServicePlaces
  /** The folders that are locked, in this order, to change what this service shares with others. */
  sharedPlaces(service: Service): SharedPlace[]
  /** The place of all definitions, where that was given to an account that is not root; undefined where it was not. */
  givenAway?(): GivenAway | undefined
}

/** What there is of a service now. Reads only. */
export interface Observer {
  /** Snapshots in the order given, by as few calls to the manager as it allows. */
  observe(services: readonly Service[], options?: ObserveOptions): ManagerObservation[]
  /** True if a definition of that service is on disk. Cheap: the manager is not asked. */
  isOnDisk(service: Service): boolean
  /** The home that the definition on disk of a service names itself; undefined if it names none, or is not there. The manager is not asked. */
  homeOnDisk?(service: Service): string | undefined
  /** What an observation of a service is that has nothing on disk; the manager is not asked. */
  notInstalled(service: Service): ManagerObservation
  /**
   * What an observation of a service is whose manager does not run, but will once its account lingers: its own definition as it is on
   * disk. Undefined if the manager runs, or if there is no such definition.
   */
  whileDown?(service: Service): ManagerObservation | undefined
  /** What the service's processes have of the memory; undefined where nothing counts it, or none run. The manager is not asked. */
  memoryOf?(observation: ManagerObservation): MemoryUse | undefined
  /**
   * The settings of all services of ours in this scope, as they are on disk; in user scope those of the account that this manager is made for. What they say
   * of an account is its owner's word alone. The manager is not asked. Absent where nothing can be installed.
   */
  recorded?(): readonly ServiceSettings[]
  /** The accounts that may have services in user scope, as far as the manager's own files tell. Absent where there is no telling. */
  accounts?(): readonly Account[]
  /** The pids in the service's control group, running or left behind; undefined if it has none. The manager is not asked. */
  processesOf?(observation: ManagerObservation): readonly number[] | undefined
}

/** The files that make a service: as they should be, and what they say as they are. */
export interface Definition {
  /** What people call it, after "the". */
  readonly noun: string
  /** The rendered definition that a service with these settings gets on this machine. */
  render(service: Service, settings: ServiceSettings, environment: ReadonlyMap<string, string>): Promise<DefinitionFile[]>
  /** Why a service here cannot have these, and what to do instead: one sentence that begins with the flag. Absent where it can have all of them. */
  refusedResources?(resources: Resources): string | undefined
  /** The environment values that the installed definition carries. */
  readEnvironment(service: Service): Map<string, string>
  /** The variables that the definition sets for the gateway, so that a command can be proved in them. */
  unitEnvironment(service: Service, settings: ServiceSettings): Record<string, string>
  /** What the merged definition says; nothing more is read. */
  evidence(observation: ManagerObservation): DefinitionEvidence
  /** Directives whose merged value differs from what we want. Absent where there is nothing that another file could merge into one. */
  drift?(observation: ManagerObservation, settings: ServiceSettings): DirectiveDrift[]
  /** The files that a definition of ours consists of. */
  ownFiles(service: Service): OwnFile[]
  /** Of those the ones that somebody changed by hand. Absent where such an edit is nothing that could be kept. */
  editedFiles?(service: Service): string[]
  /** The PATH that a service gets whose definition sets none. May ask the manager. Absent: that of a login. */
  defaultPath?(): string
}

/** The steps that put a definition in place, and take it away. */
export interface Installer {
  /** What must be so before a definition is written, e.g. lingering; the steps do nothing if it is so already. */
  prerequisites?(service: Service, settings: Pick<ServiceSettings, 'linger'>): Step[]
  /** Folders of the definition, to be made before its files. */
  folderSteps(service: Service): Step[]
  /**
   * The steps that make folders and write or remove files of a definition, moved to where a new one is built before it is put in place whole.
   * Only of a manager that could take up half of one.
   */
  staged?(service: Service, steps: readonly Step[]): Step[]
  /**
   * Has it read definitions that were changed; `isEnabledNext`: none where it reads them when a service is enabled, too. Absent where it does so at a
   * restart alone.
   */
  reload?(options?: {readonly isEnabledNext: boolean}): RunStep[]
  /** Files of ours on disk that a definition of the `wanted` files does not have, e.g. of an older version or of a run that was killed. */
  leftovers(service: Service, wanted: readonly string[]): string[]
  /** Takes what is on disk of our definition away, helpers included; none if there is nothing. */
  removeSteps(observation: ManagerObservation): Step[]
  /** What is still there of a service that should be gone: files, what the manager knows, runtime files. */
  traces(service: Service): string[]
  /**
   * Takes back what `install` did beside the definition, once the files are gone; what other services still need is left to the last of
   * them to take back.
   */
  afterUninstall?(observation: ManagerObservation): Step[]
}

/** The steps that have the manager change what the service does. */
export interface Control {
  enable(service: Service): RunStep[]
  /** `isReadLater`: a reload follows, so that the manager does not have to read all definitions for this alone. */
  disable(service: Service, options?: {readonly isReadLater: boolean}): RunStep[]
  /** Starts it without waiting, past failures and delays forgotten. */
  start(service: Service): Step[]
  /** Stops it without waiting. */
  stop(service: Service): Step[]
  /** Stops whatever is left and starts it, without waiting, past failures forgotten. */
  restart(service: Service): Step[]
  /** Ends it without regard for its work, and waits until it is gone: for a start that failed. */
  abort(service: Service): Step[]
  /** Has the manager forget that the service failed, so that a stopped one counts as stopped. */
  settle(service: Service): Step[]
  /**
   * The steps that call off a restart of the service that its gateway has left to the manager, and that is still to come: it would bring back what was
   * stopped, and end what was just started. None if there is none now. What it has told the manager already is not called back. Asks the manager;
   * absent where gateways leave it none.
   */
  callOffRestart?(service: Service): Step[]
}

/** Who else runs gateways here. */
export interface Rivals {
  /** All definitions of gateways of this manager for an account, in both scopes. */
  definitions(account: Account): GatewayDefinition[]
  /** True if a gateway runs under one of them, by what the process table shows or the manager says. Absent where nothing tells. */
  isRunning?(definition: GatewayDefinition, processes: ProcessTable): boolean
  /** Stops the gateway of such a definition in this scope, and keeps it down. Absent where none has a name of upstream's. */
  end?(definition: GatewayDefinition): Step[]
  /**
   * The service of another name, as far as the manager knows, that runs a process of the account's and would start it again if it ended. May ask
   * the manager. Absent where there is no telling.
   */
  supervisorOf?(process: Pick<ProcessInfo, 'pid' | 'cgroup'>, account: Account): Supervisor | undefined
}

/** What refreshes the heartbeats of an account's services. */
export interface Tick {
  /**
   * The tick of all services of the service's account, as it should be with these settings of this service (undefined: without it): the files
   * that they share, none if no service wants it, and the steps that make it so.
   */
  heartbeat(service: Service, settings: ServiceSettings | undefined, options?: HeartbeatOptions): Promise<HeartbeatDefinition>
  /** The files of that alone. Asks the manager nothing. */
  files(service: Service, settings: ServiceSettings | undefined): Promise<readonly DefinitionFile[]>
  /** The programs of the tick of an account, as it is installed; none if it is not. */
  programs(account: Account): UsedProgram[]
  /** When the heartbeats of the service's account were last ticked; undefined if they never were. One call of the manager; absent where it notes no times. */
  last?(service: Service): LastTick | undefined
}

/** What the service and its tick have printed. */
export interface Logs {
  /** The logs of these services, which have one account. */
  of(services: readonly Service[]): ManagerLog[]
  /** Files to which the manager appends, and which it never rotates. Absent where it keeps that itself. */
  files?(service: Service): string[]
}

/** What a manager has noted of a service's starts and ends. Times in ms since the epoch. */
export type ManagerFact =
  | {readonly kind: 'started'; readonly atMs: number}
  | {readonly kind: 'stopping'; readonly atMs: number}
  /** Its main process ended: with this exit status, or by the signal of this name without SIG. */
  | {readonly kind: 'ended'; readonly atMs: number; readonly how: 'exited' | 'killed' | 'dumped'; readonly status: string}
  /** The kernel killed one of its processes for lack of memory. */
  | {readonly kind: 'oom-kill'; readonly atMs: number}
  /** What it makes of an end, or of a start: SERVICE_RESULT of systemd.exec(5). */
  | {readonly kind: 'result'; readonly atMs: number; readonly result: string}

/** A manager's own record of what its services did, read with this process's own ids by a program that prints it. */
export interface Chronicle {
  readonly env: Record<string, string>
  /** The newest `lines` of what it has of a service, newest first. */
  command(service: Service, query: {readonly sinceMs: number; readonly lines: number}): string[]
  /** A line of what that prints; undefined for what is not understood. */
  factOf(printed: string): ManagerFact | undefined
  /** Tells of the boots of the machine, as far as they are on record. */
  readonly bootsCommand: readonly string[]
  /** What that prints: when each began, and when it was last heard of. */
  bootsOf(printed: string): readonly {readonly atMs: number; readonly lastMs: number}[]
}

/** An account's services end with its last session unless it lingers. */
export interface Linger {
  isOn(service: Service): boolean
}

/**
 * One service manager in one scope, by its roles. What a manager cannot do is absent. Reading methods never write, signal or take a lock;
 * everything that changes something is returned as steps of a plan. All methods throw ServiceError for foreseeable failures, exit 4 if the
 * manager cannot be reached.
 */
export interface Manager {
  /** Its name in the registry. */
  readonly kind: string
  readonly scope: Scope
  /** How the manager is shown, e.g. "systemd (user)". */
  readonly title: string
  /** The command by which a person has the manager do it to a service, e.g. `sudo systemctl unmask hermes-gateway.service`. */
  byHand(act: ByHand, name: string, scope?: Scope): string
  /** The same manager in a scope, which may be its own; where all is one scope, itself. `account`: as the manager of that scope is made for. */
  inScope(scope: Scope, account: Account): Manager

  readonly placement: Placement
  readonly observer: Observer
  readonly definition: Definition
  /** Absent where nothing can be installed: what is there is kept in the foreground, for as long as somebody runs it. */
  readonly installer?: Installer
  readonly control: Control
  readonly rivals: Rivals
  readonly tick: Tick
  /** Absent where the gateway's own file is all that there is of a log. */
  readonly logs?: Logs
  /** Absent where a manager keeps no record of starts and ends. */
  readonly chronicle?: Chronicle
  readonly linger?: Linger
  /** The container that it serves all of: its definitions end with it, so one of another tool's is replaced. Absent where definitions last. */
  readonly container?: Container
}

/** What the `index` of a manager's folder exports as `create`. `account`: whose manager or session is meant in user scope, else who asks. */
export type CreateManager = (host: Host, scope: Scope, account: Account) => Manager
