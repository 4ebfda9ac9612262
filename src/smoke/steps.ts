import {GatewayExit} from '../gateway/contract.js'
import {usageError} from '../errors.js'
import {didYouMean} from '../text/suggest.js'

/** What a step is about: the life of a service, or what doctor finds wrong with it. */
export type StepGroup = 'life-cycle' | 'doctor'

/** One step of the self-test, before it is run. */
export interface StepDefinition {
  /** Stable; what --only takes. */
  readonly id: string
  readonly group: StepGroup
  readonly name: string
  /** Ids of the steps without which it cannot be tried; they come before it. */
  readonly needs: readonly string[]
}

/** All steps, in their order: the service runs until `stop`, and is stopped after it. */
export const STEPS = [
  {id: 'install', group: 'life-cycle', name: 'install', needs: []},
  {id: 'alive', group: 'life-cycle', name: 'the gateway is alive', needs: ['install']},
  {id: 'reinstall', group: 'life-cycle', name: 'a second install changes nothing', needs: ['install']},
  {id: 'killed', group: 'life-cycle', name: 'the gateway comes back after SIGKILL', needs: ['alive']},
  {
    id: 'planned-restart',
    group: 'life-cycle',
    name: `the gateway comes back after a planned restart (exit ${GatewayExit.restart})`,
    needs: ['alive'],
  },
  {id: 'missing-heartbeat', group: 'doctor', name: 'a gateway that does not respond: found and fixed', needs: ['alive']},
  {id: 'desired-state', group: 'doctor', name: 'stopped by another tool: found and fixed', needs: ['alive']},
  {id: 'stop', group: 'life-cycle', name: 'stop', needs: ['alive']},
  {id: 'stays-stopped', group: 'life-cycle', name: 'the gateway stays stopped', needs: ['stop']},
  {id: 'inactive', group: 'life-cycle', name: 'the service is inactive, not failed', needs: ['stop']},
  {id: 'stale-state', group: 'doctor', name: 'files of a dead gateway: found and fixed', needs: ['stays-stopped']},
  {id: 'zombie-pid', group: 'doctor', name: 'a pid record that names a zombie: found and fixed', needs: ['stays-stopped']},
  {id: 'uninstall', group: 'life-cycle', name: 'uninstall', needs: ['install']},
  {id: 'nothing-left', group: 'life-cycle', name: 'nothing is left', needs: ['uninstall']},
] as const satisfies readonly StepDefinition[]

export type StepId = (typeof STEPS)[number]['id']
/** A step with the id that it has. */
export type Step = StepDefinition & {readonly id: StepId}

/**
 * The steps that are named, by id or by group, and those that they need, in their order; all of them if none is named. Throws a usage error
 * for a name that is neither.
 */
export function selectSteps(names: readonly string[] | undefined): readonly Step[] {
  if (names === undefined) return STEPS
  const groups = [...new Set(STEPS.map(({group}) => group))]
  const known = [...groups, ...STEPS.map(({id}) => id)]
  const wanted = new Set<string>()
  for (const name of names) {
    if (!known.includes(name as StepId)) {
      throw usageError(`--only: unknown step or group ${JSON.stringify(name)}${didYouMean(name, known)}`, [
        `groups: ${groups.join(', ')}`,
        `steps: ${STEPS.map(({id}) => id).join(', ')}`,
      ])
    }
    for (const {id, group} of STEPS) if (id === name || group === name) wanted.add(id)
  }
  // From the last to the first, so that what is needed brings what it needs itself.
  for (const {id, needs} of [...STEPS].reverse()) if (wanted.has(id)) for (const need of needs) wanted.add(need)
  return STEPS.filter(({id}) => wanted.has(id))
}

/** How a step went. `not-reached`: one before it failed. */
export type StepOutcome = 'passed' | 'failed' | 'not-reached'

/** One step of the self-test, as it went. */
export interface SmokeStep {
  readonly id: string
  readonly group: StepGroup | 'machine'
  /** The scope of the service that it was tried on; null for the machine itself. */
  readonly scope: 'user' | 'system' | null
  readonly name: string
  readonly outcome: StepOutcome
  readonly durationMs: number
  /** What was seen, or why it failed or was not come to. */
  readonly detail: string
}
