import {HomeFile, StateWord} from '../../gateway/contract.js'
import {logTail} from '../../lifecycle/log-tail.js'
import {planStart} from '../../lifecycle/start.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Scene} from '../scene.js'

interface Evidence {
  /** The end of its log; empty unless there is something to find. */
  readonly log: readonly string[]
}

const LOG_LINES = 8
const START_MS = 90_000

export const definition: CheckDefinition<Evidence> = {
  id: 'kept-down',
  title: 'a gateway that the container did not start at boot, although nobody had stopped it',
  why: 'Its last start failed. It stays down at every boot until you remove the cause and start it.',
  seeByHand: {
    s6: [
      ['cat /run/service/gateway-default/boot-reason', 'why the boot did not start it'],
      [`cat ~/.hermes/${HomeFile.state}`, `${StateWord.startupFailed}, and the reason`],
      [`tail -n 50 ~/.hermes/${HomeFile.s6Logs}/default/current`, 'what the gateway printed before it ended'],
    ],
  },
  whatTheFixDoes:
    'The fix starts the gateway and records that it should run, so the next boot starts it too. Remove the cause first: the fix does not.',
  ifItComesBack:
    'The gateway fails at each start: "hermes-svc logs" shows what it printed last. Most often a token or another variable is missing in this container.',
  needsService: true,
  needsManager: true,
  look: (scene) => ({log: isKeptDown(scene) && scene.isNamed ? logTail(scene.target, LOG_LINES) : []}),
  diagnose: (scene, {log}) => {
    if (!isKeptDown(scene)) return []
    return [
      {
        kind: 'startup-failed',
        severity: 'error',
        what: `the container did not start the gateway at boot: ${(scene.seen.manager.bootReason ?? '').replace(/; hermes-svc start.*/, '')}`,
        evidence: log,
        cure: [commandLine(scene, 'logs'), `${commandLine(scene, 'fix kept-down')}   # after you have removed the cause`],
        explains: ['desired-state', 'stale-state', 'not-enabled'],
      },
    ]
  },
  fix: {
    // Only a person knows whether the cause is gone.
    isSafe: false,
    interrupts: false,
    plan: ({target}, _evidence, _found, {timeoutMs}) => planStart(target, {timeoutMs: timeoutMs ?? START_MS}),
  },
}

/** What was started or stopped since is not kept down any more. */
function isKeptDown({seen}: Scene): boolean {
  const {manager, verdict, desired} = seen
  return manager.isKeptDown === true && manager.activity === 'stopped' && verdict.pid === undefined && desired.kind !== 'recorded'
}

export const check = defineCheck(definition)
