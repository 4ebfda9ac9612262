import type {Host} from '../host/host.js'
import type {Plan, Step} from '../plan/plan.js'

/** A plan as --dry-run prints it: each step, and for each file what would change in it. Secrets are never shown. */
export async function planText(host: Host, plan: Plan): Promise<string[]> {
  if (plan.steps.length === 0) return [plan.outcome]
  const lines = [`Would ${plan.title}:`]
  for (const step of plan.steps) {
    if (step.kind === 'on-undo') continue
    lines.push(`  ${step.why}`)
    if (step.kind === 'run') lines.push(`      $ ${step.argv.join(' ')}`)
    if (step.kind === 'write-file') lines.push(...(await fileDiff(host, step.path, step.text, step.secret ?? false)).map((line) => `      ${line}`))
  }
  return lines
}

/** A plan as --dry-run --json shows it. */
export function planJson(plan: Plan): object {
  return {title: plan.title, steps: plan.steps.filter((step) => step.kind !== 'on-undo').map(stepJson)}
}

/** The change of one file as a unified diff; of a secret one only that it changes. */
export async function fileDiff(host: Host, path: string, wanted: string, secret: boolean): Promise<string[]> {
  const installed = host.readText(path)
  if (installed === wanted) return []
  if (secret) return [installed === undefined ? `(new; its values are not shown)` : `(changes; its values are not shown)`]
  const {createTwoFilesPatch} = await import('diff')
  const patch = createTwoFilesPatch(installed === undefined ? '/dev/null' : path, path, installed ?? '', wanted, 'installed', 'rendered')
  return patch.split('\n').slice(1, -1)
}

function stepJson(step: Step): object {
  const {kind, why} = step
  switch (step.kind) {
    case 'run':
      return {kind, why, argv: step.argv}
    case 'write-file':
      return {kind, why, path: step.path, mode: step.mode.toString(8), ...(step.secret ? {} : {text: step.text})}
    case 'make-folder':
    case 'remove-file':
    case 'remove-folder':
      return {kind, why, path: step.path}
    default:
      return {kind, why}
  }
}
