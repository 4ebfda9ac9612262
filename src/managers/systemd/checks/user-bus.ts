import {type CheckDefinition, defineCheck} from '../../../doctor/check.js'
import type {Scene} from '../../../doctor/scene.js'
import type {Step} from '../../../plan/plan.js'
import {isLingering, managerEnvironment, startManagerCommand, userManagerAnswers, waitForUserManager} from '../bus.js'
import type {CheckId} from '../../../doctor/checks/index.js'

const TIMEOUT_MS = 30_000

interface Evidence {
  readonly isOnDisk: boolean
  readonly isLingering: boolean
}

/** The manager cannot be asked, so nothing can be told of its services; for a user's that mostly means that it does not run. */
export const definition: CheckDefinition<Evidence> = {
  id: 'user-bus',
  title: 'a service manager that does not run or cannot be reached',
  why: 'If the service manager does not run, neither does the gateway. If it cannot be reached, hermes-svc cannot tell whether the gateway runs.',
  seeByHand: {
    systemd: [
      ['systemctl --user is-system-running', '"Failed to connect to bus": the user manager does not run'],
      ['systemctl status user@$(id -u).service', 'whether the user manager runs, and why it ended'],
      ['loginctl list-users', 'who is logged in or lingers'],
    ],
    s6: [
      ['ps -o pid,args -p 1', 'the first process of the container: s6-svscan'],
      ['ls -ld /run/service', 'the folder of the services, and who owns it'],
    ],
  },
  whatTheFixDoes:
    'The fix starts the user manager, which needs root, or turns lingering on, which also starts the user manager. If a manager runs but does not answer, the finding says what to look at.',
  ifItComesBack:
    'Without lingering, the user manager ends with the last session of its user: type "hermes-svc fix linger". If the manager itself fails, "journalctl -b -u user@1000.service" shows why (1000 is the uid).',
  needsService: false,
  needsManager: false,
  managers: ['systemd', 's6'],
  look: ({target: {manager, host, service}}) => ({
    isOnDisk: manager.observer.isOnDisk(service),
    isLingering: isLingering(host, service.account),
  }),
  diagnose: (scene, evidence) => {
    const {unreachable, target, isNamed} = scene
    if (!unreachable || !(isNamed || evidence.isOnDisk)) return []
    const {account} = target.service
    const explains: readonly CheckId[] = ['linger', 'not-installed', 'desired-state', 'stale-state', 'missing-heartbeat', 'orphan-gateway']
    if (unreachable.code !== 'no-user-manager') {
      return [{kind: 'unreachable', severity: 'unknown', what: unreachable.message, cure: whatToLookAt(scene, unreachable.next), explains}]
    }
    return [
      {
        kind: 'not-running',
        severity: evidence.isOnDisk ? 'error' : 'warning',
        what: `the systemd user manager of ${account.name} does not run`,
        evidence: [
          `neither /run/user/${account.uid}/bus nor /run/user/${account.uid}/systemd/private exists`,
          evidence.isLingering
            ? `lingering is on for ${account.name}, so the user manager was stopped or has failed`
            : `${account.name} is not logged in, and lingering is off`,
        ],
        explains,
        ...whoCures(scene, evidence),
      },
    ]
  },
  fix: {
    isSafe: false,
    interrupts: false,
    plan: (scene, evidence) => {
      const {manager, service} = scene.target
      const {account} = service
      const isWanted = scene.seen.manager.settings?.linger !== false
      return {
        title: `start the user manager of ${account.name}`,
        steps:
          isWanted && !evidence.isLingering ? (manager.installer?.prerequisites?.(service, {linger: true}) ?? []) : startManager(scene),
        outcome: `the user manager of ${account.name} runs`,
      }
    },
  },
}

/** The advice of any other command is to type this one. */
function whatToLookAt({target: {manager, service}}: Scene, next: readonly string[]): readonly string[] {
  if (manager.container) return next.filter((line) => !line.startsWith('hermes-svc doctor'))
  if (manager.scope === 'system') return ['systemctl status   # shows whether systemd answers at all']
  return [
    'systemctl --user status   # shows whether the user manager answers at all',
    `sudo systemctl restart user@${service.account.uid}.service   # stops all services of that user, then starts the enabled ones`,
  ]
}

/** Anybody may ask to linger; to start the manager of one who does takes root. */
function whoCures({target: {host, service}, seen}: Scene, {isLingering: lingers}: Evidence) {
  const {account} = service
  const isWanted = seen.manager.settings?.linger !== false
  if (host.account.uid === 0) return {}
  const start = `sudo systemctl restart user@${account.uid}.service`
  return isWanted && !lingers ? {cure: [startManagerCommand(host, account)]} : {cure: [start], isFixable: false}
}

function startManager({target: {host, service}}: Scene): Step[] {
  const {account} = service
  const argv = ['systemctl', '--no-ask-password', 'restart', `user@${account.uid}.service`]
  return [
    {
      kind: 'run',
      why: `start the user manager of ${account.name}`,
      argv,
      env: managerEnvironment('system', account),
      timeoutMs: TIMEOUT_MS,
    },
    waitForUserManager(host, account, TIMEOUT_MS, () => userManagerAnswers(host, account)),
  ]
}

export const check = defineCheck(definition)
