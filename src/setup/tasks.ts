import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import type {Check} from '../doctor/check.js'
import {planCure} from '../doctor/fix.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {type InstallRequest, planInstall} from '../lifecycle/install.js'
import type {Target} from '../observe/where.js'
import type {Plan, Step} from '../plan/plan.js'

/** One of the changes that make up a setup: a repair, or the installation. */
export interface Task {
  /** Id of the finding that is repaired; undefined for the installation. */
  readonly repairs: string | undefined
  /** The plan on the machine as it is now; undefined if it can be made only once the repairs are done. */
  readonly plan: Plan | undefined
  /** Makes the plan anew: the task before may have changed what it stands on. */
  readonly makePlan: () => Promise<Plan>
}

/**
 * Plans a setup: the repairs, then the installation. A repair that the installation does anyway is left out. Reads only. Throws as
 * `planInstall`, unless a repair may mend what keeps it from being planned.
 */
export async function planTasks(target: Target, request: InstallRequest, repairs: readonly Check[]): Promise<Task[]> {
  const makeInstall = () => planInstall(target, request)
  const install = await makeInstall().catch((error: unknown) => {
    const mayBeMended = error instanceof ServiceError && error.exitStatus !== ExitStatus.usage && repairs.length > 0
    if (!mayBeMended) throw error
    return undefined
  })
  const tasks: Task[] = []
  for (const check of repairs) {
    const makePlan = async () =>
      (await planCure(target, check, {timeoutMs: request.timeoutMs, wedgeWindowMs: DEFAULT_WEDGE_WINDOW_MS})).plan
    const plan = await makePlan()
    if (!isCovered(plan, install)) tasks.push({repairs: check.id, plan, makePlan})
  }
  return [...tasks, {repairs: undefined, plan: install, makePlan: makeInstall}]
}

/** True if each step of a plan is one of the other plan too, with whatever content. Pure. */
export function isCovered(plan: Plan, by: Plan | undefined): boolean {
  const key = ({kind, why}: Step) => `${kind} ${why}`
  const done = new Set(by?.steps.map(key))
  return shownSteps(plan).every((step) => done.has(key(step)))
}

/** All that was shown of some plans, to compare others with. */
export function approvalOf(plans: readonly Plan[]): ReadonlySet<string> {
  return new Set(plans.flatMap((plan) => shownSteps(plan).map(fingerprint)))
}

/** True if a plan does nothing but what was shown. Pure. */
export function isApproved(plan: Plan, approved: ReadonlySet<string>): boolean {
  return shownSteps(plan).every((step) => approved.has(fingerprint(step)))
}

/** All of a step but its phase, and the moment at which it was planned, which some files record. */
function fingerprint(step: Step): string {
  return JSON.stringify({...step, phase: undefined}).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '')
}

/** Without what happens only if something fails. */
function shownSteps({steps}: Plan): Step[] {
  return steps.filter(({kind}) => kind !== 'on-undo')
}
