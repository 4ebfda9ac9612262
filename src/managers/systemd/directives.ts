import {GatewayExit} from '../../gateway/contract.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import type {Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {gatewayArgv} from '../../service/gateway-argv.js'
import type {Service} from '../../service/service.js'
import {toolPath} from '../../service/service-helper.js'
import {limitBytes, type Resources} from '../../service/resources.js'
import type {ServiceSettings} from '../../service/settings.js'
import type {DirectiveDrift, ManagerObservation} from '../manager.js'
import {isSafeProgram} from './escape.js'
import {restartPauseMs, restartPauseText, START_LIMIT} from './start-limit.js'
import {parseSpanMs} from './show.js'
import type {Systemd} from './systemctl.js'
import {execStartOf, valuesOf} from './unit-file.js'

/** A directive that hermes-svc owns: how it is called in a file, the value it must have, and how to tell from systemd's own text. */
interface OwnedDirective {
  /** Name in a unit file. */
  readonly name: string
  readonly text: string
  /** `written`: what the last file to set it says, where the manager shows what it has made of that. */
  readonly accepts: (shown: string, written?: string) => boolean
  /** Finds a line that sets it. */
  readonly pattern: RegExp
}

/** Properties of `systemctl show` that hold what we own (their names differ from the files' where times are meant). */
export function ownedDirectives(): string[] {
  return [...Object.keys(PROPERTY_NAMES), ...Object.values(RESOURCE_DIRECTIVES)]
}

const PROPERTY_NAMES: Readonly<Record<string, string>> = {
  StartLimitIntervalUSec: 'StartLimitIntervalSec',
  StartLimitBurst: 'StartLimitBurst',
  Restart: 'Restart',
  RestartUSec: 'RestartSec',
  RestartForceExitStatus: 'RestartForceExitStatus',
  SuccessExitStatus: 'SuccessExitStatus',
  RestartPreventExitStatus: 'RestartPreventExitStatus',
  RestartSteps: 'RestartSteps',
  KillMode: 'KillMode',
  TimeoutStartUSec: 'TimeoutStartSec',
  TimeoutStopUSec: 'TimeoutStopSec',
  RuntimeDirectoryPreserve: 'RuntimeDirectoryPreserve',
  OOMPolicy: 'OOMPolicy',
}

/** What may be chosen; the properties have the same names. Without a choice they are somebody else's. */
const RESOURCE_DIRECTIVES = {
  memoryHigh: 'MemoryHigh',
  memoryMax: 'MemoryMax',
  nice: 'Nice',
  cpuWeight: 'CPUWeight',
} as const satisfies Record<Exclude<keyof Resources, 'keepAwake'>, string>
/** What a limit is rounded down to: the largest page there is. */
const PAGE_BYTES = 64 * 1024

function chosen({resources = {}}: Pick<ServiceSettings, 'resources'>): {directive: string; text: string}[] {
  return Object.entries(RESOURCE_DIRECTIVES).flatMap(([name, directive]) => {
    const value = resources[name as keyof typeof RESOURCE_DIRECTIVES]
    return value === undefined ? [] : [{directive, text: String(value)}]
  })
}

/** The lines of a drop-in that say what the service may take. */
export function resourceLines(settings: Pick<ServiceSettings, 'resources'>): string[] {
  return chosen(settings).map(({directive, text}) => `${directive}=${text}`)
}

/** A share of the memory is shown in bytes: then it is what stands in the file that counts. */
function isChosen(text: string, shown: string, written: string | undefined): boolean {
  if (shown === text || written === text) return true
  const [wanted, seen] = [text, shown].map((limit) => (/%$|^-?\d{1,5}$/.test(limit) ? undefined : limitBytes(limit, 0)))
  return wanted !== undefined && seen !== undefined && Math.abs(wanted - seen) < PAGE_BYTES
}

/** What each owned property must be for these settings, by property name. */
export function wantedDirectives(settings: ServiceSettings): Record<string, OwnedDirective> {
  const pauseMs = restartPauseMs(settings.policy)
  const startMs = Math.ceil(settings.policy.capMs / 1000) * 1000
  const stopMs = stopTimeoutSec(settings) * 1000
  const wanted: Record<string, [string, OwnedDirective['accepts']]> = {
    // A shorter time and more starts are further from ever being reached.
    StartLimitIntervalUSec: [`${START_LIMIT.intervalSec}s`, (shown) => (parseSpanMs(shown) ?? Infinity) <= START_LIMIT.intervalSec * 1000],
    StartLimitBurst: [String(START_LIMIT.burst), (shown) => Number(shown) >= START_LIMIT.burst],
    Restart: ['always', (shown) => shown === 'always'],
    RestartUSec: [restartPauseText(settings.policy), (shown) => parseSpanMs(shown) === pauseMs],
    RestartForceExitStatus: withStatus(GatewayExit.restart),
    SuccessExitStatus: withStatus(GatewayExit.restart),
    RestartPreventExitStatus: withStatus(GatewayExit.fatalConfiguration),
    RestartSteps: ['0', (shown) => shown === '0'],
    KillMode: ['mixed', (shown) => shown === 'mixed'],
    // A longer time than ours keeps what ours is for: the start may wait, the stop may drain.
    TimeoutStartUSec: [`more than ${startMs / 1000}s`, (shown) => (parseSpanMs(shown) ?? 0) > startMs],
    TimeoutStopUSec: [`${stopMs / 1000}s or more`, (shown) => (parseSpanMs(shown) ?? 0) >= stopMs],
    RuntimeDirectoryPreserve: ['restart', (shown) => shown === 'restart' || shown === 'yes'],
    OOMPolicy: ['continue', (shown) => shown === 'continue'],
    ...Object.fromEntries(
      chosen(settings).map(({directive, text}) => [
        directive,
        [text, (shown: string, written?: string) => isChosen(text, shown, written)] satisfies [string, OwnedDirective['accepts']],
      ]),
    ),
  }
  return Object.fromEntries(
    Object.entries(wanted).map(([property, [text, accepts]]) => {
      const name = PROPERTY_NAMES[property] ?? property
      return [property, {name, text, accepts, pattern: new RegExp(`^[ \\t]*${name}[ \\t]*=`, 'm')}]
    }),
  )
}

/** A list with this exit status in it; systemctl prints numbers and signal names, blanks between. */
function withStatus(status: number): [string, (shown: string) => boolean] {
  return [String(status), (shown) => shown.split(/\s+/).includes(String(status))]
}

/** Our drop-in says what the gateway is started by: another tool's unit keeps its own command, unless one was given. */
export function holdsCommand({commandIsGiven, createdDefinition}: ServiceSettings): boolean {
  return commandIsGiven || createdDefinition
}

/** The words that a unit of a service with these settings starts. */
export function startWords(host: Host, service: Service, settings: ServiceSettings): readonly string[] {
  return carried(host, gatewayArgv(settings.command, service.profile.name, settings.home))
}

/**
 * A command whose program systemd would not take is started by one that it takes, and which replaces itself with it and changes nothing
 * else (a shell would set variables, and env take a path with "=" for one).
 */
function carried(host: Host, argv: readonly string[]): readonly string[] {
  return isSafeProgram(argv[0] ?? '') ? argv : [toolPath(host, 'nice'), '-n', '0', ...argv]
}

/** See Definition.drift. */
export function driftOf(systemd: Systemd, observation: ManagerObservation, settings: ServiceSettings): DirectiveDrift[] {
  const drifts: DirectiveDrift[] = []
  for (const [directive, value] of Object.entries(wantedDirectives(settings))) {
    const merged = observation.directives[directive]
    if (merged === undefined || value.accepts(merged)) continue
    const setBy = observation.definitionPaths.findLast((file) => value.pattern.test(readIfAllowed(systemd.files, file) ?? ''))
    const written = setBy === undefined ? undefined : valuesOf(readIfAllowed(systemd.files, setBy) ?? '', value.name).at(-1)
    if (value.accepts(merged, written)) continue
    drifts.push({directive: value.name, wanted: value.text, merged, setBy})
  }
  return [...drifts, ...commandDrift(systemd, observation, settings)]
}

/** A command of ours is ours to hold, whoever rewrites the unit. */
function commandDrift({host, files}: Systemd, {service, definitionPaths}: ManagerObservation, settings: ServiceSettings): DirectiveDrift[] {
  if (!holdsCommand(settings)) return []
  const texts = definitionPaths.map((file) => readIfAllowed(files, file) ?? '')
  const wanted = startWords(host, service, settings)
  const {words} = execStartOf(texts)
  if (words.length === 0 || words.join('\0') === wanted.join('\0')) return []
  const setBy = definitionPaths.findLast((_, index) => valuesOf(texts[index] ?? '', 'ExecStart').some((value) => value !== ''))
  return [{directive: 'ExecStart', wanted: wanted.join(' '), merged: words.join(' '), setBy}]
}
