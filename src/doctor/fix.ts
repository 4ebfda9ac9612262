import {waitUntil} from '../host/wait-until.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {isInsideGateway} from '../lifecycle/inside.js'
import type {Target} from '../observe/where.js'
import {outcomeOf, type Plan, type Progress, type Step} from '../plan/plan.js'
import type {Check, FixOptions} from './check.js'
import {type Diagnosis, examine} from './examine.js'
import type {Finding} from './finding.js'
import {confirmed} from './look-again.js'
import {observeScenes, type Scene} from './scene.js'

/** How long a finding may take to go once everything is done: a tick, a manager that notices. */
const SETTLE_MS = 15_000
const LOOK_EVERY_MS = 250

/** The findings of one check on one service, and the plan that cures them. */
export interface Cure {
  readonly findings: readonly Finding[]
  /** Its steps are empty where there is nothing to cure. */
  readonly plan: Plan
}

/**
 * Plans the cure of what one check finds. The plan's outcome is that the check finds nothing any more: it is examined again, and what is
 * left makes it fail (exit 1). Throws (exit 1) for findings that no plan cures, with what a person has to do, and for a fix that would end
 * the gateway that this very command runs inside.
 */
export async function planCure(target: Target, check: Check, options: FixOptions & {readonly wedgeWindowMs: number}): Promise<Cure> {
  const {wedgeWindowMs} = options
  const {scene, findings, plans, interrupting} = await diagnose(target, check, wedgeWindowMs)
  const title = `fix ${check.id} of ${target.service.name}`
  if (findings.length === 0) {
    return {findings, plan: {title, steps: [], outcome: `${target.service.name}: ${check.id} finds nothing; nothing was changed`}}
  }
  const makePlan = plans.get(check.id)
  if (!makePlan) throw notCurable(target, findings)
  if (interrupting.has(check.id)) requireOutside(scene, check, findings)
  const plan = await makePlan(options)
  const {verify: ownVerify, lasts, warnings = []} = plan
  // A plan that would undo itself where its own outcome does not come does so here too; what came of it stands whatever the check finds then.
  const isOwnFirst = ownVerify !== undefined && !lasts
  const see: Step[] = isOwnFirst
    ? [{kind: 'wait-until', why: 'wait for its effect', limitMs: undefined, until: (progress) => ownVerify(progress).then(() => true)}]
    : []
  const verify = async (progress: Progress) => {
    if (!isOwnFirst) await ownVerify?.(progress)
    await seeItGone(target, check, wedgeWindowMs, progress)
  }
  return {
    findings,
    plan: {title, warnings, steps: [...plan.steps, ...see], lasts: true, verify, outcome: () => `Fixed: ${outcomeOf(plan)}`},
  }
}

async function diagnose(target: Target, check: Check, wedgeWindowMs: number): Promise<Diagnosis> {
  const options = {wedgeWindowMs, isNamed: true, anyScope: false}
  const [scene] = await observeScenes([target], options)
  if (!scene) throw new Error('nothing was observed')
  if (check.needsManager && scene.unreachable) throw scene.unreachable
  const [diagnosis] = await confirmed([await examine(scene, [check])], [check], options)
  if (!diagnosis) throw new Error('nothing was diagnosed')
  return diagnosis
}

async function seeItGone(target: Target, check: Check, wedgeWindowMs: number, progress: Progress): Promise<void> {
  let left: readonly Finding[] = []
  const onWait = () => progress(`${check.id} still finds: ${left[0]?.what}`)
  const isGone = await waitUntil(target.host, {limitMs: SETTLE_MS, everyMs: LOOK_EVERY_MS, onWait}, async () => {
    const {findings} = await diagnose(target, check, wedgeWindowMs)
    left = findings.filter(({severity}) => severity !== 'info')
    return left.length === 0
  })
  if (!isGone) throw notFixed(target, check, left)
}

function requireOutside({target, seen}: Scene, check: Check, findings: readonly Finding[]): void {
  const pid = seen.verdict.pid ?? seen.manager.mainPid
  if (pid === undefined || !isInsideGateway(target.host, pid)) return
  throw new ServiceError(`fix ${check.id} may stop the gateway of ${target.service.name}, but this command runs inside that gateway`, {
    code: 'inside-gateway',
    exitStatus: ExitStatus.failed,
    evidence: findings.map(({what}) => what),
    next: ['run the same command in a shell outside the gateway'],
  })
}

function notCurable({service}: Target, findings: readonly Finding[]): ServiceError {
  const [first] = findings
  return new ServiceError(`${service.name}: ${first?.what ?? 'a finding'}; no command can fix this`, {
    code: 'not-fixable',
    exitStatus: findings.every(({severity}) => severity === 'unknown') ? ExitStatus.cannotTell : ExitStatus.failed,
    evidence: findings.flatMap(({evidence}) => evidence),
    next: [...new Set(findings.flatMap(({cure}) => cure))],
  })
}

function notFixed({service}: Target, check: Check, left: readonly Finding[]): ServiceError {
  return new ServiceError(`${service.name}: ${check.id} is not fixed: ${left.map(({what}) => what).join('; ')}`, {
    code: 'not-fixed',
    exitStatus: ExitStatus.failed,
    evidence: left.flatMap(({evidence}) => evidence),
    next: [...new Set(left.flatMap(({cure}) => cure))],
  })
}
