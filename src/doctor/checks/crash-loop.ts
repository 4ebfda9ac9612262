import {waitUntil} from '../../host/wait-until.js'
import {DEFAULT_WEDGE_WINDOW_MS} from '../../observe/ask-loop.js'
import {GatewayExit, HomeFile} from '../../gateway/contract.js'
import {ELSEWHERE} from '../../gateway/observation.js'
import {ExitStatus, ServiceError} from '../../errors.js'
import {logTail} from '../../lifecycle/log-tail.js'
import {observe} from '../../observe/look.js'
import {planRestart} from '../../lifecycle/restart.js'
import type {Target} from '../../observe/where.js'
import {exitedWith, type ManagerObservation} from '../../managers/manager.js'
import type {Plan, Progress} from '../../plan/plan.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Scene} from '../scene.js'
import {inWords} from '../../text/layout.js'

interface Evidence {
  /** The end of its log; empty unless there is something to find. */
  readonly log: readonly string[]
}

/** This many failures in a row, and it is no single accident. */
const FAILURES = 3
/** One that has been up for longer has come up. */
const UP_MS = 30_000
/** How long the fix sees a gateway stay up before it calls that a success. */
const STAYS_MS = 10_000
const LOG_LINES = 8

export const definition: CheckDefinition<Evidence> = {
  id: 'crash-loop',
  title: 'a gateway that fails again and again',
  why: 'The gateway is down most of the time, and the wait before each start gets longer.',
  seeByHand: {
    systemd: [
      ['systemctl --user show hermes-gateway -p NRestarts -p ExecMainStatus', 'how often it restarted, and the last exit status'],
      ['journalctl --user -u hermes-gateway -n 50', 'what the gateway printed before it ended'],
    ],
    launchd: [
      ['launchctl print gui/$(id -u)/ai.hermes.gateway', '"runs" grows, and "last exit code" is not 0'],
      ['tail -n 50 ~/Library/Logs/hermes-svc/ai.hermes.gateway.log', 'what the gateway printed before it ended'],
    ],
    s6: [
      ['s6-svstat /run/service/gateway-default', '"up" for a few seconds only, or "down" and "want up"'],
      [`tail -n 50 ~/.hermes/${HomeFile.s6Logs}/default/current`, 'what the gateway printed before it ended'],
    ],
  },
  whatTheFixDoes:
    'The fix restarts the gateway, forgets its earlier failures and watches whether it stays up for 10 s. It does not remove the cause: do that first.',
  ifItComesBack:
    'The last lines before each exit show the cause: type "hermes-svc logs" and "hermes-svc history". Usual causes are a revoked token, a broken setting, a package that an update left out, or too little memory.',
  needsService: true,
  needsManager: true,
  look: (scene) => ({log: isLooping(scene) && scene.isNamed ? logTail(scene.target, LOG_LINES) : []}),
  diagnose: (scene, {log}) => {
    if (!isLooping(scene)) return []
    const {manager} = scene.seen
    const times = manager.failuresInARow > 0 ? `${manager.failuresInARow} failures in a row` : `${manager.restarts} restarts`
    return [
      {
        kind: 'failing',
        severity: 'error',
        what: `the gateway fails again and again: ${times}`,
        evidence: [
          ...contested(scene),
          howItEnds(manager),
          `the service is ${manager.activity} now, after ${manager.restarts} restarts`,
          ...log,
        ],
        cure: [commandLine(scene, 'logs'), `${commandLine(scene, 'fix crash-loop')}   # after you have removed the cause`],
        explains: [
          'stale-state',
          'desired-state',
          'stale-marker',
          'stale-token-lock',
          'missing-heartbeat',
          'platforms',
          'leftover-processes',
        ],
      },
    ]
  },
  fix: {
    // It cures no cause.
    isSafe: false,
    interrupts: true,
    plan: async ({target}, _evidence, _found, {timeoutMs}): Promise<Plan> => {
      const plan = await planRestart(target, {force: true, timeoutMs, wedgeWindowMs: DEFAULT_WEDGE_WINDOW_MS, times: {}})
      return {
        ...plan,
        verify: (progress) => seeItStay(target, progress),
        outcome: `${target.service.name} has stayed up for ${inWords(STAYS_MS)}; its earlier failures do not count any more`,
      }
    },
  },
}

function isLooping({seen, monotonicMs}: Scene): boolean {
  const {manager, verdict} = seen
  const {activity, failuresInARow, restarts, lastExit} = manager
  if (exitedWith(lastExit, GatewayExit.fatalConfiguration)) return false
  const isUp = activity === 'running' && verdict.state === 'alive' && monotonicMs - (manager.startedAtMs ?? monotonicMs) >= UP_MS
  if (isUp || activity === 'stopped' || activity === 'stopping' || activity === 'failed') return false
  if (failuresInARow >= FAILURES) return true
  // Without our policy nobody tells a failure from a restart that was meant, but for how the last one ended.
  const isPlanned = lastExit === undefined || exitedWith(lastExit, GatewayExit.stopped) || exitedWith(lastExit, GatewayExit.restart)
  return seen.manager.settings === undefined && activity === 'waiting' && restarts >= FAILURES && !isPlanned
}

/** Two gateways on one home: one of them ends at each of its starts. */
function contested({seen: {manager, gateway}}: Scene): string[] {
  if (!manager.isContested || gateway.lock.kind === 'held') return []
  return [
    `another gateway, ${ELSEWHERE}, held ${HomeFile.lock} when this container booted: only one gateway can use a home, so stop one of the two`,
  ]
}

function howItEnds({lastExit}: ManagerObservation): string {
  if (!lastExit) return 'the service manager does not say how the gateway last ended, because the gateway is starting'
  return lastExit.how === 'exited' ? `it ended with ${lastExit.status}` : `it was ${lastExit.how} by signal ${lastExit.status}`
}

/** Throws (exit 1, with the end of the log) if the gateway that came up does not stay. */
async function seeItStay(target: Target, progress: Progress): Promise<void> {
  const {host} = target
  const first = observe(target).verdict.pid
  const onWait = () => progress('waiting to see whether the gateway stays up')
  const failed = await waitUntil(host, {limitMs: STAYS_MS, everyMs: 250, onWait}, () => {
    const {verdict, manager} = observe(target)
    return (verdict.pid !== first || manager.activity !== 'running') && manager
  })
  if (!failed) return
  throw new ServiceError('The gateway started and failed again', {
    code: 'not-fixed',
    exitStatus: ExitStatus.failed,
    evidence: [howItEnds(failed), ...logTail(target, LOG_LINES)],
    next: ['hermes-svc logs'],
  })
}

export const check = defineCheck(definition)
