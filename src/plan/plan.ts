import type {Account, HeldLock, InPlaceWrite} from '../host/host.js'

/** What keeps two commands from changing at once what several services have in common. */
export interface SharedLock {
  /** Waits until it is ours. Throws a ServiceError (exit 1) if that takes too long. */
  take(progress: Progress): Promise<HeldLock>
}

interface StepHead {
  /** What it is for, one short sentence in the imperative; shown by --dry-run and as progress. */
  readonly why: string
  /** The account whose ids it is done with; undefined: our own. */
  readonly as?: Account | undefined
  /** The lock under which it is done, and undone; steps in a row that have the same one are done without letting go of it. */
  readonly under?: SharedLock | undefined
  /** The others do without it: its failure ends nothing, and makes the command fail once all is done. */
  readonly failsLate?: boolean
}

/** A step that runs a program. */
export type RunStep = StepHead & {
  readonly kind: 'run'
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  /** A failure is noted and passed over. */
  readonly mayFail?: boolean
}

/** One change, as data: it can be printed, applied and undone. */
export type Step = RunStep | (StepHead & OtherStep)

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

type OtherStep =
  | SharedStep
  | {readonly kind: 'make-folder'; readonly path: string; readonly mode: number}
  | (FileStep & {readonly kind: 'write-file'})
  | {readonly kind: 'remove-file'; readonly path: string}
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
  /** Does nothing when applied; run when a later step fails. Undoing goes backwards, so it comes after the undoing of all later steps. */
  | {readonly kind: 'on-undo'; readonly run: Step}
  /** An act that is no file and no program, e.g. signalling a process after its identity was checked again. */
  | {
      readonly kind: 'act'
      /** Resolves with false if there was nothing to do. */
      readonly act: (progress: Progress) => Promise<unknown>
      /** Takes back what it has done of it; it does nothing where that is nothing. Throws if it cannot. */
      readonly undo?: () => void
      /** Once it has begun nothing before it is undone any more: what it does cannot be taken back, and stands on what they did. */
      readonly commits?: boolean
    }

/** Tells the user what is being waited for; the text replaces the former one. */
export type Progress = (text: string) => void

/** Steps that take back what the next ones do, in the order in which they are to be run. */
export function onUndo(steps: readonly Step[]): Step[] {
  return steps.toReversed().map((run) => ({kind: 'on-undo', why: `if a later step fails: ${run.why}`, run}))
}

/** The same steps, whose failure ends nothing and makes the command fail at its end. */
export function failingLate(steps: readonly Step[]): Step[] {
  return steps.map((step) => ({...step, failsLate: true}))
}

/** Each step by itself, those of shared ones too, as far as can be told before. */
export function singleSteps(steps: readonly Step[]): Exclude<Step, SharedStep>[] {
  return steps.flatMap((step) => (step.kind === 'shared' ? singleSteps(step.steps) : [step]))
}

/** What a command would change, and how it sees that it worked. */
export interface Plan {
  /** What is being done, e.g. "install hermes-gateway.service". */
  readonly title: string
  readonly steps: readonly Step[]
  /** Waits until the outcome is seen; throws if it does not come. A failure undoes the steps, unless `lasts`. */
  readonly verify?: (progress: Progress) => Promise<void>
  /** What all steps together did stands, also if its outcome does not come: it was wished for, and the manager goes on working on it. */
  readonly lasts?: boolean
  /** Said after success, or instead if there is nothing to do; a function where only then it is known. */
  readonly outcome: string | (() => string)
}

/** What is said of a plan that has succeeded, or has nothing to do. */
export function outcomeOf({outcome}: Pick<Plan, 'outcome'>): string {
  return typeof outcome === 'string' ? outcome : outcome()
}
