import {readIfAllowed} from '../../host/tolerant-read.js'
import type {Scope, Service} from '../../service/service.js'
import type {Definition, DefinitionEvidence, ManagerObservation, OwnFile, RestartRisk, StartFailure, UsedProgram} from '../manager.js'
import {definitionPaths, DROP_IN_NAME} from './paths.js'
import {environmentFilesOf, parseSpanMs, type Properties, splitEntries} from './show.js'
import {isLeftAtStartLimit, pauseAfter, START_LIMIT_RESULT, startLimit} from './start-limit.js'
import type {Systemd} from './systemctl.js'
import {type ExecStart, execStartOf, SYSTEM_PATH, variableOfFiles} from './unit-file.js'

/** A pause of at least this makes at most 120 starts an hour, which harms nobody. */
const HARMLESS_PAUSE_MS = 30_000
/** Exit statuses that systemd itself ends a process with before it has become the program: the table of systemd.exec(5). */
const OWN_STATUSES: Readonly<Record<string, string>> = {
  200: 'CHDIR',
  201: 'NICE',
  202: 'FDS',
  203: 'EXEC',
  204: 'MEMORY',
  205: 'LIMITS',
  206: 'OOM_ADJUST',
  207: 'SIGNAL_MASK',
  208: 'STDIN',
  209: 'STDOUT',
  210: 'CHROOT',
  211: 'IOPRIO',
  212: 'TIMERSLACK',
  213: 'SECUREBITS',
  214: 'SETSCHEDULER',
  215: 'CPUAFFINITY',
  216: 'GROUP',
  217: 'USER',
  218: 'CAPABILITIES',
  219: 'CGROUP',
  220: 'SETSID',
  221: 'CONFIRM',
  222: 'STDERR',
  224: 'PAM',
  225: 'NETWORK',
  226: 'NAMESPACE',
  227: 'NO_NEW_PRIVILEGES',
  228: 'SECCOMP',
  229: 'SELINUX_CONTEXT',
  230: 'PERSONALITY',
  231: 'APPARMOR_PROFILE',
  232: 'ADDRESS_FAMILIES',
  233: 'RUNTIME_DIRECTORY',
  235: 'CHOWN',
  236: 'SMACK_PROCESS_LABEL',
  237: 'KEYRING',
  238: 'STATE_DIRECTORY',
  239: 'CACHE_DIRECTORY',
  240: 'LOGS_DIRECTORY',
  241: 'CONFIGURATION_DIRECTORY',
  242: 'NUMA_POLICY',
  243: 'CREDENTIALS',
  245: 'BPF',
}
/** What those were about that tell of more than of a setting that cannot be had here. */
const KINDS: Readonly<Record<string, StartFailure['kind']>> = {200: 'folder', 203: 'program', 216: 'account', 217: 'account'}

/** The files of a service of ours. */
export function ownFiles(scope: Scope, service: Service): OwnFile[] {
  const {unit, dropIn, helper, settings, environmentFile} = definitionPaths(scope, service)
  return [
    {path: unit, role: 'definition'},
    {path: dropIn, role: 'policy'},
    {path: settings, role: 'settings'},
    {path: environmentFile, role: 'secrets'},
    {path: helper, role: 'helper'},
  ]
}

/** See Definition.evidence. An observation does not change, and many checks ask what its definition says. */
export function evidence({host, scope, account, files}: Systemd): Definition['evidence'] {
  const known = new WeakMap<ManagerObservation, DefinitionEvidence>()
  const look = (observation: ManagerObservation): DefinitionEvidence => {
    const {service, definitionPaths: loaded, directives} = observation
    const needsHomeMark = loaded.includes(definitionPaths(scope, service).dropIn)
    const own = needsHomeMark ? ownFiles(scope, service) : []
    const helpers = own.filter(({role}) => role === 'helper').map(({path}): UsedProgram => ({path, role: 'helper'}))
    const texts = loaded.map((file) => readIfAllowed(files, file) ?? '')
    const {program, words} = execStartOf(texts, {scope, account, name: service.name})
    const start = {program: program?.includes('/') ? program : program && host.which(program, SYSTEM_PATH), words}
    const said = definitionEvidence(directives, start, helpers)
    const searchPath = variableOfFiles(files, environmentFilesOf(directives), 'PATH') ?? said.searchPath
    return {...said, searchPath, needsHomeMark}
  }
  return (observation) => {
    const found = known.get(observation) ?? look(observation)
    known.set(observation, found)
    return found
  }
}

/**
 * What the properties of a unit (`systemctl show`) and its command say of its gateway's life; `others`: programs beside the gateway that it
 * needs. Pure.
 */
export function definitionEvidence(shown: Properties, {program, words}: ExecStart, others: readonly UsedProgram[]): DefinitionEvidence {
  const gateway: UsedProgram[] = program === undefined ? [] : [{path: program, role: 'gateway'}]
  const environment = splitEntries(shown.Environment ?? '')
  return {
    restartRisk: restartRisk(shown),
    startFailure: startFailure(shown),
    stopTimeoutMs: parseSpanMs(shown.TimeoutStopUSec),
    programs: [...gateway, ...others],
    commandLine: words.join(' '),
    command: words,
    // "!" stands for a folder that may be missing, "~" for the account's home.
    requiredFolder: shown.WorkingDirectory?.startsWith('/') ? shown.WorkingDirectory : undefined,
    searchPath: environment.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length),
  }
}

/**
 * Whether restarts end in a dead unit or in a storm. systemd allows StartLimitBurst= starts within StartLimitIntervalSec=, whatever
 * they were for, and refuses the next (systemd.unit(5), ratelimit.c); RestartSteps= lets the pause grow (systemd.service(5), 254 and
 * later). Where our helper waits before a start (ExecStartPre=) it is the backoff on top of that.
 */
export function restartRisk(shown: Properties): RestartRisk {
  const pauseMs = parseSpanMs(shown.RestartUSec) ?? 0
  if (shown.Restart === undefined || shown.Restart === 'no') {
    return {kind: 'dies', arithmetic: 'Restart=no: systemd never starts the gateway again after it ends'}
  }
  const limit = startLimit(shown)
  if (limit?.isReached === true) {
    const {burst, intervalMs} = limit
    const untilRefusedMs = Array.from({length: burst}, (_, index) => pauseAfter(shown, index)).reduce((sum, pause) => sum + pause, 0)
    const allowed = `StartLimitBurst=${burst} starts in StartLimitIntervalSec=${seconds(intervalMs)}`
    const pause = `with RestartSec=${seconds(pauseMs)}, start ${burst + 1} of a gateway that ends at once comes ${seconds(untilRefusedMs)} after the first`
    return {kind: 'dies', arithmetic: `${allowed} are allowed; ${pause}. systemd refuses it, and never tries again`}
  }
  const why = limit
    ? `RestartSec=${seconds(pauseMs)} leads to at most ${limit.starts} starts in StartLimitIntervalSec=${seconds(limit.intervalMs)}, and StartLimitBurst=${limit.burst} allows that`
    : 'there is no start limit'
  const grownMs = pauseAfter(shown, Infinity)
  if (hasOwnBackoff(shown)) return {kind: 'sound', arithmetic: `${why}, and each failure makes the next start wait longer`}
  if (grownMs >= HARMLESS_PAUSE_MS) return {kind: 'sound', arithmetic: `${why}, and pauses grow to ${seconds(grownMs)}`}
  const perHour = Math.floor(3_600_000 / Math.max(pauseMs, 100))
  return {
    kind: 'storms',
    arithmetic: `${why}, and RestartSec=${seconds(pauseMs)} never grows: systemd starts a gateway that ends at once up to ${perHour} times an hour, without end`,
  }
}

/** The helper that waits is in a drop-in of ours. */
function hasOwnBackoff({DropInPaths}: Properties): boolean {
  return splitEntries(DropInPaths ?? '').some((file) => file.endsWith(`/${DROP_IN_NAME}`))
}

function startFailure(shown: Properties): StartFailure | undefined {
  if (shown.Result === START_LIMIT_RESULT) return {kind: 'limit', text: START_LIMIT_RESULT}
  const status = ownStatus(shown)
  if (status !== undefined) return {kind: KINDS[status] ?? 'setup', text: `${status}/${OWN_STATUSES[status]}`}
  return isLeftAtStartLimit(shown)
    ? {kind: 'limit', text: `failed after ${shown.NRestarts} restarts, StartLimitBurst=${shown.StartLimitBurst}`}
    : undefined
}

/** Where a unit is that fails before its gateway's process is there: systemd.service(5) starts what comes after a run then, too. */
const BETWEEN_TRIES = new Set(['auto-restart', 'auto-restart-queued', 'start-pre', 'stop-post'])

/**
 * The status of systemd's own with which the gateway's process ended, or, where it did not come to that, what runs before or after it: those
 * are set up like it.
 */
function ownStatus(shown: Properties): string | undefined {
  const isBetween = BETWEEN_TRIES.has(shown.SubState ?? '')
  if (shown.ActiveState !== 'failed' && !isBetween) return undefined
  const main = shown.ExecMainCode === '1' && shown.SubState !== 'start-pre' ? [shown.ExecMainStatus ?? ''] : []
  const around = [shown.ExecStartPre ?? '', shown.ExecStopPost ?? ''].flatMap((text) =>
    [...text.matchAll(/ ; code=exited ; status=(\d+) \}/g)].map(([, status]) => status ?? ''),
  )
  // A helper's shell could end with such a number, too, but then the gateway's process is there.
  return [...main, ...(shown.ExecMainCode === '0' ? around : [])].find((status) => OWN_STATUSES[status] !== undefined)
}

function seconds(ms: number): string {
  return ms === Infinity ? 'infinity' : `${Math.round(ms) / 1000}s`
}
