import {ExitStatus, ServiceError} from '../errors.js'
import {adviceFor} from '../host/advice.js'
import {type HeldLock, type Host, HostError} from '../host/host.js'
import {type NoteUndo, perform, performSteps} from './perform.js'
import {type AppliedStep, inPhase, outcomeOf, type Plan, type Progress, type SharedLock, type Step} from './plan.js'

/** Told while a plan runs; none of these may throw. */
export interface ApplyListener {
  readonly begin: (step: StepWords) => void
  readonly progress: Progress
  readonly end: (step: StepWords, durationMs: number, outcome: 'done' | 'unchanged' | 'failed') => void
  /** No step comes any more. */
  readonly close: () => void
}

/** What is said of a step: what it is for, and the part of the plan that it belongs to. */
export type StepWords = Pick<Step, 'why' | 'phase'>

/** Thrown when a plan did not reach its outcome and was undone; `leftovers` names what could not be. */
export class PlanFailed extends ServiceError {
  constructor(
    reason: ServiceError,
    readonly applied: readonly AppliedStep[],
    readonly leftovers: readonly string[],
  ) {
    super(reason.message, {
      code: reason.code,
      exitStatus: reason.exitStatus,
      next: reason.next,
      evidence: [...reason.evidence, ...leftovers.map((line) => `could not be undone: ${line}`)],
    })
  }
}

/** What undoes one step, be it half done; it does nothing where nothing was done. Resolves with what it could not undo, or throws. */
interface Undo {
  readonly why: string
  readonly under: SharedLock | undefined
  readonly run: (progress: Progress) => Promise<readonly string[]>
}

/**
 * Applies a plan's steps in order and waits for its outcome. If a step or the outcome fails, everything done is undone in reverse order, what the
 * failed step had done of itself first, and PlanFailed is thrown; but nothing once a step that `commits` has begun, nor after all steps of a plan
 * that `lasts`. A step that `failsLate` ends nothing: PlanFailed comes when all else is done and seen. `cancelled` is asked between steps and at
 * each sign of progress; true stops (exit 130), and says what then stands.
 */
export async function applyPlan(host: Host, plan: Plan, listener: ApplyListener, cancelled: () => boolean): Promise<AppliedStep[]> {
  const applied: AppliedStep[] = []
  const undos: Undo[] = []
  const late: ServiceError[] = []
  const locks = new Locks()
  let isCommitted = false
  let isVerifying = false
  const told: ApplyListener = {
    ...listener,
    progress: (text) => {
      if (cancelled()) throw cancellation()
      listener.progress(text)
    },
  }
  try {
    for (const step of plan.steps) {
      if (cancelled()) throw cancellation()
      if (step.commits) {
        isCommitted = true
        undos.length = 0
      }
      await locks.hold(step.under, told.progress)
      try {
        await applyStep(host, step, told, {undos: isCommitted ? [] : undos, applied})
      } catch (error) {
        if (!step.failsLate || !(error instanceof ServiceError) || error.exitStatus === ExitStatus.cancelled) throw error
        late.push(error)
      }
    }
    await locks.letGo()
    if (plan.lasts) {
      isCommitted = true
      undos.length = 0
    }
    if (plan.verify) {
      const words = {why: 'check that it worked', phase: plan.verifyPhase}
      const startMs = host.monotonicMs()
      isVerifying = true
      listener.begin(words)
      try {
        await plan.verify(told.progress)
      } catch (error) {
        listener.end(words, host.monotonicMs() - startMs, 'failed')
        throw foreseen(error, words.why)
      }
      listener.end(words, host.monotonicMs() - startMs, 'done')
    }
  } catch (thrown) {
    const error = await orCancellation(host, thrown, cancelled)
    const leftovers = await undoAll(undos, listener, locks)
    // Anything but a foreseeable failure is a bug, and shown as what it is.
    if (!(error instanceof ServiceError)) throw error
    const isCancelled = error.exitStatus === ExitStatus.cancelled
    const reason = isCancelled
      ? cancelledWhile(plan, applied, isCommitted)
      : isCommitted
        ? error
        : undone(plan, error, leftovers, isVerifying)
    throw new PlanFailed(reason, applied, leftovers)
  } finally {
    listener.close()
    await locks.letGo()
  }
  if (late.length > 0) throw new PlanFailed(inPart(plan, late), applied, [])
  return applied
}

/** What is to be said of a plan that has come to its end without some of its steps. */
function inPart(plan: Plan, late: readonly ServiceError[]): ServiceError {
  const [first] = late
  return new ServiceError(`${outcomeOf(plan)}, but some steps failed: ${late.map(({message}) => message).join('; ')}`, {
    code: first?.code ?? 'step-failed',
    exitStatus: ExitStatus.failed,
    evidence: late.flatMap(({evidence}) => evidence),
    next: [...new Set(late.flatMap(({next}) => next))],
  })
}

/** A failure after which all is as it was says so, and what to type about it is about what is there. */
function undone({undone: now}: Plan, error: ServiceError, leftovers: readonly string[], isOfOutcome: boolean): ServiceError {
  if (!now || leftovers.length > 0) return error
  const {code, exitStatus, evidence} = error
  return new ServiceError(`${error.message}; ${now.what}`, {code, exitStatus, evidence, next: isOfOutcome ? now.next : error.next})
}

/** The lock that is held at the moment; at most one. */
class Locks {
  private held: {readonly of: SharedLock; readonly lock: HeldLock} | undefined

  /** Holds this one, or none. */
  async hold(wanted: SharedLock | undefined, progress: Progress): Promise<void> {
    if (this.held?.of === wanted) return
    await this.letGo()
    if (wanted) this.held = {of: wanted, lock: await wanted.take(progress)}
  }

  async letGo(): Promise<void> {
    const {held} = this
    this.held = undefined
    await held?.lock.release()
  }
}

/**
 * Ctrl-C ends the program that is run in that moment too, and this process hears of it only when nothing keeps it from listening: what failed by then was
 * cancelled.
 */
async function orCancellation(host: Host, thrown: unknown, cancelled: () => boolean): Promise<unknown> {
  if (!(thrown instanceof ServiceError)) return thrown
  await host.sleep(0)
  return cancelled() ? cancellation() : thrown
}

function cancellation(what = ''): ServiceError {
  return new ServiceError(`cancelled${what}`, {code: 'cancelled', exitStatus: ExitStatus.cancelled})
}

/** Says what stands after it: a plan is cancelled anywhere between nothing and everything. */
function cancelledWhile({title}: Plan, applied: readonly AppliedStep[], isCommitted: boolean): ServiceError {
  if (isCommitted) return cancellation(`: ${title} had already begun. It is not undone and continues without this command`)
  return cancellation(applied.some(({changed}) => changed) ? ': the changes made so far are undone' : ': nothing was changed')
}

/** What has come of a plan so far; steps add to it. */
interface Made {
  readonly undos: Undo[]
  readonly applied: AppliedStep[]
}

async function applyStep(host: Host, step: Step, listener: ApplyListener, made: Made): Promise<void> {
  const {why, under} = step
  if (step.kind === 'shared') {
    if (step.onlyIf?.holds(made.applied) !== false) await applyShared(host, step, listener, made)
    return
  }
  const undo: NoteUndo = (what, run) =>
    void made.undos.push({why: what, under, run: (progress) => Promise.resolve(run(progress)).then(() => [])})
  const startMs = host.monotonicMs()
  listener.begin(step)
  try {
    const result = await perform(host, step, listener.progress, undo, made.applied)
    const durationMs = host.monotonicMs() - startMs
    // A wait that was worth it has come to something, though nothing was changed by it.
    listener.end(step, durationMs, result.changed || (step.kind === 'wait-until' && result.came) ? 'done' : 'unchanged')
    made.applied.push({step, durationMs, ...result})
  } catch (error) {
    listener.end(step, host.monotonicMs() - startMs, 'failed')
    throw foreseen(error, why)
  }
}

/**
 * Does what is to be done about what services have in common. If the others want the same when it is undone, all becomes as it was; else our share
 * alone is taken back.
 */
async function applyShared(host: Host, step: Shared, listener: ApplyListener, {undos, applied}: Made): Promise<void> {
  const {why, under} = step
  const own: Undo[] = []
  const before = await step.othersWant()
  undos.push({
    why,
    under,
    run: async (progress) => {
      if ((await step.othersWant()) === before) return runUndos(own, progress)
      await performSteps(host, await step.giveBack(), progress)
      return []
    },
  })
  for (const one of inPhase(step.phase, await step.again())) await applyStep(host, one, listener, {undos: own, applied})
}

/** A system call that failed is foreseeable: a full disk, a missing right. */
function foreseen(error: unknown, why: string): unknown {
  if (!(error instanceof HostError)) return error
  return new ServiceError(`${why}: ${error.message}`, {code: 'step-failed', exitStatus: ExitStatus.failed, next: adviceFor(error)})
}

type Shared = Extract<Step, {kind: 'shared'}>

async function undoAll(undos: readonly Undo[], listener: ApplyListener, locks: Locks): Promise<string[]> {
  if (undos.length === 0) return []
  const words = {why: 'undo the changes made so far'}
  listener.begin(words)
  const leftovers = await runUndos(undos, listener.progress, async (under) => {
    try {
      await locks.hold(under, listener.progress)
    } catch (error) {
      // Whoever holds it that long hangs: what we did is better undone without it than left.
      if (!(error instanceof ServiceError)) throw error
    }
  })
  // It is said by the failure that this was for.
  listener.end(words, 0, 'unchanged')
  return leftovers
}

/** Undoes backwards, as far as it can; resolves with what it could not. `hold`: takes the lock that an undo needs. */
async function runUndos(
  undos: readonly Undo[],
  progress: Progress,
  hold: (under: SharedLock | undefined) => Promise<void> = () => Promise.resolve(),
): Promise<string[]> {
  const leftovers: string[] = []
  for (const undo of [...undos].reverse()) {
    try {
      await hold(undo.under)
      progress(`undoing: ${undo.why}`)
      leftovers.push(...(await undo.run(progress)))
    } catch (error) {
      leftovers.push(`${undo.why} (${error instanceof Error ? error.message : String(error)})`)
    }
  }
  return leftovers
}
