import {ExitStatus, ServiceError} from '../errors.js'
import {adviceFor} from '../host/advice.js'
import {type Door, type FileStat, type Host, HostError} from '../host/host.js'
import {temporariesOf} from '../host/tolerant-read.js'
import type {Plan, Progress, RunStep, Step} from './plan.js'

/** What came of one step. `before`, `after`: sha256 of a file's content, null if there was none. */
export interface AppliedStep {
  readonly step: Step
  readonly durationMs: number
  readonly changed: boolean
  readonly before?: string | null
  readonly after?: string | null
  readonly note?: string
}

/** Told while a plan runs; none of these may throw. */
export interface ApplyListener {
  readonly begin: (why: string) => void
  readonly progress: Progress
  readonly end: (why: string, durationMs: number, outcome: 'done' | 'unchanged' | 'failed') => void
}

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

/** What undoes one applied step; it throws if it cannot. */
type Undo = {readonly why: string; readonly run: (progress: Progress) => Promise<void>}

/**
 * Applies a plan's steps in order and waits for its outcome. If a step or the outcome fails, everything done is undone in reverse order
 * and PlanFailed is thrown; but nothing once a step that `commits` has begun, nor after all steps of a plan that `lasts`. `cancelled` is
 * asked between steps and at each sign of progress; true stops (exit 130), and says what then stands.
 */
export async function applyPlan(host: Host, plan: Plan, listener: ApplyListener, cancelled: () => boolean): Promise<AppliedStep[]> {
  const applied: AppliedStep[] = []
  const undos: Undo[] = []
  let isCommitted = false
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
      if (step.kind === 'act' && step.commits) {
        isCommitted = true
        undos.length = 0
      }
      applied.push(await applyStep(host, step, told, undos))
    }
    if (plan.lasts) {
      isCommitted = true
      undos.length = 0
    }
    if (plan.verify) {
      const why = 'see that it worked'
      const startMs = host.monotonicMs()
      listener.begin(why)
      try {
        await plan.verify(told.progress)
      } catch (error) {
        listener.end(why, host.monotonicMs() - startMs, 'failed')
        throw foreseen(error, why)
      }
      listener.end(why, host.monotonicMs() - startMs, 'done')
    }
    return applied
  } catch (error) {
    const leftovers = await undoAll(undos, listener)
    // Anything but a foreseeable failure is a bug, and shown as what it is.
    if (!(error instanceof ServiceError)) throw error
    const isCancelled = error.exitStatus === ExitStatus.cancelled
    throw new PlanFailed(isCancelled ? cancelledWhile(plan, applied, isCommitted) : error, applied, leftovers)
  }
}

function cancellation(what = ''): ServiceError {
  return new ServiceError(`cancelled${what}`, {code: 'cancelled', exitStatus: ExitStatus.cancelled})
}

/** Says what stands after it: a plan is cancelled anywhere between nothing and everything. */
function cancelledWhile({title}: Plan, applied: readonly AppliedStep[], isCommitted: boolean): ServiceError {
  if (isCommitted) return cancellation(`: ${title} was under way, is not undone, and goes on without this command`)
  return cancellation(applied.some(({changed}) => changed) ? ': what was done until then is undone' : ': nothing was changed')
}

async function applyStep(host: Host, step: Step, listener: ApplyListener, undos: Undo[]): Promise<AppliedStep> {
  const startMs = host.monotonicMs()
  listener.begin(step.why)
  try {
    const result = await perform(host, step, listener.progress, undos)
    const durationMs = host.monotonicMs() - startMs
    listener.end(step.why, durationMs, result.changed ? 'done' : 'unchanged')
    return {step, durationMs, ...result}
  } catch (error) {
    listener.end(step.why, host.monotonicMs() - startMs, 'failed')
    throw foreseen(error, step.why)
  }
}

/** A system call that failed is foreseeable: a full disk, a missing right. */
function foreseen(error: unknown, why: string): unknown {
  if (!(error instanceof HostError)) return error
  return new ServiceError(`${why}: ${error.message}`, {code: 'step-failed', exitStatus: ExitStatus.failed, next: adviceFor(error)})
}

/** Performs steps within another step's act, e.g. a manager's restart as the last rung of a ladder. They are not undone. */
export async function performSteps(host: Host, steps: readonly Step[], progress: Progress): Promise<void> {
  for (const step of steps) await perform(host, step, progress, [])
}

async function perform(own: Host, step: Step, progress: Progress, undos: Undo[]): Promise<Omit<AppliedStep, 'step' | 'durationMs'>> {
  const host: Door = step.as ? own.as(step.as) : own
  switch (step.kind) {
    case 'make-folder': {
      const changed = host.makeFolder(step.path, step.mode)
      if (changed) undos.push({why: `remove ${step.path}`, run: () => settled(() => host.removeFolder(step.path))})
      return {changed}
    }
    case 'write-file': {
      const old = snapshot(host, step.path)
      if (old?.text === step.text && old.stat.mode === step.mode) return {changed: false}
      host.writeAtomic(step.path, step.text, step.mode)
      sweep(host, step.path)
      undos.push(restore(host, step.path, old))
      return {changed: true, before: sha256(old?.text), after: sha256(step.text)}
    }
    case 'remove-file': {
      const old = snapshot(host, step.path)
      if (!old) return {changed: false}
      host.removeFile(step.path)
      undos.push(restore(host, step.path, old))
      return {changed: true, before: sha256(old.text), after: null}
    }
    case 'set-access':
      return {changed: setAccess(own, host, step, undos)}
    case 'remove-folder': {
      const mode = host.stat(step.path)?.mode
      const changed = host.removeFolder(step.path)
      if (changed) undos.push({why: `create ${step.path}`, run: () => settled(() => host.makeFolder(step.path, mode ?? 0o755))})
      return {changed}
    }
    case 'run': {
      const note = await runOrThrow(host, step)
      return note === undefined ? {changed: true} : {changed: false, note}
    }
    case 'on-undo':
      undos.push({why: step.run.why, run: (undoing) => performSteps(own, [step.run], undoing)})
      return {changed: false}
    case 'act':
      await step.act(progress)
      return {changed: true}
  }
}

/** Only root gives things away, so that is done with its own ids; a mode is set with those of the step. */
function setAccess(own: Host, host: Door, {path, mode, owner, within}: Extract<Step, {kind: 'set-access'}>, undos: Undo[]): boolean {
  const old = host.lstat(path)
  const isNewOwner = owner !== undefined && old?.uid !== owner.uid
  const isNewMode = mode !== undefined && old?.mode !== mode
  if (isNewOwner) {
    own.setOwner(path, owner, within)
    const former = host.accountOf(old?.uid ?? 0)
    if (former)
      undos.push({why: `give ${path} back to ${former.name}`, run: () => settled(() => own.setOwner(path, former, within ?? owner.home))})
  }
  if (isNewMode) {
    host.setMode(path, mode)
    if (old) undos.push({why: `restore the mode of ${path}`, run: () => settled(() => host.setMode(path, old.mode))})
  }
  return isNewOwner || isNewMode
}

/** Runs a step's program. Throws a ServiceError with what it printed if it does not end with 0; returns that text if it may fail. */
async function runOrThrow(host: Door, {argv, env, timeoutMs, mayFail}: RunStep): Promise<string | undefined> {
  const result = await host.run(argv, {env, ...(timeoutMs === undefined ? {} : {timeoutMs})})
  if (result.code === 0) return undefined
  const why = result.failure ?? (result.stderr.trim() || `exit status ${result.code ?? result.signal}`)
  const message = `${argv.join(' ')}: ${why}`
  if (mayFail) return message
  throw new ServiceError(message, {code: 'command-failed', exitStatus: ExitStatus.failed, next: ['hermes-svc doctor']})
}

function snapshot(host: Door, path: string): {text: string; stat: FileStat} | undefined {
  const stat = host.lstat(path)
  if (!stat) return undefined
  if (stat.kind !== 'file') throw new HostError(stat.kind === 'link' ? 'ELOOP' : 'EEXIST', path, `a ${stat.kind} stands in the place of`)
  return {text: host.readText(path) ?? '', stat}
}

/** Takes away what a write of this file that was killed has left: whoever changes it holds the lock that is for it, so none is under way. */
function sweep(host: Door, path: string): void {
  try {
    for (const left of temporariesOf(host, path)) host.removeFile(left)
  } catch (error) {
    // It is found by doctor, and does no harm.
    if (!(error instanceof HostError)) throw error
  }
}

function restore(host: Door, path: string, old: {text: string; stat: FileStat} | undefined): Undo {
  return {
    why: old ? `restore ${path}` : `remove ${path}`,
    run: () => settled(() => (old ? host.writeAtomic(path, old.text, old.stat.mode) : host.removeFile(path))),
  }
}

async function undoAll(undos: readonly Undo[], listener: ApplyListener): Promise<string[]> {
  if (undos.length === 0) return []
  const leftovers: string[] = []
  const why = 'undo what was done'
  listener.begin(why)
  for (const undo of [...undos].reverse()) {
    try {
      listener.progress(`undoing: ${undo.why}`)
      await undo.run(listener.progress)
    } catch (error) {
      leftovers.push(`${undo.why} (${error instanceof Error ? error.message : String(error)})`)
    }
  }
  // It is said by the failure that this was for.
  listener.end(why, 0, 'unchanged')
  return leftovers
}

function settled(operation: () => unknown): Promise<void> {
  operation()
  return Promise.resolve()
}

function sha256(text: string | undefined): string | null {
  if (text === undefined) return null
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex')
}
