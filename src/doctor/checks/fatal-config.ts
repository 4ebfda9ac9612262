import {GatewayExit, HomeFile} from '../../gateway/contract.js'
import {stateOf} from '../../gateway/observation.js'
import {logTail} from '../../lifecycle/log-tail.js'
import {waitUntilUp} from '../../lifecycle/wait.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Scene} from '../scene.js'
import {exitedWith} from '../../managers/manager.js'
import {recordedState} from '../../service/desired-state.js'

interface Evidence {
  /** The end of its log; empty unless there is something to find. */
  readonly log: readonly string[]
}

const LOG_LINES = 8
const START_MS = 90_000

export const definition: CheckDefinition<Evidence> = {
  id: 'fatal-config',
  title: `a gateway that ended with exit status ${GatewayExit.fatalConfiguration}, because its configuration is wrong`,
  why: 'The gateway stays down until you correct its configuration and start it. Nothing restarts it before that.',
  seeByHand: {
    systemd: [
      ['systemctl --user show hermes-gateway -p ExecMainStatus', `ExecMainStatus=${GatewayExit.fatalConfiguration}`],
      ['journalctl --user -u hermes-gateway -n 50', 'what the gateway said before it ended'],
      [`tail -n 50 ~/.hermes/${HomeFile.errorsLog}`, 'the errors that the gateway logged'],
    ],
    launchd: [
      ['launchctl print gui/$(id -u)/ai.hermes.gateway', `last exit code = ${GatewayExit.fatalConfiguration}`],
      [`tail -n 50 ~/.hermes/${HomeFile.errorsLog}`, 'the errors that the gateway logged'],
    ],
    s6: [
      ['s6-svdt /run/service/gateway-default', `exit code ${GatewayExit.fatalConfiguration}`],
      [`tail -n 50 ~/.hermes/${HomeFile.errorsLog}`, 'the errors that the gateway logged'],
    ],
  },
  whatTheFixDoes: 'The fix starts the gateway and waits until it runs. Correct the configuration first: the fix does not change it.',
  ifItComesBack:
    'The last lines of "hermes-svc logs" name the setting that the gateway rejects. Most often it is a token: wrong, revoked, or used by another gateway. "hermes gateway setup" asks for it again.',
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
        what: `the gateway ended with ${GatewayExit.fatalConfiguration}: its configuration is wrong, so a restart does not help`,
        evidence: [...(reason === undefined ? [] : [`the reason that the gateway gave: ${reason}`]), ...log],
        cure: [commandLine(scene, 'logs'), `${commandLine(scene, 'fix fatal-config')}   # after you have corrected the configuration`],
        explains: ['desired-state', 'stale-state', 'crash-loop', 'stale-marker'],
      },
    ]
  },
  fix: {
    // Only a person knows whether the configuration is correct now.
    isSafe: false,
    interrupts: false,
    plan: ({target}, _evidence, _found, {timeoutMs}) => ({
      title: `start ${target.service.name} with its corrected configuration`,
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
  if (recordedState(seen.desired) === 'stopped') return false
  const isDown = activity === 'failed' || activity === 'waiting'
  return isDown && exitedWith(lastExit, GatewayExit.fatalConfiguration)
}

export const check = defineCheck(definition)
