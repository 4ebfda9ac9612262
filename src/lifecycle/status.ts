import {StateWord, type DesiredState} from '../gateway/contract.js'
import {ExitStatus} from '../errors.js'
import {stateOf} from '../gateway/verdict.js'
import type {Manager} from '../managers/manager.js'
import type {Observation} from './observe.js'

/** This many failures in a row, and a service is crash-looping: the next one is at least some seconds away. */
const CRASH_LOOP_FAILURES = 3

/** What a service is doing, in one word, and the exit status that `status` ends with for it (DESIGN's contract). */
export interface Assessment {
  readonly actual:
    | 'running'
    | 'starting'
    | 'draining'
    | 'stopping'
    | 'wedged'
    | 'orphaned'
    | 'crash-looping'
    | 'waiting'
    | 'failed'
    | 'stopped'
    | 'not-installed'
    | 'unknown'
  readonly exitStatus: ExitStatus
}

/** Sums an observation up. Pure. */
export function assess(seen: Observation): Assessment {
  const {manager, verdict} = seen
  const state = stateOf(seen.gateway.state)?.gatewayState
  if (verdict.pid !== undefined && seen.supervised === false) return {actual: 'orphaned', exitStatus: ExitStatus.failed}
  if (manager.installed === 'no' && manager.broken === undefined) return {actual: 'not-installed', exitStatus: ExitStatus.cannotTell}
  if (verdict.state === 'wedged') return {actual: 'wedged', exitStatus: ExitStatus.failed}
  const mayBeUp = (verdict.state === 'alive' || verdict.state === 'unknown') && manager.activity === 'running'
  const goesOn = manager.activity === 'running' || manager.activity === 'starting' || manager.activity === 'waiting'
  if (goesOn && manager.failuresInARow >= CRASH_LOOP_FAILURES && !mayBeUp) return {actual: 'crash-looping', exitStatus: ExitStatus.failed}
  switch (manager.activity) {
    case 'running':
      if (verdict.state === 'unknown') return {actual: 'unknown', exitStatus: ExitStatus.cannotTell}
      if (state === StateWord.draining) return {actual: 'draining', exitStatus: ExitStatus.ok}
      // The process is there, and its record follows in a moment: after two minutes without one the verdict is no longer dead.
      if (verdict.state === 'dead' || state === StateWord.starting) {
        return {actual: 'starting', exitStatus: seen.isOverdue ? ExitStatus.failed : ExitStatus.ok}
      }
      return {actual: 'running', exitStatus: ExitStatus.ok}
    case 'starting':
      return {actual: 'starting', exitStatus: ExitStatus.ok}
    case 'stopping':
      return {actual: 'stopping', exitStatus: ExitStatus.notRunning}
    case 'waiting':
      return {actual: 'waiting', exitStatus: ExitStatus.failed}
    case 'failed':
      return {actual: 'failed', exitStatus: ExitStatus.notRunning}
    case 'stopped':
      return {actual: 'stopped', exitStatus: ExitStatus.notRunning}
  }
}

/** A service as `status --json` and `list --json` show it. */
export interface ServiceReport {
  readonly service: string
  readonly manager: string
  readonly scope: string
  /** Only under a manager that has several places for a scope's services. */
  readonly domain?: string
  readonly profile: string
  readonly home: string
  readonly account: string
  readonly installed: string
  readonly enabled: boolean | null
  /** What is enabled starts when its user logs in, and not before; absent where it starts at boot. */
  readonly startsAtLogin?: true
  readonly desired: DesiredState | null
  readonly actual: Assessment['actual']
  readonly verdict: {readonly state: string; readonly pid: number | null; readonly evidence: readonly string[]}
  readonly gatewayState: string | null
  readonly pid: number | null
  readonly uptimeMs: number | null
  readonly restarts: number
  readonly failuresInARow: number
  readonly lastExit: {readonly how: string; readonly status: number} | null
  readonly servedBy: string | null
  /** Why the last boot of its container had it started or kept down; absent where no boot decides that. */
  readonly bootReason?: string
}

/** The report of one observation; `nowMonotonicMs` is the same clock as the manager's. `servedBy`: the profile whose gateway serves this one. */
export function report(
  seen: Observation,
  ofManager: Pick<Manager, 'kind' | 'scope' | 'runsWithoutLogin'>,
  nowMonotonicMs: number,
  servedBy: string | undefined,
): ServiceReport {
  const {manager, verdict} = seen
  const {service} = manager
  const {kind: managerKind, scope} = ofManager
  const waitsForLogin = scope === 'user' && !ofManager.runsWithoutLogin(service)
  const isRunning = manager.mainPid !== undefined && manager.startedAtMs !== undefined
  return {
    service: service.name,
    manager: managerKind,
    scope,
    ...(manager.domain === undefined ? {} : {domain: manager.domain}),
    profile: service.profile.name,
    home: service.profile.home,
    account: manager.accountName ?? service.account.name,
    installed: manager.broken ?? manager.installed,
    enabled: manager.enabled ?? null,
    ...(manager.enabled && waitsForLogin ? {startsAtLogin: true} : {}),
    desired: seen.desired.kind === 'recorded' ? seen.desired.record.desiredState : null,
    actual: assess(seen).actual,
    verdict: {state: verdict.state, pid: verdict.pid ?? null, evidence: verdict.evidence},
    gatewayState: stateOf(seen.gateway.state)?.says ?? null,
    pid: verdict.pid ?? manager.mainPid ?? null,
    uptimeMs: isRunning ? Math.max(0, Math.round(nowMonotonicMs - (manager.startedAtMs ?? 0))) : null,
    restarts: manager.restarts,
    failuresInARow: manager.failuresInARow,
    lastExit: manager.lastExit ?? null,
    servedBy: servedBy ?? null,
    ...(manager.bootReason === undefined ? {} : {bootReason: manager.bootReason}),
  }
}
