import {gatewayArgv} from '../../service/gateway-argv.js'
import type {DefinitionEvidence, ManagerObservation, RestartRisk, StartFailure, UsedProgram} from '../manager.js'
import {parsePlist} from './plist.js'

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
  arithmetic: 'the launcher starts the gateway again by itself, and waits longer after each failure',
}

/**
 * Whether restarts end in a dead job or in a storm. launchd knows neither a limit nor a growing pause, only ThrottleInterval between two
 * starts (launchd.plist(5), KeepAlive).
 */
export function restartRisk(directives: Readonly<Record<string, string>>): RestartRisk {
  const {KeepAlive} = directives
  if (KeepAlive === undefined || KeepAlive === 'false') {
    return {kind: 'dies', arithmetic: 'there is no KeepAlive: whatever ends the gateway ends it for good'}
  }
  if (KeepAlive === '{"SuccessfulExit":true}') {
    return {kind: 'dies', arithmetic: 'KeepAlive is for a successful exit only: a gateway that fails stays down'}
  }
  const throttleSec = Number(directives.ThrottleInterval ?? DEFAULT_THROTTLE_SEC)
  const why = `KeepAlive starts it again ${throttleSec} s after the start before at the soonest (ThrottleInterval), and that never grows`
  if (throttleSec >= HARMLESS_PAUSE_SEC) return {kind: 'sound', arithmetic: why}
  const perHour = Math.floor(3600 / Math.max(throttleSec, 1))
  return {kind: 'storms', arithmetic: `${why}: a gateway that ends at once is started up to ${perHour} times an hour, for ever`}
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
