import {GatewayExit} from '../../../gateway/contract.js'
import {type CheckDefinition, commandLine, defineCheck} from '../../../doctor/check.js'
import {shouldRun} from '../../../doctor/reinstall.js'
import {planStart} from '../../../lifecycle/start.js'
import {isStoppedUntilBoot} from '../../../service/desired-state.js'
import {isLoaded} from '../observe.js'
import {exitedWith} from '../../manager.js'

interface Evidence {
  readonly isOnDisk: boolean
  readonly isStoppedUntilBoot: boolean
}

const START_MS = 90_000

/** A property list that launchd does not know: nothing starts it before the next login or boot. */
export const definition: CheckDefinition<Evidence> = {
  id: 'not-loaded',
  title: 'a property list that launchd has not loaded',
  why: 'launchd starts only the jobs that it has loaded, so the gateway stays down at least until the next login or boot.',
  seeByHand: [
    ['launchctl print gui/$(id -u)/ai.hermes.gateway', '"Could not find service": launchd has not loaded it'],
    ['ls -l ~/Library/LaunchAgents/ai.hermes.gateway.plist', 'the property list exists'],
    ['launchctl print-disabled gui/$(id -u)', 'whether the service is disabled'],
  ],
  whatTheFixDoes: 'The fix loads the service and starts the gateway.',
  unsafe: 'if somebody stopped the gateway without hermes-svc',
  ifItComesBack:
    'Something unloads the service ("launchctl bootout"), or the service is switched off in System Settings, General, Login Items. The service is called hermes-gateway-launcher there: switch it on.',
  needsService: true,
  needsManager: true,
  managers: ['launchd'],
  look: ({target: {host, manager, service}, seen}) => ({
    isOnDisk: manager.observer.isOnDisk(service),
    isStoppedUntilBoot: isStoppedUntilBoot(host, seen.desired),
  }),
  diagnose: (scene, evidence) => {
    const {manager} = scene.seen
    if (!evidence.isOnDisk || evidence.isStoppedUntilBoot || isLoaded(manager) || !shouldRun(scene.seen)) return []
    const wasStopped = exitedWith(manager.lastExit, GatewayExit.stopped)
    return [
      {
        kind: 'unloaded',
        severity: 'error',
        what: `${manager.service.name} should be running, but launchd has not loaded it in ${manager.domain}`,
        evidence: [
          ...manager.definitionPaths.map((file) => `${file} exists`),
          wasStopped ? 'somebody stopped the gateway without hermes-svc' : 'the gateway is down',
          'launchd also does not load a job that is switched off in System Settings (General, Login Items), which lists it as hermes-gateway-launcher',
        ],
        // Somebody may have wanted that.
        ...(wasStopped
          ? {isSafe: false, cure: [commandLine(scene, 'fix not-loaded'), commandLine(scene, 'fix desired-state --desired stopped')]}
          : {}),
        explains: ['desired-state', 'stale-state', 'stale-marker', 'not-enabled', 'missing-heartbeat'],
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: ({target}, _evidence, _found, {timeoutMs}) => planStart(target, {timeoutMs: timeoutMs ?? START_MS}),
  },
}

export const check = defineCheck(definition)
