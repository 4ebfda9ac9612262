import type {DesiredState} from '../gateway/contract.js'
import {stateOf} from '../gateway/observation.js'
import type {Manager} from '../managers/manager.js'
import {assess, type Assessment} from './assess.js'
import type {ChatAdvice} from './chat-advice.js'
import type {Observation} from './look.js'
import {clipped, type Online, type OnlineState, type PlatformFault} from './online.js'
import {recordedState} from '../service/desired-state.js'

/** Whether people reach the gateway, as documents show it. */
export interface OnlineReport {
  readonly state: OnlineState
  /** Those of the gateway that lives; their names and words are its own. */
  readonly platforms: readonly {
    readonly name: string
    readonly state: string | null
    readonly forMs: number | null
    readonly fault: PlatformFault | null
  }[]
  /** What keeps people from it that was never set up; null if there is nothing, or it was not looked for. */
  readonly advice: Omit<ChatAdvice, 'evidence'> | null
}

/** How a gateway last ended, by the home's journal. */
export interface LastEnd {
  /** ISO 8601, UTC. */
  readonly time: string
  /** One word, as in `history --json`. */
  readonly reason: string
  /** The same in words. */
  readonly text: string
}

/** A service as `status --json` and `list --json` show it. */
export interface ServiceReport {
  readonly service: string
  readonly manager: string
  readonly scope: string
  /** Only under a manager that has several places for a scope's services. */
  readonly domain?: string
  /** No service manager has it: a `hermes-svc run` keeps it, or would. Absent where a manager is meant. */
  readonly foreground?: true
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
  /** How it last ended; only `status` looks for it. Absent where the journal does not tell. */
  readonly lastEnd?: LastEnd
  /** What the service has of the memory; only `list` looks for it. Absent where no gateway runs, or nothing tells. */
  readonly memoryBytes?: number
  readonly servedBy: string | null
  readonly online: OnlineReport
  /** Why the last boot of its container had it started or kept down; absent where no boot decides that. */
  readonly bootReason?: string
}

/** The report of one observation; `nowMonotonicMs` is the same clock as the manager's. `servedBy`: the profile whose gateway serves this one. */
export function report(
  seen: Observation,
  ofManager: Pick<Manager, 'kind' | 'scope' | 'linger'>,
  nowMonotonicMs: number,
  servedBy: string | undefined,
  online: OnlineReport,
): ServiceReport {
  const {manager, verdict} = seen
  const {service} = manager
  const {kind: managerKind, scope} = ofManager
  const waitsForLogin = scope === 'user' && ofManager.linger?.isOn(service) !== true
  const isRunning = manager.mainPid !== undefined && manager.startedAtMs !== undefined
  return {
    service: service.name,
    manager: managerKind,
    scope,
    ...(manager.domain === undefined ? {} : {domain: manager.domain}),
    ...(manager.isForeground ? {foreground: true as const} : {}),
    profile: service.profile.name,
    home: service.profile.home,
    account: manager.accountName ?? service.account.name,
    installed: manager.broken ?? manager.installed,
    enabled: seen.unreachable ? null : (manager.enabled ?? null),
    ...(manager.enabled && waitsForLogin ? {startsAtLogin: true} : {}),
    desired: recordedState(seen.desired) ?? null,
    actual: assess(seen).actual,
    verdict: {state: verdict.state, pid: verdict.pid ?? null, evidence: verdict.evidence},
    gatewayState: stateOf(seen.gateway.state)?.says ?? null,
    pid: verdict.pid ?? manager.mainPid ?? null,
    uptimeMs: isRunning ? Math.max(0, Math.round(nowMonotonicMs - (manager.startedAtMs ?? 0))) : null,
    restarts: manager.restarts,
    failuresInARow: manager.failuresInARow,
    lastExit: manager.lastExit ?? null,
    servedBy: servedBy ?? null,
    online,
    ...(manager.bootReason === undefined ? {} : {bootReason: manager.bootReason}),
  }
}

/** What was seen of a gateway's platforms. */
export function onlineReport({state, platforms}: Online, advice?: ChatAdvice): OnlineReport {
  return {
    state,
    platforms: platforms.map(({said, forMs, fault}) => ({
      name: clipped(said.name),
      state: said.state === undefined ? null : clipped(said.state),
      forMs: forMs === undefined ? null : Math.round(forMs),
      fault: fault ?? null,
    })),
    advice: advice === undefined ? null : {kind: advice.kind, what: advice.what, next: advice.next},
  }
}
