import path from 'node:path'
import {GatewayExit, GatewayVariable} from '../../gateway/contract.js'
import {recordOf} from '../../gateway/observation.js'
import {pidFile, readProcessRecord} from '../../gateway/records.js'
import {accountDoor} from '../../host/account-door.js'
import {type Door, type Host, HostError} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {recordedSettings} from '../../service/recorded-settings.js'
import type {Scope, Service} from '../../service/service.js'
import {type Activity, exitedWith, type LastExit, type ManagerObservation, type Observer} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import type {Domain} from './domain.js'
import {noSession} from './failures.js'
import {launchctlEnvironment} from './launchctl.js'
import {definitionPaths, scopeFolders} from './paths.js'
import {DEFINITION_VARIABLE, isDict, isOwn, member, parsePlist, type PlistValue} from './plist.js'
import type {PrintedJob} from './print.js'
import {isMadeByUs, type Launchd, type OnDisk, readOnDisk} from './whereabouts.js'

/** One row of the process table. */
export interface ProcessRow {
  readonly parentPid: number
  readonly hasEnded: boolean
  readonly ageMs: number
}

/** What the launcher and the helpers of a service have left in its state folder. */
export interface Memory {
  readonly gatewayPid: number | undefined
  readonly ended: LastExit | undefined
  readonly restarts: number
  readonly failures: number
  /** A stop was asked for, and the gateway has not ended yet. */
  readonly isStopping: boolean
}

/** All that one observation is made of. */
export interface Evidence {
  readonly onDisk: OnDisk
  /** The job and where it is loaded; undefined if it is loaded nowhere. */
  readonly job: {readonly printed: PrintedJob; readonly domain: Domain} | undefined
  /** Where it would be loaded; undefined if that is nowhere. */
  readonly domain: Domain | undefined
  /** Undefined if that cannot be told. */
  readonly isDisabled: boolean | undefined
  readonly memory: Memory
  readonly processes: ReadonlyMap<number, ProcessRow>
}

/** Keys of a property list that are among the `directives` of an observation. */
const OWNED_KEYS = [
  ...['ProgramArguments', 'RunAtLoad', 'KeepAlive', 'ThrottleInterval', 'ExitTimeOut', 'LimitLoadToSessionType'],
  ...['StandardOutPath', 'StandardErrorPath', 'ProcessType', 'WorkingDirectory'],
] as const
const PROCESS_TIMEOUT_MS = 10_000
const MAX_DEPTH = 64

/** See Observer. */
export function observer({host, scope, account, files, where}: Launchd): Observer {
  return {
    recorded: () => [...orNoAccess(() => recordedSettings(files, scopeFolders(scope, account).support)).values()],
    observe: (services) => {
      const disabled = new Map<string, ReadonlyMap<string, boolean> | undefined>()
      let processes: Evidence['processes'] | undefined
      return services.map((service) => {
        const onDisk = orNoAccess(() => readOnDisk(files, scope, service))
        const {loaded, present} = where.find(service, onDisk.settings)
        // Without any session nothing runs in one; of what is not on disk either, that is all there is to know.
        if (present === undefined && onDisk.plist !== undefined) throw noSession(service.account)
        const domain = loaded?.domain ?? present
        // All domains of a user go by one record.
        if (domain && !disabled.has(domain.target)) disabled.set(domain.target, where.disabled(domain))
        const records = domain && disabled.get(domain.target)
        if (loaded?.printed.pid !== undefined) processes ??= readProcesses(host)
        return observationOf(host, scope, service, {
          onDisk,
          job: loaded,
          domain,
          isDisabled: records && (records.get(service.name) ?? false),
          memory: readMemory(files, definitionPaths(scope, service).stateFolder),
          processes: processes ?? new Map(),
        })
      })
    },
    isOnDisk: (service) => orNoAccess(() => files.lstat(definitionPaths(scope, service).plist) !== undefined),
    notInstalled: (service) =>
      observationOf(host, scope, service, {
        onDisk: {plist: undefined, launcher: undefined, settings: undefined},
        job: undefined,
        domain: undefined,
        isDisabled: undefined,
        memory: {gatewayPid: undefined, ended: undefined, restarts: 0, failures: 0, isStopping: false},
        processes: new Map(),
      }),
    /**
     * The gateway and what it has started. What a former one has left behind has another parent by now, but is in the process group of the
     * job, if it has not left that: a job's first process leads a group of its own (launchd.plist(5), AbandonProcessGroup).
     */
    processesOf: ({mainPid, launcherPid}) => {
      if (launcherPid === undefined) return undefined
      const processes = readProcesses(host)
      const group = readProcessGroup(host, launcherPid)
      return [...processes.keys()].filter((pid) => {
        if (mainPid !== undefined && descends(processes, pid, mainPid)) return true
        return group.includes(pid) && !descends(processes, pid, launcherPid)
      })
    },
  }
}

/** Reads the state folder. What may not be read is as if it were not there: another user's service says less. */
export function readMemory(host: Door, stateFolder: string): Memory {
  const text = (name: string) => readIfAllowed(host, path.join(stateFolder, name))?.trim()
  const [how, status] = text('ended')?.split(' ') ?? []
  return {
    gatewayPid: positive(text('gateway')?.split(' ')[0]),
    ended: (how === 'exited' || how === 'killed') && /^\d+$/.test(status ?? '') ? {how, status: Number(status)} : undefined,
    restarts: positive(text('restarts')) ?? 0,
    failures: positive(text('failures')) ?? 0,
    isStopping: text('stopping') !== undefined || text('stop') !== undefined,
  }
}

/** The process table by ps(1), whose words are the same on every system. Empty if it cannot be had. */
export function readProcesses(host: Host): ReadonlyMap<number, ProcessRow> {
  const argv = ['ps', '-ax', '-o', 'pid=', '-o', 'ppid=', '-o', 'state=', '-o', 'etime=']
  return parseProcesses(host.read(argv, {env: launchctlEnvironment(), timeoutMs: PROCESS_TIMEOUT_MS}).stdout)
}

/** The pids of a process group. */
function readProcessGroup(host: Host, group: number): number[] {
  const argv = ['ps', '-ax', '-o', 'pid=', '-o', 'pgid=']
  const {stdout} = host.read(argv, {env: launchctlEnvironment(), timeoutMs: PROCESS_TIMEOUT_MS})
  return [...stdout.matchAll(/^[ \t]*(\d+)[ \t]+(\d+)[ \t]*$/gm)]
    .filter(([, , pgid]) => Number(pgid) === group)
    .map(([, pid]) => Number(pid))
}

export function parseProcesses(text: string): Map<number, ProcessRow> {
  const found = new Map<number, ProcessRow>()
  for (const line of text.split('\n')) {
    const [, pid, parentPid, state, days, hours, minutes, seconds] =
      /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)\s*$/.exec(line) ?? []
    if (pid === undefined) continue
    const elapsedSec = ((Number(days ?? 0) * 24 + Number(hours ?? 0)) * 60 + Number(minutes)) * 60 + Number(seconds)
    found.set(Number(pid), {parentPid: Number(parentPid), hasEnded: state?.startsWith('Z') ?? false, ageMs: elapsedSec * 1000})
  }
  return found
}

/** True if `pid` is `ancestor` or was started by it, directly or not. */
export function descends(processes: ReadonlyMap<number, ProcessRow>, pid: number, ancestor: number): boolean {
  for (let [at, depth] = [pid, 0]; depth < MAX_DEPTH; depth++) {
    if (at === ancestor) return true
    const parent = processes.get(at)?.parentPid
    if (parent === undefined || parent < 2) return false
    at = parent
  }
  return false
}

/** Makes an observation of what was seen. Reads the gateway's record, to tell which of the job's processes is the gateway. */
function observationOf(host: Host, scope: Scope, service: Service, evidence: Evidence): ManagerObservation {
  const {onDisk, job, memory, processes, isDisabled} = evidence
  const paths = definitionPaths(scope, service)
  const plist = onDisk.plist === undefined ? undefined : parsePlist(onDisk.plist)
  const variables = member(plist, 'EnvironmentVariables')
  const isOurs = onDisk.plist === undefined ? onDisk.settings !== undefined : isOwn(onDisk.plist)
  const isInstalled = onDisk.plist !== undefined || job !== undefined
  const launchdPid = job?.printed.pid
  const mainPid = launchdPid === undefined ? undefined : gatewayPid(host, service, launchdPid, isOurs, evidence)
  const age = mainPid === undefined ? undefined : processes.get(mainPid)?.ageMs
  const launchdExit = job?.printed.lastExit
  return {
    service,
    domain: isInstalled ? (job?.domain ?? evidence.domain)?.target : undefined,
    installed: !isInstalled ? 'no' : isOurs ? 'own' : 'foreign',
    ...(onDisk.plist !== undefined && !isOurs && isMadeByUs(onDisk.settings, service) ? {isRewritten: true as const} : {}),
    broken: undefined,
    enabled: onDisk.plist === undefined || isDisabled === undefined ? undefined : !isDisabled,
    activity: job === undefined ? 'stopped' : activity(job.printed, memory, mainPid, isOurs),
    mainPid,
    launcherPid: launchdPid,
    startedAtMs: age === undefined ? undefined : host.monotonicMs() - age,
    changedAtMs: age === undefined ? endedAtMs(host, paths.stateFolder) : host.monotonicMs() - age,
    restarts: isOurs ? memory.restarts : Math.max(0, (job?.printed.runs ?? 1) - 1),
    lastExit: isOurs ? (memory.ended ?? launchdExit) : launchdExit,
    failuresInARow: memory.failures,
    controlGroup: undefined,
    home:
      textOf(member(variables, GatewayVariable.home)) ??
      job?.printed.environment.get(GatewayVariable.home) ??
      (isOurs ? onDisk.settings?.home : undefined),
    environment: isDict(variables) ? Object.entries(variables).map(([name, value]) => `${name}=${textOf(value) ?? ''}`) : [],
    accountName: textOf(member(plist, 'UserName')),
    definitionPaths: isInstalled ? [onDisk.plist === undefined ? (job?.printed.path ?? paths.plist) : paths.plist] : [],
    needsReload: job !== undefined && onDisk.plist !== undefined && isStale(job.printed, onDisk.plist),
    settings: onDisk.settings,
    directives: {...directivesOf(plist, job), ...launcherTimes(onDisk.launcher)},
  }
}

/** True if launchd goes by another text than the one on disk; of another tool's it cannot be told. */
export function isStale({environment}: PrintedJob, plist: string): boolean {
  return environment.get(DEFINITION_VARIABLE) !== member(member(parsePlist(plist), 'EnvironmentVariables'), DEFINITION_VARIABLE)
}

/** True if launchd knows the service's job. */
export function isLoaded({directives}: ManagerObservation): boolean {
  return directives.state !== undefined
}

/** Of a loaded job what launchd says of it, in its own words, and of a property list the keys that are ours to set. */
function directivesOf(plist: PlistValue | undefined, job: Evidence['job']): Record<string, string> {
  const directives = Object.create(null) as Record<string, string>
  if (job) {
    const {state, properties, lastExit, exitReason} = job.printed
    Object.assign(directives, {domain: job.domain.target, state, properties: properties.join(' | ')})
    if (lastExit?.how === 'exited') directives['last exit code'] = String(lastExit.status)
    if (exitReason !== undefined) directives['last exit reason'] = exitReason
  }
  for (const key of OWNED_KEYS) {
    const value = member(plist, key)
    if (value !== undefined) directives[key] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  return directives
}

/** The times by which a launcher goes, in seconds. */
function launcherTimes(text: string | undefined): Record<string, string> {
  const [, RestartDelay, StopTimeout] = /^restart_delay=(\S+) stop_timeout=(\S+)$/m.exec(text ?? '') ?? []
  return RestartDelay === undefined || StopTimeout === undefined ? {} : {RestartDelay, StopTimeout}
}

/**
 * Which process of a job is the gateway. launchd knows only the one that it started: our launcher, or a wrapper of another tool's. The
 * gateway's own record says more, if it names a descendant of that one. Undefined if the launcher has none at this moment.
 */
function gatewayPid(host: Host, service: Service, launchdPid: number, isOurs: boolean, {memory, processes}: Evidence): number | undefined {
  const isLiving = (pid: number | undefined): pid is number =>
    pid !== undefined && processes.get(pid)?.hasEnded === false && descends(processes, pid, launchdPid)
  const recorded = recordOf(readProcessRecord(accountDoor(host, service.account), pidFile(service.profile.home)))?.pid
  if (isLiving(recorded) && recorded !== launchdPid) return recorded
  if (!isOurs) return launchdPid
  return isLiving(memory.gatewayPid) ? memory.gatewayPid : undefined
}

function activity({state, properties}: PrintedJob, memory: Memory, mainPid: number | undefined, isOurs: boolean): Activity {
  switch (state) {
    case 'running':
    case 'xpcproxy':
      if (!isOurs) return 'running'
      if (memory.isStopping) return 'stopping'
      if (mainPid !== undefined) return 'running'
      return memory.failures > 0 ? 'waiting' : 'starting'
    case 'spawning':
      return 'starting'
    case 'spawn scheduled':
      // launchd has given it up until something changes.
      return properties.includes('penalty box') ? 'failed' : 'waiting'
    case 'spawn failed':
      return 'failed'
    case 'SIGTERMed':
    case 'SIGKILLed':
    case 'languishing':
      return 'stopping'
    case 'not running':
    case 'exited':
    // Older systems: for a reason to start it.
    case 'waiting':
      return isOurs && exitedWith(memory.ended, GatewayExit.fatalConfiguration) ? 'failed' : 'stopped'
  }
}

/** When the gateway last ended, ms on the monotonic clock, by the file that its launcher then wrote. */
function endedAtMs(host: Host, stateFolder: string): number | undefined {
  try {
    const ended = host.stat(path.join(stateFolder, 'ended'))
    return ended && host.monotonicMs() - (host.nowMs() - ended.modifiedMs)
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

function textOf(value: PlistValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text)
  return Number.isInteger(value) && value > 0 ? value : undefined
}
