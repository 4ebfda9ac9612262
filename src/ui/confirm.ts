import {usageError} from '../errors.js'
import type {Host} from '../host/host.js'
import type {Plan} from '../plan/plan.js'
import {writeLine} from './failure.js'

/** True if there is a terminal on which a person can be asked. */
export function canAsk({stdinIsTty, stderrIsTty}: Host): boolean {
  return stdinIsTty && stderrIsTty
}

/**
 * Shows a plan and asks whether it is to be applied. `yes`: answered already. Throws a usage error (exit 2) where there is nobody to ask;
 * Ctrl-C at the prompt is an answer of its own (exit 130).
 */
export async function confirmPlan(host: Host, plan: Plan, yes: boolean): Promise<boolean> {
  if (yes) return true
  if (!canAsk(host)) {
    throw usageError(`This needs to be confirmed, and there is no terminal to ask on: ${plan.title}`, [
      'the same command with --yes',
      'or with --dry-run, which shows what it would do',
    ])
  }
  await showPlans(host, [plan])
  const {confirmed} = await import('./prompt.js')
  return confirmed(host)
}

/** Longer new files are shown by --dry-run alone: the rest of the plan would scroll away. */
const LONGEST_NEW_LINES = 60

/** Shows what would be done, on stderr. */
export async function showPlans(host: Host, plans: readonly Plan[]): Promise<void> {
  const {planText} = await import('./plan-text.js')
  for (const plan of plans) for (const line of await planText(host, plan, LONGEST_NEW_LINES)) writeLine('stderr', line)
}
