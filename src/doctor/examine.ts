import {ServiceError} from '../errors.js'
import {HostError} from '../host/host.js'
import type {Check, Examination, FixOptions} from './check.js'
import {type Finding, unexplained} from './finding.js'
import type {Scene} from './scene.js'
import type {Plan} from '../plan/plan.js'

/** What the checks said of one service. */
export interface Diagnosis {
  readonly scene: Scene
  /** In the order of the checks; those that another one explains are left out. */
  readonly findings: readonly Finding[]
  /** Ids of the checks that had something to look at. */
  readonly examined: readonly string[]
  /** The plan that cures the findings of a check, where there is one. */
  readonly plans: ReadonlyMap<string, (options: FixOptions) => Promise<Plan>>
  /** Ids of the checks whose cure ends or restarts the gateway. */
  readonly interrupting: ReadonlySet<string>
}

/** Runs checks on one service. A check that cannot read what it needs, or breaks, is itself a finding: it cannot tell. */
export async function examine(scene: Scene, checks: readonly Check[]): Promise<Diagnosis> {
  const applicable = checks.filter((check) => applies(check, scene))
  const findings: Finding[] = []
  const plans = new Map<string, (options: FixOptions) => Promise<Plan>>()
  const interrupting = new Set<string>()
  for (const check of applicable) {
    const examination = await examineWith(check, scene)
    findings.push(...examination.findings)
    if (examination.plan) plans.set(check.id, examination.plan)
    if (examination.interrupts) interrupting.add(check.id)
  }
  return {scene, findings: unexplained(findings), examined: applicable.map(({id}) => id), plans, interrupting}
}

/** A profile that another gateway serves has nothing of its own that could be wrong. */
function applies(check: Check, {target, seen, unreachable, servedBy}: Scene): boolean {
  if (servedBy !== undefined) return false
  if (check.managers?.includes(target.manager.kind) === false) return false
  const isInstalled = seen.manager.installed !== 'no' || seen.manager.broken !== undefined
  const hasSubject = isInstalled || !check.needsService || (seen.manager.isForeground === true && check.isAboutHome === true)
  return hasSubject && !(check.needsManager && unreachable)
}

async function examineWith(check: Check, scene: Scene): Promise<Examination> {
  try {
    return await check.examine(scene)
  } catch (error) {
    return {findings: [cannotTell(check, error)], plan: undefined, interrupts: false}
  }
}

function cannotTell({id, why}: Check, error: unknown): Finding {
  const isForeseen = error instanceof HostError || error instanceof ServiceError
  const reason = error instanceof Error ? error.message : String(error)
  const place = error instanceof Error && !isForeseen ? /^\s+at .*$/m.exec(error.stack ?? '')?.[0].trim() : undefined
  return {
    id,
    kind: isForeseen ? 'unreadable' : 'check-failed',
    severity: 'unknown',
    what: isForeseen ? `the check could not read what it needs: ${reason}` : `this check itself failed: ${reason}`,
    why,
    evidence: place === undefined ? [] : [place],
    cure: error instanceof ServiceError ? error.next : [],
    isFixable: false,
    isSafe: false,
    explains: [],
  }
}
