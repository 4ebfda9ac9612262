import {stopTimeoutSec} from '../../gateway/drain.js'
import {gatewayArgv} from '../../service/gateway-argv.js'
import type {Scope, Service} from '../../service/service.js'
import type {ServiceSettings} from '../../service/settings.js'
import type {DefinitionEvidence, DirectiveDrift, ManagerObservation, OwnFile, RestartRisk, StartFailure, UsedProgram} from '../manager.js'
import {domainOf, parseDomainKind} from './domain.js'
import {definitionPaths} from './paths.js'
import {parsePlist} from './plist.js'
import type {Launchd} from './whereabouts.js'

/** How much longer launchd waits than the launcher, which kills the gateway when its time is up. */
const EXIT_MARGIN_SEC = 10
/** A pause of at least this makes at most 120 starts an hour, which harms nobody. */
const HARMLESS_PAUSE_SEC = 30
/** launchd.plist(5), ThrottleInterval. */
const DEFAULT_THROTTLE_SEC = 10

/** What a property list, as the directives of an observation have it, says of its gateway's life; `scripts`: ours that it needs. Pure. */
export function definitionEvidence(seen: ManagerObservation, scripts: readonly UsedProgram[]): DefinitionEvidence {
  const {directives, settings, installed, environment} = seen
  const isOwn = installed === 'own'
  const words = isOwn && settings ? gatewayArgv(settings.command, settings.profile, settings.home) : listOf(directives.ProgramArguments)
  const program = words[0]
  return {
    restartRisk: isOwn ? OWN_RISK : restartRisk(directives),
    startFailure: startFailure(directives),
    stopTimeoutMs: directives.ExitTimeOut === undefined ? undefined : Number(directives.ExitTimeOut) * 1000,
    programs: [...(program?.startsWith('/') ? [{path: program, role: 'gateway' as const}] : []), ...(isOwn ? scripts : [])],
    commandLine: words.join(' '),
    command: words,
    requiredFolder: directives.WorkingDirectory,
    searchPath: environment.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length),
  }
}

const OWN_RISK: RestartRisk = {
  kind: 'sound',
  arithmetic: 'the launcher itself starts the gateway again, and waits longer after each failure',
}

/**
 * Whether restarts end in a dead job or in a storm. launchd knows neither a limit nor a growing pause, only ThrottleInterval between two
 * starts (launchd.plist(5), KeepAlive).
 */
export function restartRisk(directives: Readonly<Record<string, string>>): RestartRisk {
  const {KeepAlive} = directives
  if (KeepAlive === undefined || KeepAlive === 'false') {
    return {kind: 'dies', arithmetic: 'there is no KeepAlive: launchd never starts the gateway again after it ends'}
  }
  if (KeepAlive === '{"SuccessfulExit":true}') {
    return {kind: 'dies', arithmetic: 'KeepAlive applies to a successful exit only: a gateway that fails stays down'}
  }
  const throttleSec = Number(directives.ThrottleInterval ?? DEFAULT_THROTTLE_SEC)
  const why = `KeepAlive starts the gateway again at least ${throttleSec} s after its last start (ThrottleInterval), and that pause never grows`
  if (throttleSec >= HARMLESS_PAUSE_SEC) return {kind: 'sound', arithmetic: why}
  const perHour = Math.floor(3600 / Math.max(throttleSec, 1))
  return {kind: 'storms', arithmetic: `${why}: launchd starts a gateway that ends at once up to ${perHour} times an hour, without end`}
}

function startFailure({properties, state}: Readonly<Record<string, string>>): StartFailure | undefined {
  if (properties?.split(' | ').includes('penalty box')) return {kind: 'program', text: 'penalty box'}
  return state === 'spawn failed' ? {kind: 'program', text: 'spawn failed'} : undefined
}

/** The words of an array as the directives have it. */
function listOf(text: string | undefined): string[] {
  const value: unknown = text === undefined ? [] : JSON.parse(text)
  return Array.isArray(value) ? value.map(String) : []
}

/** The words of the command of a property list; none if it has none that can be read. */
export function commandOf(text: string): string[] {
  const value = parsePlist(text)
  const words = typeof value === 'object' && 'ProgramArguments' in value ? value.ProgramArguments : []
  return Array.isArray(words) ? words.map(String) : []
}

/** Longest that a stop of the service may take, in seconds. */
export function exitTimeoutSec(settings: ServiceSettings): number {
  return stopTimeoutSec(settings) + EXIT_MARGIN_SEC
}

/** The files of a service of ours. */
export function ownFiles(scope: Scope, service: Service): OwnFile[] {
  const {plist, launcher, helper, startGateway, settings, environmentFile} = definitionPaths(scope, service)
  return [
    {path: plist, role: 'definition'},
    {path: settings, role: 'settings'},
    {path: environmentFile, role: 'secrets'},
    ...[launcher, helper, startGateway].map((path): OwnFile => ({path, role: 'helper'})),
  ]
}

/** See Definition.drift: keys of a property list that we own and whose value on disk is not the wanted one. */
export function driftOf({scope}: Launchd, observation: ManagerObservation, settings: ServiceSettings): DirectiveDrift[] {
  const {service} = observation
  const kind = parseDomainKind(observation.settings?.domain)
  const domain = kind && domainOf(kind, service.account)
  const paths = definitionPaths(scope, service)
  const [setBy] = observation.definitionPaths
  const equal = (text: string) => ({text, accepts: (shown: string | undefined) => shown === text})
  const exitSec = exitTimeoutSec(settings)
  const wanted: Record<string, {text: string; accepts: (shown: string | undefined) => boolean}> = {
    ProgramArguments: equal(JSON.stringify([paths.launcher, paths.stateFolder])),
    RunAtLoad: equal('true'),
    KeepAlive: equal('{"SuccessfulExit":false}'),
    // A longer time than ours keeps what ours is for: the gateway may drain.
    ExitTimeOut: {text: `${exitSec} or more`, accepts: (shown) => Number(shown) >= exitSec},
    ...(domain?.sessionType === undefined ? {} : {LimitLoadToSessionType: equal(domain.sessionType)}),
    ...(settings.resources?.nice === undefined ? {} : {Nice: equal(String(settings.resources.nice))}),
    StandardOutPath: equal(paths.log),
    StandardErrorPath: equal(paths.log),
  }
  const drifts = Object.entries(wanted).flatMap(([directive, {text, accepts}]) => {
    const merged = observation.directives[directive]
    return accepts(merged) ? [] : [{directive, wanted: text, merged: merged ?? '', setBy}]
  })
  return [...drifts, ...launcherDrift(paths.launcher, observation, settings)]
}

/** What the launcher of another version of ours, or for other settings, goes by. One that is gone is another check's. */
function launcherDrift(launcher: string, {directives}: ManagerObservation, settings: ServiceSettings): DirectiveDrift[] {
  const wanted = {RestartDelay: String(settings.policy.restartDelayMs / 1000), StopTimeout: String(stopTimeoutSec(settings))}
  return Object.entries(wanted).flatMap(([directive, text]) => {
    const merged = directives[directive]
    return merged === undefined || merged === text ? [] : [{directive, wanted: text, merged, setBy: launcher}]
  })
}
