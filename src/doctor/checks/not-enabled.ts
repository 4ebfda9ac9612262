import {onUndo} from '../../plan/plan.js'
import {type CheckDefinition, defineCheck} from '../check.js'

/** Enabled at boot and the desired state belong together: `start` enables, `stop` disables. */
export const definition: CheckDefinition<undefined> = {
  id: 'not-enabled',
  title: 'a service that should be running but does not start at boot',
  why: 'After the next reboot, the gateway stays down until somebody starts it by hand.',
  seeByHand: {
    systemd: [
      ['systemctl --user is-enabled hermes-gateway', '"disabled": the service does not start at boot'],
      ['cat ~/.hermes/.hermes-svc.json', '"desiredState": what you asked for'],
    ],
    launchd: [
      ['launchctl print-disabled gui/$(id -u)', 'the service is listed as disabled'],
      ['cat ~/.hermes/.hermes-svc.json', '"desiredState": what you asked for'],
    ],
    s6: [
      ['ls /run/service/gateway-default/down', 'the file exists: the service does not start at boot'],
      ['cat ~/.hermes/.hermes-svc.json', '"desiredState": what you asked for'],
    ],
  },
  whatTheFixDoes: 'The fix enables the service, so the service starts at the next boot. It does not start the service now.',
  ifItComesBack:
    'Something disables the service again, for example a script that runs "systemctl disable". If the gateway should stay down, type "hermes-svc stop".',
  needsService: true,
  needsManager: true,
  look: () => undefined,
  diagnose: ({seen}) => {
    const {enabled, activity, service} = seen.manager
    if (enabled !== false || seen.desired.kind !== 'recorded' || seen.desired.record.desiredState !== 'running') return []
    return [
      {
        kind: 'disabled',
        severity: 'warning',
        what: `${service.name} should be running, but does not start at boot`,
        evidence: [
          `desired state: running, since ${seen.desired.record.since} (${seen.desired.record.by})`,
          `enabled at boot: no; the service is ${activity} now`,
        ],
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: ({target: {manager, service}}) => ({
      title: `enable ${service.name}`,
      steps: [...onUndo(manager.control.disable(service)), ...manager.control.enable(service)],
      outcome: `${service.name} starts at boot`,
    }),
  },
}

export const check = defineCheck(definition)
