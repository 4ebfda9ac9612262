import type {GatewayProcess} from '../gateway/signal-gateway.js'
import type {JsonEdit} from '../gateway/edit-json.js'
import {ExitStatus, ServiceError} from '../errors.js'
import type {Account, HeldLock, Host, InPlaceWrite} from '../host/host.js'
import {waitUntil} from '../host/wait-until.js'

/** What keeps two commands from changing at once what several services have in common, or what must be so while a step is done. */
export interface SharedLock {
  /** Waits until it is ours. Throws a ServiceError (exit 1) if that takes too long. */
  take(progress: Progress): Promise<HeldLock>
}

/** When a step is done that is not always done. */
export interface Condition {
  /** For people, the end of "only if …". */
  readonly when: string
  /** Asked in the moment in which the step would be done, with what came of the steps before it; false: nothing is done. */
  readonly holds: (before: readonly AppliedStep[]) => boolean
}

interface StepHead {
  /** What it is for, one short sentence in the imperative; shown by --dry-run and as progress. */
  readonly why: string
  /** The part of the plan that it belongs to, in the imperative: steps in a row with the same one are one line of progress. */
  readonly phase?: string | undefined
  /** The account whose ids it is done with; undefined: our own. */
  readonly as?: Account | undefined
  /** The lock under which it is done, and undone; steps in a row that have the same one are done without letting go of it. */
  readonly under?: SharedLock | undefined
  readonly onlyIf?: Condition | undefined
  /** A failure is noted and passed over. */
  readonly mayFail?: boolean
  /** The others do without it: its failure ends nothing, and makes the command fail once all is done. */
  readonly failsLate?: boolean
  /** It only notes what the others do. Where the disk takes nothing it is passed over, with a warning; `again`: what to type to make up for it. */
  readonly isRecord?: {readonly again: string}
  /** Once it has begun nothing is undone any more: what it does cannot be taken back, and stands on what was done before. */
  readonly commits?: boolean
}

/** A step that runs a program. */
export type RunStep = StepHead & {
  readonly kind: 'run'
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** One change, as data: it can be printed, applied and undone. */
export type Step = RunStep | SignalStep | (StepHead & OtherStep)

interface FileStep {
  readonly path: string
  readonly text: string
  readonly mode: number
  /** Its content must not be shown. */
  readonly secret?: boolean
  /** Its content is too long to be shown. */
  readonly isProgram?: boolean
  /** What to write over the file's own bytes where there is no room for a new file; undefined if that cannot be. */
  readonly whenFull?: (content: Buffer) => InPlaceWrite | undefined
}

/** Steps about what several services have in common, which is what it then is, not what it was when the plan was made. */
export interface SharedStep {
  readonly kind: 'shared'
  /** What it comes to as far as can be told before. */
  readonly steps: readonly Step[]
  /** The steps, when they are done. */
  readonly again: () => Promise<readonly Step[]>
  /** A text that is another one once the other services want something else. */
  readonly othersWant: () => Promise<string>
  /** What takes our share back when the others want something else than they did: what they want stays. */
  readonly giveBack: () => Promise<readonly Step[]>
}

/** Signals a process, if it is the very one in that moment, and waits for its end. */
export type SignalStep = StepHead & {
  readonly kind: 'signal'
  readonly signal: NodeJS.Signals
  readonly process: GatewayProcess
  /** The home whose gateway it must be then; undefined: pid and start time are all that is known of it. */
  readonly home?: string | undefined
  /** How long its end is waited for; 0: not at all. */
  readonly waitMs: number
  /** After so long a gateway that shows no sign of having been asked is waited for no longer. */
  readonly answerMs?: number
  /** When all waiting ends, on the monotonic clock. */
  readonly deadlineMs?: number
  /** Tells the gateway that the stop is meant (upstream's marker). */
  readonly isPlannedStop?: boolean
  /** The helpers' memory, where they are told that an end which comes now was asked for. */
  readonly memory?: string
  /** The failure if it is still there then, and whether that is because all waiting had to end; undefined: none, the next step is for that. */
  readonly survived?: (isTimeUp: boolean) => ServiceError | undefined
}

/** What a manager is asked by other means than a program of its own that says it all. */
export type ManagerRequest = 'start' | 'stop' | 'restart' | 'kill' | 'load' | 'unload'

/** What an act has come to: what it has changed, or that it found nothing to do. */
export type Done = {readonly changed: true; readonly what: string} | {readonly changed: false}

type OtherStep =
  | SharedStep
  /** `besideOthers`: its parent was there, and goes with the last that is in it: another command may just have taken that away. */
  | {readonly kind: 'make-folder'; readonly path: string; readonly mode: number; readonly besideOthers?: true}
  | (FileStep & {readonly kind: 'write-file'})
  /** `forGood`: it is not put back by an undo, since what it said was not so. */
  | {readonly kind: 'remove-file'; readonly path: string; readonly forGood?: boolean}
  /** Removes files of a folder, those of these names, or all; the folder stays. They cannot be put back. */
  | {readonly kind: 'empty-folder'; readonly path: string; readonly names?: readonly string[]}
  /** Sets who may do what with a file or folder. No part of the path may be a link. */
  | {
      readonly kind: 'set-access'
      /** As it is named: the way there is walked without following a link that somebody else than root could change. */
      readonly path: string
      readonly mode?: number
      readonly owner?: Account
      /** The folder in which it must lie to be given away; see Host.setOwner. */
      readonly within?: string
    }
  /** Removes it only if it is empty. */
  | {readonly kind: 'remove-folder'; readonly path: string}
  /** Has a member of a JSON file that others write say something, in place, no other byte changed; see `editJson`. */
  | {
      readonly kind: 'edit-json'
      readonly path: string
      readonly field: string
      readonly value: string
      /** Made in the moment in which it is done, so that it goes by what then is so. */
      readonly edit: () => JsonEdit
      /** Takes it back, by what the member said before; absent: it stays. */
      readonly takeBack?: (before: unknown) => JsonEdit
    }
  /** Asks a service manager that has no one program for it, and sees that it did. `name`, `domain`: the manager's own for what is meant. */
  | {
      readonly kind: 'ask-manager'
      readonly request: ManagerRequest
      readonly name: string
      readonly domain?: string
      /** Resolves with false if there was nothing to do. Throws a ServiceError if it did not. */
      readonly ask: (progress: Progress) => Promise<boolean>
    }
  /** Waits for what others do. `limitMs`: at most so long; undefined where that depends on what is seen. */
  | {
      readonly kind: 'wait-until'
      readonly limitMs: number | undefined
      /** Resolves with false if it has not come, and the next steps are for that. Throws a ServiceError if that is a failure. */
      readonly until: (progress: Progress) => Promise<boolean>
    }
  /** Does nothing when applied; run when a later step fails. Undoing goes backwards, so it comes after the undoing of all later steps. */
  | {readonly kind: 'on-undo'; readonly run: Step}
  /** What is none of the other kinds. */
  | {readonly kind: 'act'; readonly act: (progress: Progress) => Promise<Done>}

/** What came of one step. `before`, `after`: sha256 of a file's content, null if there was none. */
export interface AppliedStep {
  readonly step: Step
  readonly durationMs: number
  readonly changed: boolean
  /** What was waited for has come: a process has ended, say. */
  readonly came?: boolean
  readonly before?: string | null
  readonly after?: string | null
  /** What an act has changed, or the failure that was passed over. */
  readonly note?: string
  /** What was passed over that somebody has to know of, in a sentence without its full stop. */
  readonly warning?: string
}

/** Tells the user what is being waited for; the text replaces the former one. */
export type Progress = (text: string) => void

/** Steps that take back what the next ones do, in the order in which they are to be run. */
export function onUndo(steps: readonly Step[]): Step[] {
  return steps.toReversed().map((run) => ({kind: 'on-undo', why: `if a later step fails: ${run.why}`, run}))
}

/** The same steps as one part of the plan, as people see it; those that belong to one already stay in it. Undefined: each stays as it is. */
export function inPhase(phase: string | undefined, steps: readonly Step[]): Step[] {
  return steps.map((step) => ({...step, phase: step.phase ?? phase}))
}

/** The same steps, whose failure ends nothing and makes the command fail at its end. */
export function failingLate(steps: readonly Step[]): Step[] {
  return steps.map((step) => ({...step, failsLate: true}))
}

/** The same steps, from the first of which on nothing is undone. */
export function committing([first, ...others]: readonly Step[]): Step[] {
  return first ? [{...first, commits: true}, ...others] : []
}

/** Each step by itself, those of shared ones too, as far as can be told before. */
export function singleSteps(steps: readonly Step[]): Exclude<Step, SharedStep>[] {
  return steps.flatMap((step) =>
    step.kind === 'shared'
      ? singleSteps(step.steps).map((one) => ({...one, onlyIf: one.onlyIf ?? step.onlyIf, phase: one.phase ?? step.phase}))
      : [step],
  )
}

/** Steps that are planned anew when they are done, and undone as they were done: they leave to others what those need. `shown`: what they come to now. */
export function plannedAnew(why: string, plan: () => readonly Step[], shown = plan()): Step {
  return {
    kind: 'shared',
    why,
    steps: shown,
    again: () => Promise.resolve(plan()),
    othersWant: () => Promise.resolve(''),
    giveBack: () => Promise.resolve([]),
  }
}

/** A step that waits, asking again and again, and fails if it does not come. */
export function waitStep(
  host: Pick<Host, 'monotonicMs' | 'sleep'>,
  {why, limitMs, everyMs}: {readonly why: string; readonly limitMs: number; readonly everyMs: number},
  isSo: () => boolean,
  failure: () => ServiceError,
): Step {
  const until = async (progress: Progress): Promise<boolean> => {
    const onWait = () => progress(why)
    if (await waitUntil(host, {limitMs, everyMs, onWait}, isSo)) return true
    throw failure()
  }
  return {kind: 'wait-until', why, limitMs, until}
}

/** What a command would change, and how it sees that it worked. */
export interface Plan {
  /** What is being done, e.g. "install hermes-gateway.service". */
  readonly title: string
  readonly steps: readonly Step[]
  /** Waits until the outcome is seen; throws if it does not come. A failure undoes the steps, unless `lasts`. */
  readonly verify?: (progress: Progress) => Promise<void>
  /** What that waits for, as a phase of its own; undefined: no plan in particular. */
  readonly verifyPhase?: string
  /** What all steps together did stands, also if its outcome does not come: it was wished for, and the manager goes on working on it. */
  readonly lasts?: boolean
  /** What is so after all of it was undone, and what to type then; undefined where the failure says all. */
  readonly undone?: {
    /** A clause, such as "nothing is left of the installation". */
    readonly what: string
    /** Instead of what a failure of its outcome says, which is about something that is not there any more. */
    readonly next: readonly string[]
  }
  /** What somebody should know before it is done, one sentence each without its full stop; said on stderr. */
  readonly warnings?: readonly string[]
  /** What comes of it is a gateway that runs, for people to reach. */
  readonly runs?: boolean
  /** Said after success, or instead if there is nothing to do; a function where only then it is known. */
  readonly outcome: string | (() => string)
}

/** What is said of a plan that has succeeded, or has nothing to do. */
export function outcomeOf({outcome}: Pick<Plan, 'outcome'>): string {
  return typeof outcome === 'string' ? outcome : outcome()
}

/** True for a failure of the thing itself, which another way may be tried for; a cancellation is none. */
export function isFailure(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.exitStatus !== ExitStatus.cancelled
}
