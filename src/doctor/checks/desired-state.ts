import {DEFAULT_WEDGE_WINDOW_MS} from '../../observe/ask-loop.js'
import {COMES_UP_MS, RECORD_WITHIN_MS, isRecordless} from '../../observe/judge.js'
import {GatewayExit, HomeFile, StateField, StateWord, type DesiredState} from '../../gateway/contract.js'
import {usageError} from '../../errors.js'
import {stateOf} from '../../gateway/observation.js'
import {stopBudgetMs} from '../../lifecycle/budget.js'
import {mirrorIntent, recordIntent} from '../../lifecycle/intent.js'
import type {Observation} from '../../observe/look.js'
import {planRestart} from '../../lifecycle/restart.js'
import {planStart} from '../../lifecycle/start.js'
import {planStop} from '../../lifecycle/stop.js'
import {exitedWith} from '../../managers/manager.js'
import {onUndo, type Plan, type Step} from '../../plan/plan.js'
import {desiredStateFile, isStoppedUntilBoot, recordedState} from '../../service/desired-state.js'
import {type CheckDefinition, commandLine, defineCheck, type FixOptions} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'
import {gatewayAgeMs, isOnItsWay} from '../situation.js'
import {inWords} from '../../text/layout.js'
import {releaseSteps} from '../../lifecycle/stale-record.js'
import type {CheckId} from './index.js'

interface Evidence {
  /** How long the gateway, or what the manager takes for it, has been there. */
  readonly ageMs: number | undefined
  /** The operator has it stopped until the next boot. */
  readonly isStoppedForNow: boolean
}

const START_MS = 90_000

/** Desired is what was recorded; actual is what is seen. A service that is on its way from one to the other is no finding. */
export const definition: CheckDefinition<Evidence> = {
  id: 'desired-state',
  title: 'a service that differs from its desired state, or that has no desired state on record',
  why: 'The gateway is down or up against your wish, now or after the next boot.',
  seeByHand: {
    systemd: [
      ['cat ~/.hermes/.hermes-svc.json', 'the desired state, since when, and which command recorded it'],
      ['systemctl --user status hermes-gateway', 'what the service does now'],
      ['systemctl --user is-enabled hermes-gateway', 'whether it starts at boot'],
    ],
    launchd: [
      ['cat ~/.hermes/.hermes-svc.json', 'the desired state, since when, and which command recorded it'],
      ['launchctl print gui/$(id -u)/ai.hermes.gateway', 'what the service does now'],
      ['launchctl print-disabled gui/$(id -u)', 'whether it starts at login'],
    ],
    s6: [
      ['cat ~/.hermes/.hermes-svc.json', 'the desired state, since when, and which command recorded it'],
      ['s6-svstat /run/service/gateway-default', 'what the service does now'],
    ],
  },
  whatTheFixDoes:
    'The fix starts or stops the gateway as the desired state says, or records the state that you name with "--desired running" or "--desired stopped".',
  unsafe: 'if it would stop or restart the gateway, or if you have to decide',
  ifItComesBack:
    'Something else starts or stops the gateway: a person with systemctl or launchctl, a container that boots, or another tool. Use "hermes-svc start" and "hermes-svc stop" instead, because they record what you want. "hermes-svc history" shows each start and stop.',
  needsService: true,
  isAboutHome: true,
  needsManager: true,
  look: (scene) => {
    const {mainPid, startedAtMs} = scene.seen.manager
    const ownMs = mainPid === undefined || startedAtMs === undefined ? undefined : scene.monotonicMs - startedAtMs
    const isStoppedForNow = isStoppedUntilBoot(scene.target.host, scene.seen.desired)
    return {ageMs: gatewayAgeMs(scene) ?? ownMs, isStoppedForNow}
  },
  diagnose: (scene, {ageMs, isStoppedForNow}) => {
    const {desired, gateway} = scene.seen
    if (desired.kind === 'unreadable') return [aboutUnreadable(scene, desired.why)]
    const wanted = wish(scene.seen)
    const {isForeground, installed} = scene.seen.manager
    if (isForeground && installed === 'no') return wanted === 'stopped' ? aboutUnkept(scene) : []
    // Who keeps one in the foreground wants it to run.
    if (wanted === undefined) return isForeground ? [] : [aboutUnrecorded(scene)]
    if (isOnItsWay(scene)) return []
    const found = wanted === 'stopped' ? aboutUp(scene) : isStoppedForNow ? undefined : aboutDown(scene, ageMs)
    const mirror = stateOf(gateway.state)?.desiredState
    if (found || mirror === undefined || mirror === wanted) return found ? [found] : []
    return [
      {
        kind: 'mirror',
        severity: 'warning',
        interrupts: false,
        what: `the service should be ${wanted}, but ${HomeFile.state} says that it should be ${mirror}`,
        why: 'Tools that read the desired state from that file, such as a container at boot, do the opposite of what you asked for.',
        evidence: [recorded(scene), `${HomeFile.state}: ${StateField.desired} is ${mirror}`],
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: true,
    takesDesired: true,
    plan: async (scene, _evidence, found, options): Promise<Plan> => {
      const {seen, target} = scene
      const desired = options.desired ?? wish(seen)
      if (desired === undefined) throw undecided(scene)
      const mirror = stateOf(seen.gateway.state)?.desiredState
      const mirrored = mirror !== undefined && mirror !== desired && seen.desired.kind === 'recorded'
      const plan =
        desired === 'stopped'
          ? await planStopped(scene, options)
          : await planRunning(
              scene,
              options,
              found.some(({kind}) => kind === 'not-up'),
            )
      const first = mirrored ? [mirrorIntent(target, desired, seen.verdict.state !== 'dead')] : []
      return {...plan, steps: [...first, ...plan.steps], outcome: `${target.service.name} is ${desired}, as it should be`}
    },
  },
}

/** What is known to have been asked for, by us or by upstream's own commands. A stop of upstream's beside our record is for a person to see: `wishOf` heeds it. */
function wish({desired, gateway}: Observation): DesiredState | undefined {
  return recordedState(desired) ?? stateOf(gateway.state)?.desiredState
}

function recorded({seen}: Scene): string {
  const wanted = wish(seen)
  if (seen.desired.kind !== 'recorded')
    return `desired state: ${wanted === undefined ? 'not recorded' : `${wanted} (${StateField.desired} in ${HomeFile.state})`}`
  const {desiredState, since, by} = seen.desired.record
  return `desired state: ${desiredState}, since ${since} (${by})`
}

function actual({seen}: Scene): string {
  const {activity, lastExit, enabled} = seen.manager
  const end = lastExit ? `, last ended with ${lastExit.how === 'exited' ? '' : `${lastExit.how} by signal `}${lastExit.status}` : ''
  return `actual: ${activity}${end}; starts at boot: ${enabled === undefined ? 'cannot tell' : enabled ? 'yes' : 'no'}`
}

const bothWays = (scene: Scene): string[] => [
  commandLine(scene, 'fix desired-state --desired running'),
  commandLine(scene, 'fix desired-state --desired stopped'),
]

/** Should run. */
function aboutDown(scene: Scene, ageMs: number | undefined): Found | undefined {
  const {manager, verdict, gateway} = scene.seen
  const says = stateOf(gateway.state)?.gatewayState
  const evidence = [recorded(scene), actual(scene), ...verdict.evidence.slice(0, 2)]
  const explains: readonly CheckId[] = ['stale-state', 'stale-marker', 'not-enabled']
  if (manager.activity === 'stopped' || manager.activity === 'failed') {
    if (verdict.state === 'unknown') {
      const what = `the service should be running, but is ${manager.activity}; hermes-svc cannot tell whether a gateway runs elsewhere`
      return {kind: 'down', severity: 'unknown', what, evidence}
    }
    if (verdict.state !== 'dead') return undefined
    if (wasStoppedElsewhere(scene)) {
      return {
        kind: 'stopped-elsewhere',
        severity: 'warning',
        what: 'the service should be running, but somebody stopped it without hermes-svc',
        evidence,
        cure: bothWays(scene),
        // Somebody wanted that, so no fix starts it again unasked.
        isSafe: false,
        explains,
      }
    }
    return {kind: 'down', severity: 'error', what: `the service should be running, but is ${manager.activity}`, evidence, explains}
  }
  // It comes when it has slept enough, and to start it once more would make it sleep longer.
  if (scene.seen.brake) return undefined
  // The verdict itself no longer says so of one that has been up for long without any record.
  const isEmpty = isRecordless(scene.seen)
  if (manager.activity === 'running' && verdict.state === 'unknown' && !isEmpty) {
    return {
      kind: 'untold',
      severity: 'unknown',
      what: 'the service should be running, but hermes-svc cannot tell whether its gateway works',
      evidence,
    }
  }
  const isLate = manager.activity === 'running' && ageMs !== undefined && ageMs > (isEmpty ? RECORD_WITHIN_MS : COMES_UP_MS)
  if (!isLate || (!isEmpty && says !== StateWord.starting)) return undefined
  const what = isEmpty
    ? `the service has been up for ${inWords(ageMs)}, but no gateway runs in it`
    : `the gateway has been starting for ${inWords(ageMs)}`
  return {kind: 'not-up', severity: 'error', what, evidence, isSafe: false, explains: ['stale-state']}
}

/** A gateway that was told to stop says so and ends with 0; one that could not be told by anybody before the boot was kept from starting. */
function wasStoppedElsewhere({seen}: Scene): boolean {
  const {activity, lastExit, enabled} = seen.manager
  if (activity !== 'stopped' || stateOf(seen.gateway.state)?.gatewayState !== StateWord.stopped) return false
  return lastExit ? exitedWith(lastExit, GatewayExit.stopped) : enabled === false
}

/** Should be stopped. */
function aboutUp(scene: Scene): Found | undefined {
  const {manager, verdict, supervised} = scene.seen
  const evidence = [recorded(scene), actual(scene)]
  if (manager.activity === 'running' || (verdict.pid !== undefined && supervised === true)) {
    return {
      kind: 'up',
      severity: 'warning',
      what: `the service should be stopped, but ${manager.activity === 'running' ? 'is running' : 'its gateway still runs'}`,
      evidence,
      cure: bothWays(scene).reverse(),
      isSafe: false,
    }
  }
  if (!manager.enabled) return undefined
  return {
    kind: 'enabled',
    severity: 'warning',
    what: 'the service should be stopped, but starts at the next boot',
    evidence,
    interrupts: false,
  }
}

/** Should be stopped, and nothing of ours keeps it: whatever has started it, a person has to end. */
function aboutUnkept(scene: Scene): Found[] {
  const {pid, evidence} = scene.seen.verdict
  if (pid === undefined) return []
  const what = `the service should be stopped, but its gateway (pid ${pid}) still runs`
  const cure = [`kill ${pid}   # unless another tool restarts it`]
  return [{kind: 'up', severity: 'warning', what, evidence: [recorded(scene), ...evidence], isFixable: false, cure}]
}

function aboutUnreadable(scene: Scene, why: string): Found {
  const file = desiredStateFile(scene.target.service.profile.home)
  if (/^E[A-Z]+$/.test(why)) {
    return {kind: 'unreadable', severity: 'unknown', what: `the desired state cannot be read: ${file}: ${why}`, evidence: [actual(scene)]}
  }
  const mirror = stateOf(scene.seen.gateway.state)?.desiredState
  return {
    kind: 'damaged',
    severity: 'warning',
    what: `the record of the desired state is damaged: ${file}`,
    evidence: [why, actual(scene), ...(mirror ? [`the copy in ${HomeFile.state} says ${mirror}`] : [])],
    ...(mirror ? {} : {cure: bothWays(scene)}),
    // Only where the copy wants what is so anyway.
    isSafe: mirror !== undefined && (mirror === 'running') === (scene.seen.manager.activity === 'running'),
  }
}

function aboutUnrecorded(scene: Scene): Found {
  const {installed, activity, bootReason, isKeptDown} = scene.seen.manager
  if (bootReason !== undefined && !isKeptDown && activity !== 'failed') {
    return {
      kind: 'unrecorded',
      severity: 'info',
      what: `no desired state is recorded, so each boot of the container decides: ${bootReason}`,
      why: 'The gateway is as the last boot left it. A recorded desired state survives every boot.',
      evidence: [actual(scene)],
      cure: bothWays(scene),
      isSafe: false,
    }
  }
  const isOurs = installed === 'own' || installed === 'adopted'
  return {
    kind: 'unrecorded',
    // Of another tool's service nobody has ever asked us for anything, but one that has failed is not as anybody wants it.
    severity: isOurs || activity === 'failed' ? 'warning' : 'info',
    what: 'no desired state is recorded',
    evidence: [actual(scene)],
    cure: isOurs ? bothWays(scene) : [commandLine(scene, 'install'), ...bothWays(scene)],
    isSafe: false,
  }
}

function undecided(scene: Scene): Error {
  return usageError('--desired is needed: no desired state is recorded, so you have to name it', bothWays(scene))
}

async function planStopped({target}: Scene, {timeoutMs}: FixOptions): Promise<Plan> {
  return planStop(target, {
    timeoutMs: timeoutMs ?? (await stopBudgetMs(target)),
    untilBoot: false,
    force: false,
    wedgeWindowMs: DEFAULT_WEDGE_WINDOW_MS,
  })
}

async function planRunning(scene: Scene, {timeoutMs}: FixOptions, isStuck: boolean): Promise<Plan> {
  const {target, seen} = scene
  const {manager, service} = target
  if (isStuck) return planRestart(target, {force: true, timeoutMs, wedgeWindowMs: DEFAULT_WEDGE_WINDOW_MS, times: {}})
  if (seen.verdict.pid !== undefined && seen.supervised !== false) {
    // It runs: only what was asked for, and the boot, have to follow.
    const enable: Step[] =
      seen.manager.enabled === false ? [...onUndo(manager.control.disable(service)), ...manager.control.enable(service)] : []
    return {title: `keep ${service.name} running`, steps: [...recordIntent(target, seen, 'running', 'fix'), ...enable], outcome: ''}
  }
  const plan = await planStart(target, {timeoutMs: timeoutMs ?? START_MS})
  // Not every gateway starts beside what a dead one has left.
  return {...plan, steps: [...(seen.verdict.state === 'dead' ? releaseSteps(scene) : []), ...plan.steps]}
}

export const check = defineCheck(definition)
