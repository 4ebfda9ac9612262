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
  title: 'a gateway that the boot of its container did not start, though nobody had stopped it',
  why: 'Its last start failed, and it stays down over any number of boots until somebody has mended the cause and starts it.',
  needsService: true,
  needsManager: true,
  look: (scene) => ({log: isKeptDown(scene) && scene.isNamed ? logTail(scene.target, LOG_LINES) : []}),
  diagnose: (scene, {log}) => {
    if (!isKeptDown(scene)) return []
    return [
      {
        kind: 'startup-failed',
        severity: 'error',
        what: `the boot of the container kept the gateway down: ${(scene.seen.manager.bootReason ?? '').replace(/; hermes-svc start.*/, '')}`,
        evidence: log,
        cure: [commandLine(scene, 'logs'), `${commandLine(scene, 'fix kept-down')}   # once its cause is mended`],
        explains: ['desired-state', 'stale-state', 'not-enabled'],
      },
    ]
  },
  fix: {
    // Nobody but a person knows whether the cause is mended.
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
