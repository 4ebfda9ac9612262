import {HomeFile, StateWord} from '../../gateway/contract.js'
import {pidFile, stateFile} from '../../gateway/records.js'
import type {Identity} from '../../gateway/observation.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'
import {gatewayAgeMs, isJustWritten, isOnItsWay, SETTLED_MS} from '../situation.js'
import {isTorn, releaseSteps, staleRecords} from '../../lifecycle/stale-record.js'

interface Evidence {
  /** One of the files was written a moment ago. */
  readonly isYoung: boolean
  /** How long the living gateway has been there. */
  readonly ageMs: number | undefined
}

/** What gateway.pid names instead of a gateway of this home. A zombie has a check of its own. */
const NAMES: Record<Exclude<Identity, 'gateway'>, readonly [kind: string, what: string]> = {
  gone: ['pid-gone', 'a process that is gone'],
  zombie: ['pid-zombie', 'a zombie'],
  recycled: ['pid-recycled', 'a pid that another process has now'],
  'other-home': ['pid-other-home', 'the gateway of another home'],
  'other-program': ['pid-other-program', 'another program'],
}
const UNSEEN = 'Monitors and tools that read this file see no gateway, and the heartbeat has no timestamp to refresh.'
const STILL_HELD = 'A second gateway may start beside this one, and tools that read these files show this one as dead.'

/**
 * A gateway.lock that nobody holds is left behind by every gateway, and so is a state `stopped` with a pid that is gone: both are as they
 * should be. While a gateway lives its files are not ours to touch.
 */
export const definition: CheckDefinition<Evidence> = {
  id: 'stale-state',
  title: 'runtime files of the gateway that do not match what is running',
  why: 'Tools that trust these files show the wrong state, and some versions of the gateway do not start while such a file exists.',
  seeByHand: [
    [`cat ~/.hermes/${HomeFile.pid} ~/.hermes/${HomeFile.state}`, 'the pid and the state that the files claim'],
    [
      `ps -o pid,stat,args -p $(grep -oE '[0-9]+' ~/.hermes/${HomeFile.pid} | head -n1)`,
      'that process: no line, or another program, if the gateway is gone',
    ],
    [`lsof ~/.hermes/${HomeFile.lock}`, 'the process that holds the lock: the gateway that really runs'],
  ],
  whatTheFixDoes: `The fix removes ${HomeFile.pid} if its process is gone, and sets the state to stopped. It keeps the desired state. It does not touch the files of a running gateway: "hermes-svc restart" makes the gateway write them again.`,
  ifItComesBack:
    'The gateway ends without cleaning up, because it is killed or the machine loses power: "hermes-svc history" shows how it ended. If a running gateway loses its files, another program deletes or overwrites them.',
  needsService: false,
  needsManager: true,
  look: (scene) => {
    const {pidRecord, home} = scene.seen.gateway
    if (scene.seen.verdict.pid !== undefined) return {isYoung: false, ageMs: gatewayAgeMs(scene)}
    const files = [...(pidRecord.kind === 'absent' ? [] : [pidFile(home)]), ...(claimedState(scene) ? [stateFile(home)] : [])]
    return {isYoung: files.some((file) => isJustWritten(scene, file)), ageMs: undefined}
  },
  diagnose: (scene, {isYoung, ageMs}) => {
    if (isYoung || isOnItsWay(scene)) return []
    const {verdict, gateway} = scene.seen
    if (gateway.elsewhere !== undefined && verdict.state === 'unknown') return [aboutElsewhere(scene, gateway.elsewhere)]
    if (verdict.pid !== undefined) return ageMs !== undefined && ageMs < SETTLED_MS ? [] : aboutLiving(scene, verdict.pid)
    return verdict.state === 'dead' || (isTorn(gateway) && scene.seen.manager.mainPid === undefined) ? aboutDead(scene) : []
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: (scene) => ({
      title: `correct the runtime files of ${scene.target.service.name}`,
      steps: releaseSteps(scene),
      outcome: `the runtime files in ${scene.target.service.profile.home} no longer name a gateway`,
    }),
  },
}

function claimedState({seen}: Scene): string | undefined {
  return staleRecords(seen.gateway).state
}

function aboutDead({seen}: Scene): Found[] {
  const {pid, state} = staleRecords(seen.gateway)
  const evidence = [...seen.verdict.evidence, `the service is ${seen.manager.activity}`]
  const claim = state === undefined ? '' : `, and ${HomeFile.state} says ${state}`
  if (pid?.what === 'damaged') {
    const kind = 'pid-damaged'
    return [{kind, severity: 'warning', what: `${HomeFile.pid} is damaged${claim}; no gateway runs`, evidence}]
  }
  if (pid) {
    const [kind, names] = NAMES[pid.what]
    return [{kind, severity: 'warning', what: `${HomeFile.pid} names ${names} (pid ${pid.number})${claim}`, evidence}]
  }
  if (state === undefined) return []
  return [{kind: 'state', severity: 'warning', what: `${HomeFile.state} says ${state}, but no gateway runs`, evidence}]
}

/** Of before a restart of this container, or of another container on the same home: from here nobody can tell. */
function aboutElsewhere({seen, target}: Scene, why: string): Found {
  const {pidRecord, home} = seen.gateway
  const pid = pidRecord.kind === 'present' ? pidRecord.value.pid : 0
  return {
    kind: 'pid-elsewhere',
    severity: 'unknown',
    what: `${HomeFile.pid} names pid ${pid}, a process of another container or of an earlier run of this one: hermes-svc cannot tell whether that gateway still runs`,
    evidence: [why, ...seen.verdict.evidence],
    explains: ['desired-state'],
    cure: [`rm ${pidFile(home)}   # if no other container uses ${target.service.profile.home}`],
  }
}

function aboutLiving(scene: Scene, pid: number): Found[] {
  const {gateway, verdict} = scene.seen
  const {pidRecord, lock} = gateway
  // One that is about to end takes its record away first.
  if (gateway.state.kind === 'present' && gateway.state.value.gatewayState === StateWord.draining) return []
  // Only the gateway knows what belongs there: it writes both anew when it is started, at a time that the operator chooses.
  const found = (kind: string, what: string, why = STILL_HELD): Found[] => [
    {kind, severity: 'warning', what, evidence: verdict.evidence, why, cure: [commandLine(scene, 'restart')], isFixable: false},
  ]
  if (lock.kind === 'held' && lock.unlinked)
    return found('lock-deleted', `${HomeFile.lock} was deleted while the gateway (pid ${pid}) holds it`)
  if (pidRecord.kind === 'absent') return found('pid-missing', `the running gateway (pid ${pid}) has no ${HomeFile.pid}`)
  if (lock.kind === 'held' && pidRecord.kind === 'present' && pidRecord.value.pid !== pid) {
    return found('pid-other', `${HomeFile.pid} names pid ${pidRecord.value.pid}, but the running gateway is pid ${pid}`)
  }
  if (pidRecord.kind === 'malformed') return found('pid-unusable', `${HomeFile.pid} of the running gateway (pid ${pid}) is damaged`)
  const {state} = gateway
  if (state.kind === 'absent') return found('state-missing', `the running gateway (pid ${pid}) has no ${HomeFile.state}`, UNSEEN)
  if (state.kind === 'malformed') return found('state-damaged', `${HomeFile.state} of the running gateway (pid ${pid}) is damaged`, UNSEEN)
  return []
}

export const check = defineCheck(definition)
