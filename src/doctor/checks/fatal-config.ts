import {GatewayExit} from '../../gateway/contract.js'
import {stateOf} from '../../gateway/observation.js'
import {logTail} from '../../lifecycle/log-tail.js'
import {waitUntilUp} from '../../lifecycle/wait.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Scene} from '../scene.js'
import {exitedWith} from '../../managers/manager.js'

interface Evidence {
  /** The end of its log; empty unless there is something to find. */
  readonly log: readonly string[]
}

const LOG_LINES = 8
const START_MS = 90_000

export const definition: CheckDefinition<Evidence> = {
  id: 'fatal-config',
  title: `a gateway that ended with ${GatewayExit.fatalConfiguration}: its configuration is at fault`,
  why: 'It stays down, and no restart is tried, until somebody has mended the configuration and starts it.',
  needsService: true,
  needsManager: true,
  look: (scene) => ({log: isFatal(scene) && scene.isNamed ? logTail(scene.target, LOG_LINES) : []}),
  diagnose: (scene, {log}) => {
    if (!isFatal(scene)) return []
    const reason = stateOf(scene.seen.gateway.state)?.exitReason
    return [
      {
        kind: 'exit-78',
        severity: 'error',
        what: `the gateway ended with ${GatewayExit.fatalConfiguration}: its configuration is at fault, and starting it again cannot help`,
        evidence: [...(reason === undefined ? [] : [`it gave as the reason: ${reason}`]), ...log],
        cure: [commandLine(scene, 'logs'), `${commandLine(scene, 'fix fatal-config')}   # once the configuration is mended`],
        explains: ['desired-state', 'stale-state', 'crash-loop', 'stale-marker'],
      },
    ]
  },
  fix: {
    // Nobody but a person knows whether the configuration is mended.
    isSafe: false,
    interrupts: false,
    plan: ({target}, _evidence, _found, {timeoutMs}) => ({
      title: `start ${target.service.name} on its mended configuration`,
      steps: target.manager.control.restart(target.service),
      verify: async (progress) => {
        await waitUntilUp(target, {previousPid: undefined, timeoutMs: timeoutMs ?? START_MS, progress})
      },
      lasts: true,
      outcome: `${target.service.name} is running`,
    }),
  },
}

/** Under a unit without our policy it may be started again all the same. One that should be stopped is where it should be. */
function isFatal({seen}: Scene): boolean {
  const {activity, lastExit} = seen.manager
  if (seen.desired.kind === 'recorded' && seen.desired.record.desiredState === 'stopped') return false
  const isDown = activity === 'failed' || activity === 'waiting'
  return isDown && exitedWith(lastExit, GatewayExit.fatalConfiguration)
}

export const check = defineCheck(definition)
