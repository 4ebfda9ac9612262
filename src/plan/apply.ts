import {ExitStatus, ServiceError} from '../errors.js'
import {adviceFor} from '../host/advice.js'
import {type Account, type Door, type FileStat, type HeldLock, type Host, HostError, MAX_OWN_TEXT_BYTES} from '../host/host.js'
import {temporariesOf} from '../host/tolerant-read.js'
import {outcomeOf, type Plan, type Progress, type RunStep, type SharedLock, type Step} from './plan.js'

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
      await locks.hold(step.under, told.progress)
      try {
        await applyStep(host, step, told, {undos, applied})
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
  } catch (error) {
    const leftovers = await undoAll(undos, listener, locks)
    // Anything but a foreseeable failure is a bug, and shown as what it is.
    if (!(error instanceof ServiceError)) throw error
    const isCancelled = error.exitStatus === ExitStatus.cancelled
    throw new PlanFailed(isCancelled ? cancelledWhile(plan, applied, isCommitted) : error, applied, leftovers)
  } finally {
    await locks.letGo()
  }
  if (late.length > 0) throw new PlanFailed(inPart(plan, late), applied, [])
  return applied
}

/** What is to be said of a plan that has come to its end without some of its steps. */
function inPart(plan: Plan, late: readonly ServiceError[]): ServiceError {
  const [first] = late
  return new ServiceError(`${outcomeOf(plan)}, but not all of it could be done: ${late.map(({message}) => message).join('; ')}`, {
    code: first?.code ?? 'step-failed',
    exitStatus: ExitStatus.failed,
    evidence: late.flatMap(({evidence}) => evidence),
    next: [...new Set(late.flatMap(({next}) => next))],
  })
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

function cancellation(what = ''): ServiceError {
  return new ServiceError(`cancelled${what}`, {code: 'cancelled', exitStatus: ExitStatus.cancelled})
}

/** Says what stands after it: a plan is cancelled anywhere between nothing and everything. */
function cancelledWhile({title}: Plan, applied: readonly AppliedStep[], isCommitted: boolean): ServiceError {
  if (isCommitted) return cancellation(`: ${title} was under way, is not undone, and goes on without this command`)
  return cancellation(applied.some(({changed}) => changed) ? ': what was done until then is undone' : ': nothing was changed')
}

/** What has come of a plan so far; steps add to it. */
interface Made {
  readonly undos: Undo[]
  readonly applied: AppliedStep[]
}

async function applyStep(host: Host, step: Step, listener: ApplyListener, made: Made): Promise<void> {
  if (step.kind === 'shared') return applyShared(host, step, listener, made)
  const startMs = host.monotonicMs()
  listener.begin(step.why)
  try {
    const result = await perform(host, step, listener.progress, made.undos)
    const durationMs = host.monotonicMs() - startMs
    listener.end(step.why, durationMs, result.changed ? 'done' : 'unchanged')
    made.applied.push({step, durationMs, ...result})
  } catch (error) {
    listener.end(step.why, host.monotonicMs() - startMs, 'failed')
    throw foreseen(error, step.why)
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
  for (const one of await step.again()) await applyStep(host, one, listener, {undos: own, applied})
}

/** A system call that failed is foreseeable: a full disk, a missing right. */
function foreseen(error: unknown, why: string): unknown {
  if (!(error instanceof HostError)) return error
  return new ServiceError(`${why}: ${error.message}`, {code: 'step-failed', exitStatus: ExitStatus.failed, next: adviceFor(error)})
}

/**
 * Performs steps within another step's act, e.g. a manager's restart as the last rung of a ladder. They are not undone, and no lock is taken for them:
 * that is for whoever acts.
 */
export async function performSteps(host: Host, steps: readonly Step[], progress: Progress): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'shared') await performSteps(host, await step.again(), progress)
    else await perform(host, step, progress, [])
  }
}

type Shared = Extract<Step, {kind: 'shared'}>

/** What a step has changed. */
type Result = Omit<AppliedStep, 'step' | 'durationMs'>

/** Does one step. What undoes it is noted before it begins, since it may fail when half of it is done. */
async function perform(own: Host, step: Exclude<Step, Shared>, progress: Progress, undos: Undo[]): Promise<Result> {
  const host: Door = step.as ? own.as(step.as) : own
  const undo = (why: string, run: () => unknown): void => {
    undos.push({why, under: step.under, run: () => Promise.resolve(run()).then(() => [])})
  }
  switch (step.kind) {
    case 'make-folder': {
      if (host.lstat(step.path) === undefined) undo(`remove ${step.path}`, () => host.lstat(step.path) && host.removeFolder(step.path))
      return {changed: host.makeFolder(step.path, step.mode)}
    }
    case 'write-file': {
      const old = snapshot(host, step.path)
      if (old?.text === step.text && old.stat.mode === step.mode) return {changed: false}
      undo(old ? `restore ${step.path}` : `remove ${step.path}`, () => restore(host, step.path, old))
      const text = write(host, step)
      sweep(host, step.path)
      return {changed: true, before: sha256(old?.text), after: sha256(text)}
    }
    case 'remove-file': {
      const old = snapshot(host, step.path)
      if (!old) return {changed: false}
      undo(`restore ${step.path}`, () => restore(host, step.path, old))
      host.removeFile(step.path)
      return {changed: true, before: sha256(old.text), after: null}
    }
    case 'set-access':
      return {changed: setAccess(own, host, step, undo)}
    case 'remove-folder': {
      const old = host.stat(step.path)
      if (old) undo(`create ${step.path}`, () => host.makeFolder(step.path, old.mode))
      return {changed: host.removeFolder(step.path)}
    }
    case 'run': {
      const note = await runOrThrow(host, step)
      return note === undefined ? {changed: true} : {changed: false, note}
    }
    case 'on-undo':
      undos.push({why: step.run.why, under: step.under, run: (undoing) => performSteps(own, [step.run], undoing).then(() => [])})
      return {changed: false}
    case 'act':
      if (step.undo) undo(`take back: ${step.why}`, step.undo)
      return {changed: (await step.act(progress)) !== false}
  }
}

/** Only root gives things away, so that is done with its own ids; a mode is set with those of the step. */
function setAccess(
  own: Host,
  host: Door,
  step: Extract<Step, {kind: 'set-access'}>,
  undo: (why: string, run: () => unknown) => void,
): boolean {
  const {path, mode, owner, within} = step
  const old = host.lstat(path)
  const isNewOwner = owner !== undefined && old?.uid !== owner.uid
  const isNewMode = mode !== undefined && old?.mode !== mode
  if (isNewOwner) {
    const former = host.accountOf(old?.uid ?? 0)
    const giveBack = (to: Account) => host.lstat(path)?.uid !== to.uid && own.setOwner(path, to, within ?? owner.home)
    if (former) undo(`give ${path} back to ${former.name}`, () => giveBack(former))
    own.setOwner(path, owner, within)
  }
  if (isNewMode) {
    if (old) undo(`restore the mode of ${path}`, () => host.lstat(path)?.mode !== old.mode && host.setMode(path, old.mode))
    host.setMode(path, mode)
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

interface Snapshot {
  readonly text: string
  readonly stat: FileStat
}

function snapshot(host: Door, path: string): Snapshot | undefined {
  const stat = host.lstat(path)
  if (!stat) return undefined
  if (stat.kind !== 'file') throw new HostError(stat.kind === 'link' ? 'ELOOP' : 'EEXIST', path, `a ${stat.kind} stands in the place of`)
  // What is taken away may be put back, a long log too.
  return {text: host.readText(path, MAX_OWN_TEXT_BYTES) ?? '', stat}
}

/** Writes a file; where there is no room for a new one, over the bytes of the one that is there, if that can be. Returns what it then holds. */
function write(host: Door, {path, text, mode, whenFull}: Extract<Step, {kind: 'write-file'}>): string {
  try {
    host.writeAtomic(path, text, mode)
    return text
  } catch (error) {
    if (!whenFull || !(error instanceof HostError) || !isFull(error)) throw error
    let hasWritten = false
    host.editInPlace(path, (content) => {
      const edit = whenFull(content)
      hasWritten = edit !== undefined
      return edit
    })
    if (!hasWritten) throw error
    return host.readText(path) ?? ''
  }
}

function isFull({code}: HostError): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** Puts back what a file was, or that there was none; nothing is written where it is so. */
function restore(host: Door, path: string, old: Snapshot | undefined): void {
  const now = host.lstat(path)
  if (!old) {
    if (now) host.removeFile(path)
    return
  }
  if (now?.kind === 'file' && now.mode === old.stat.mode && host.readText(path, MAX_OWN_TEXT_BYTES) === old.text) return
  const bytes = Buffer.from(old.text)
  const whenFull = (content: Buffer) => (content.length === bytes.length ? {offset: 0, bytes} : undefined)
  write(host, {kind: 'write-file', why: '', path, text: old.text, mode: old.stat.mode, whenFull})
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

async function undoAll(undos: readonly Undo[], listener: ApplyListener, locks: Locks): Promise<string[]> {
  if (undos.length === 0) return []
  const why = 'undo what was done'
  listener.begin(why)
  const leftovers = await runUndos(undos, listener.progress, async (under) => {
    try {
      await locks.hold(under, listener.progress)
    } catch (error) {
      // Whoever holds it that long hangs: what we did is better undone without it than left.
      if (!(error instanceof ServiceError)) throw error
    }
  })
  // It is said by the failure that this was for.
  listener.end(why, 0, 'unchanged')
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

function sha256(text: string | undefined): string | null {
  if (text === undefined) return null
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex')
}
