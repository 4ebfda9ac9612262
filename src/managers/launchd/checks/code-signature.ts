import {type CheckDefinition, defineCheck} from '../../../doctor/check.js'
import {waitUntilUp} from '../../../lifecycle/wait.js'

const START_MS = 90_000

/**
 * A program that changed under a loaded job. From macOS 26 on launchd notes a program's signature when it loads a job (lightweight code
 * requirements), and the kernel kills another one that is started under it.
 */
export const definition: CheckDefinition<undefined> = {
  id: 'code-signature',
  title: 'a program that macOS kills because it was replaced while launchd had its job loaded',
  why: 'Until launchd unloads the job and loads it again, macOS kills the gateway at each start (signal 9).',
  seeByHand: [
    ['launchctl print gui/$(id -u)/ai.hermes.gateway', '"OS_REASON_CODESIGNING" as the last exit reason, or "needs LWCR update"'],
  ],
  whatTheFixDoes: 'The fix unloads the job and loads it again, so that launchd knows the new program.',
  unsafe: 'while the gateway runs',
  ifItComesBack: 'Something replaces the program while its job is loaded, usually an update. Type "hermes-svc restart" after that update.',
  needsService: true,
  needsManager: true,
  managers: ['launchd'],
  look: () => undefined,
  diagnose: ({seen}) => {
    const {service, directives, activity} = seen.manager
    const isDue = directives.properties?.split(' | ').includes('needs LWCR update') ?? false
    const wasKilled = directives['last exit reason'] === 'OS_REASON_CODESIGNING' && activity !== 'running'
    if (!isDue && !wasKilled) return []
    return [
      {
        kind: wasKilled ? 'killed' : 'due',
        severity: wasKilled ? 'error' : 'warning',
        what: wasKilled
          ? `macOS killed ${service.name} for its code signature: its program was replaced after launchd had loaded it`
          : `macOS would kill the next start of ${service.name} for its code signature: its program was replaced after launchd had loaded it`,
        evidence: [
          ...(wasKilled ? [`last exit reason: ${directives['last exit reason']}`] : []),
          ...(isDue ? ['launchd says: needs LWCR update'] : []),
        ],
        isSafe: seen.verdict.state === 'dead',
        interrupts: seen.verdict.state !== 'dead',
        explains: ['crash-loop', 'desired-state', 'stale-state', 'stale-marker', 'missing-heartbeat', 'definition-broken'],
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: true,
    plan: ({target, seen}, _evidence, _found, {timeoutMs}) => ({
      title: `unload ${target.service.name} and load it again`,
      steps: target.manager.control.restart(target.service),
      verify: async (progress) => {
        await waitUntilUp(target, {previousPid: seen.verdict.pid, timeoutMs: timeoutMs ?? START_MS, progress})
      },
      lasts: true,
      outcome: `${target.service.name} runs the program that is installed now`,
    }),
  },
}

export const check = defineCheck(definition)
