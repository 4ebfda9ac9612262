import {applyPlan} from '../../src/plan/apply.js'
import type {AppliedStep, Plan} from '../../src/plan/plan.js'
import type {FakeHost} from './fake-host.js'

const SILENT = {begin: () => undefined, progress: () => undefined, end: () => undefined, close: () => undefined}

/** Applies a plan without telling anybody; throws what it throws. `cancelled` is asked as by a command. */
export function runPlan(host: FakeHost, plan: Plan, cancelled: () => boolean = () => false): Promise<readonly AppliedStep[]> {
  return applyPlan(host, plan, SILENT, cancelled)
}
