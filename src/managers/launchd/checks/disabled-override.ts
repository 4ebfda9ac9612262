import {type CheckDefinition, commandLine, defineCheck} from '../../../doctor/check.js'
import {planStart} from '../../../lifecycle/start.js'
import {onUndo} from '../../../plan/plan.js'
import {isLoaded} from '../observe.js'

const START_MS = 90_000

/** launchd's own record of what is disabled (launchctl(1), disable): it outlives the property list, and no other tool shows it. */
export const definition: CheckDefinition<undefined> = {
  id: 'disabled-override',
  title: "a service that should be running but is disabled in launchd's own records",
  why: 'launchd does not load it at the next login or boot. launchctl bootstrap fails with error 5, which gives no reason.',
  seeByHand: [['launchctl print-disabled gui/$(id -u)', 'the service is listed as disabled (on older systems: true)']],
  whatTheFixDoes:
    'The fix enables the service in the records of launchd, then loads and starts it if it is not loaded. If the gateway should stay down, type "hermes-svc stop" instead.',
  ifItComesBack:
    'Something runs "launchctl disable" or "launchctl unload -w": a script, another tool or a person. The record stays even if the property list is removed.',
  needsService: true,
  needsManager: true,
  managers: ['launchd'],
  look: () => undefined,
  diagnose: (scene) => {
    const {manager, desired} = scene.seen
    if (manager.enabled !== false || desired.kind !== 'recorded' || desired.record.desiredState !== 'running') return []
    return [
      {
        kind: 'disabled',
        severity: isLoaded(manager) ? 'warning' : 'error',
        what: `${manager.service.name} should be running, but is disabled in launchd's own records of ${manager.domain}`,
        evidence: [
          `desired state: running, since ${desired.record.since} (${desired.record.by})`,
          `launchctl print-disabled ${manager.domain} lists it; the service is ${isLoaded(manager) ? manager.activity : 'not loaded'} now`,
        ],
        cure: [commandLine(scene, 'fix disabled-override'), `${commandLine(scene, 'stop')}   # instead, if the gateway should stay down`],
        explains: ['not-enabled', 'not-loaded', 'desired-state', 'stale-state', 'stale-marker', 'missing-heartbeat'],
      },
    ]
  },
  fix: {
    // Whoever disabled it had a reason.
    isSafe: false,
    interrupts: false,
    plan: ({target, seen}, _evidence, _found, {timeoutMs}) => {
      const {manager, service} = target
      if (!isLoaded(seen.manager)) return planStart(target, {timeoutMs: timeoutMs ?? START_MS})
      return {
        title: `enable ${service.name}`,
        steps: [...onUndo(manager.control.disable(service)), ...manager.control.enable(service)],
        outcome: `${service.name} starts at every login or boot`,
      }
    },
  },
}

export const check = defineCheck(definition)
