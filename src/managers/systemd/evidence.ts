import type {DefinitionEvidence, RestartRisk, StartFailure, UsedProgram} from '../manager.js'
import {DROP_IN_NAME} from './definition.js'
import type {ExecStart} from './exec-start.js'
import {parseSpanMs, type Properties, splitEntries} from './show.js'

/** A pause of at least this makes at most 120 starts an hour, which harms nobody. */
const HARMLESS_PAUSE_MS = 30_000
/** Exit statuses that systemd itself ends a process with before it has become the program (systemd.exec(5)). */
const OWN_STATUSES: Readonly<Record<string, Pick<StartFailure, 'kind' | 'text'>>> = {
  200: {kind: 'folder', text: '200/CHDIR'},
  203: {kind: 'program', text: '203/EXEC'},
  216: {kind: 'account', text: '216/GROUP'},
  217: {kind: 'account', text: '217/USER'},
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
 * later). Where our helper waits before a start (ExecStartPre=) it is the backoff, and our drop-in has switched the limit off.
 */
export function restartRisk(shown: Properties): RestartRisk {
  const pauseMs = parseSpanMs(shown.RestartUSec) ?? 0
  const intervalMs = parseSpanMs(shown.StartLimitIntervalUSec) ?? 0
  const burst = Number(shown.StartLimitBurst ?? 0)
  if (shown.Restart === undefined || shown.Restart === 'no') {
    return {kind: 'dies', arithmetic: 'Restart=no: whatever ends the gateway ends it for good'}
  }
  const hasLimit = intervalMs > 0 && burst > 0
  const pauses = Array.from({length: hasLimit ? Math.min(burst, 1000) : 0}, (_, index) => pauseAfter(shown, index))
  const untilRefusedMs = pauses.reduce((sum, pause) => sum + pause, 0)
  if (hasLimit && untilRefusedMs < intervalMs) {
    const limit = `StartLimitBurst=${burst} starts in StartLimitIntervalSec=${seconds(intervalMs)}`
    const pause = `with RestartSec=${seconds(pauseMs)} start ${burst + 1} comes ${seconds(untilRefusedMs)} after the first if each ends at once`
    return {kind: 'dies', arithmetic: `${limit} are allowed; ${pause}, and is refused for good`}
  }
  const why = hasLimit ? `${burst} starts take longer than StartLimitIntervalSec=${seconds(intervalMs)}` : 'there is no start limit'
  const grownMs = pauseAfter(shown, Infinity)
  if (hasOwnBackoff(shown)) return {kind: 'sound', arithmetic: `${why}, and the start waits longer after each failure`}
  if (grownMs >= HARMLESS_PAUSE_MS) return {kind: 'sound', arithmetic: `${why}, and pauses grow to ${seconds(grownMs)}`}
  const perHour = Math.floor(3_600_000 / Math.max(pauseMs, 100))
  return {
    kind: 'storms',
    arithmetic: `${why}, and RestartSec=${seconds(pauseMs)} never grows: a gateway that ends at once is started up to ${perHour} times an hour, for ever`,
  }
}

/** The pause before the restart that follows that many others, ms. */
function pauseAfter(shown: Properties, restarts: number): number {
  const firstMs = parseSpanMs(shown.RestartUSec) ?? 0
  const steps = Number(shown.RestartSteps ?? 0)
  const lastMs = parseSpanMs(shown.RestartMaxDelayUSec) ?? Infinity
  if (!(steps > 0) || !Number.isFinite(lastMs) || lastMs <= firstMs) return firstMs
  if (restarts >= steps) return lastMs
  return Math.max(firstMs, 1) * (lastMs / Math.max(firstMs, 1)) ** (restarts / steps)
}

/** The helper that waits is in a drop-in of ours. */
function hasOwnBackoff({DropInPaths}: Properties): boolean {
  return splitEntries(DropInPaths ?? '').some((file) => file.endsWith(`/${DROP_IN_NAME}`))
}

function startFailure(shown: Properties): StartFailure | undefined {
  if (shown.Result === 'start-limit-hit') return {kind: 'limit', text: 'start-limit-hit'}
  const isDown = shown.ActiveState === 'failed' || shown.SubState === 'auto-restart'
  const own = shown.ExecMainCode === '1' && isDown ? OWN_STATUSES[shown.ExecMainStatus ?? ''] : undefined
  if (own) return own
  // systemd does not always say start-limit-hit, but leaves the restarts at the burst.
  const burst = Number(shown.StartLimitBurst ?? 0)
  const hasLimit = (parseSpanMs(shown.StartLimitIntervalUSec) ?? 0) > 0 && burst > 0
  const isAtLimit = shown.ActiveState === 'failed' && hasLimit && Number(shown.NRestarts ?? 0) >= burst
  return isAtLimit ? {kind: 'limit', text: `failed after ${shown.NRestarts} restarts, StartLimitBurst=${burst}`} : undefined
}

function seconds(ms: number): string {
  return ms === Infinity ? 'infinity' : `${Math.round(ms) / 1000}s`
}
