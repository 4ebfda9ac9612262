import {type CheckDefinition, defineCheck} from '../../../doctor/check.js'
import {waitUntilUp} from '../../../lifecycle/wait.js'

const START_MS = 90_000

/**
 * A program that changed under a loaded job. From macOS 26 on launchd notes a program's signature when it loads a job (lightweight code
 * requirements), and the kernel kills another one that is started under it.
 */
export const definition: CheckDefinition<undefined> = {
  id: 'code-signature',
  title: 'a program that was replaced under a loaded job, and is killed for its code signature',
  why: 'Each start is killed at once (signal 9), until the job is unloaded and loaded again.',
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
          ? `${service.name} was killed for its code signature: what it runs was replaced since launchd loaded it`
          : `what ${service.name} runs was replaced since launchd loaded it: the next start would be killed for its code signature`,
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
      title: `load ${target.service.name} anew`,
      steps: target.manager.control.restart(target.service),
      verify: async (progress) => {
        await waitUntilUp(target, {previousPid: seen.verdict.pid, timeoutMs: timeoutMs ?? START_MS, progress})
      },
      lasts: true,
      outcome: `${target.service.name} runs what is there now`,
    }),
  },
}

export const check = defineCheck(definition)
