import {ExitStatus, ServiceError} from '../errors.js'
import {adviceFor} from '../host/advice.js'
import {HostError} from '../host/host.js'
import {statIfAllowed} from '../host/tolerant-read.js'
import {type ApplyListener, applyPlan, PlanFailed} from '../plan/apply.js'
import {appendJournal, journalStep} from '../plan/journal.js'
import type {AppliedStep, Plan} from '../plan/plan.js'
import type {Target} from '../observe/where.js'

/** How a change is run. */
export interface ChangeOptions {
  /** The command's name, for the journal and for messages. */
  readonly command: string
  readonly listener: ApplyListener
  /** Asked between steps and while waiting. */
  readonly cancelled: () => boolean
  /** Called with the plan before it is applied; false leaves everything as it is. */
  readonly confirm?: (plan: Plan) => Promise<boolean>
}

/**
 * Makes a plan and applies it, alone: the home is locked from before the plan is made until after it is verified, so that two commands at
 * once do not plan on what the other is about to change. The lock dies with this process. `warnings`: what
 * could not be noted of it. Throws PlanFailed, or exit 1 if another holds it.
 */
export async function change(
  target: Target,
  makePlan: () => Promise<Plan>,
  options: ChangeOptions,
): Promise<{plan: Plan; applied: AppliedStep[]; warnings: string[]}> {
  const {home} = target.service.profile
  const lock = await lockHome(target, options.command)
  const beganMs = target.host.monotonicMs()
  try {
    const plan = await makePlan()
    if (options.confirm && plan.steps.length > 0 && !(await options.confirm(plan))) {
      throw new ServiceError('cancelled; nothing was changed', {code: 'cancelled', exitStatus: ExitStatus.cancelled})
    }
    if (plan.steps.length === 0 && !plan.verify) return {plan, applied: [], warnings: []}
    try {
      const applied = await applyPlan(target.host, plan, options.listener, options.cancelled)
      const note = applied.length > 0 ? journal(target, options.command, 'done', applied) : undefined
      const warnings = applied.flatMap(({warning}) => warning ?? [])
      return {plan, applied, warnings: note === undefined ? warnings : [...warnings, `could not write the journal: ${note}`]}
    } catch (error) {
      if (error instanceof PlanFailed) {
        journal(target, options.command, error.exitStatus === ExitStatus.cancelled ? 'cancelled' : 'failed', error.applied, error.message)
      }
      throw error
    }
  } finally {
    await lock?.release()
  }

  function journal(
    of: Target,
    command: string,
    outcome: 'done' | 'failed' | 'cancelled',
    applied: readonly AppliedStep[],
    message?: string,
  ) {
    return appendJournal(of.userHost, home, {
      time: new Date(of.host.nowMs()).toISOString(),
      command,
      service: of.service.name,
      outcome,
      ...(message === undefined ? {} : {error: message}),
      tookMs: Math.round(of.host.monotonicMs() - beganMs),
      steps: applied.filter(({step}) => step.kind !== 'on-undo').map(journalStep),
    })
  }
}

/** Locks the home: it is one per profile whatever the manager and scope. */
async function lockHome(target: Target, command: string) {
  const {home} = target.service.profile
  // A service can be uninstalled after its home has gone; there is nothing then that two could fight over but the service itself.
  // One that cannot be looked at: the plan says for what it needs it.
  if (statIfAllowed(target.userHost, home)?.kind !== 'folder') return undefined
  let lock
  try {
    lock = await target.userHost.lockWithin(home)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    throw new ServiceError(`hermes-svc cannot lock the home against a second hermes-svc: ${error.message}`, {
      code: 'lock-failed',
      exitStatus: ExitStatus.failed,
      next: adviceFor(error),
    })
  }
  if (lock) return lock
  throw new ServiceError(`Another hermes-svc command is changing ${target.service.name} right now; ${command} did nothing`, {
    code: 'busy',
    exitStatus: ExitStatus.failed,
    next: [`hermes-svc ${command}   # after the other command has finished`],
  })
}
