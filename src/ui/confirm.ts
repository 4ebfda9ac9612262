import {usageError} from '../errors.js'
import type {Host} from '../host/host.js'
import {writeText} from '../host/stdio.js'
import type {Plan} from '../plan/plan.js'

/**
 * Shows a plan and asks whether it is to be applied. `yes`: answered already. Throws a usage error (exit 2) where there is nobody to ask;
 * Ctrl-C at the prompt is an answer of its own (exit 130).
 */
export async function confirmPlan(host: Host, plan: Plan, yes: boolean): Promise<boolean> {
  if (yes) return true
  if (!host.stdinIsTty || !host.stderrIsTty) {
    throw usageError(`This needs to be confirmed, and there is no terminal to ask on: ${plan.title}`, [
      'the same command with --yes',
      'or with --dry-run, which shows what it would do',
    ])
  }
  const {planText} = await import('./plan-text.js')
  for (const line of await planText(host, plan)) writeText('stderr', `${line}\n`)
  const {confirm} = await import('@inquirer/prompts')
  return confirm({message: 'Do this?', default: true}, {output: process.stderr})
}
