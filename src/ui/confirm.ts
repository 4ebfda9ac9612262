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
    throw usageError(`hermes-svc must ask before it does this, and there is no terminal: ${plan.title}`, [
      'run the same command with --yes   # answers yes',
      'run the same command with --dry-run   # only shows what would change',
    ])
  }
  return confirmPlans(host, [plan])
}

/** Shows plans in brief on stderr and asks whether they are to be applied; who asks for it sees every step and file first. Ctrl-C ends the command (130). */
export async function confirmPlans(host: Host, plans: readonly Plan[], {signal, after = []}: ConfirmOptions = {}): Promise<boolean> {
  const {planSummary, planText} = await import('./plan-text.js')
  const {confirmed} = await import('./prompt.js')
  for (const line of [...plans.flatMap((plan) => planSummary(host, plan)), ...after]) writeLine('stderr', line)
  const showAll = async () => {
    for (const plan of plans) for (const line of await planText(host, plan)) writeLine('stderr', line)
  }
  return confirmed(host, showAll, signal ? {signal} : {})
}

interface ConfirmOptions {
  readonly signal?: AbortSignal
  /** Lines that are said after the plans. */
  readonly after?: readonly string[]
}
