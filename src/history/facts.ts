import type {EndLine} from '../service/end-line.js'
import type {EventLine} from '../service/event-line.js'

/** Who noted it: the service's helper or `hermes-svc run`, the manager, the gateway itself. Where two tell of one end, the first one's word counts. */
export type Witness = 'helper' | 'manager' | 'gateway'

/** A gateway was started. Times in ms since the epoch. */
export interface StartFact {
  readonly kind: 'start'
  readonly atMs: number
  readonly witness: Witness
  readonly pid?: number | undefined
}

/** A gateway ended. What a witness does not know is left out. */
export interface EndFact {
  readonly kind: 'end'
  readonly atMs: number
  readonly witness: Witness
  /** It may have been so many ms later: the helper notes whole seconds. */
  readonly laterMs?: number
  readonly pid?: number | undefined
  /** How long it was up, in ms. */
  readonly upMs?: number | undefined
  /** `''`: no process came of the start. */
  readonly how?: EndLine['code'] | undefined
  /** Exit status, or the signal's name without SIG. */
  readonly status?: string | undefined
  /** SERVICE_RESULT of systemd.exec(5), e.g. `oom-kill`. */
  readonly result?: string | undefined
  /** What the rule of restarts made of it. */
  readonly reason?: EndLine['reason'] | undefined
  readonly failures?: number | undefined
  /** How long the next start waits, in ms. */
  readonly delayMs?: number | undefined
}

/** The gateway that ended before this moment did so without a word: SIGKILL, no memory, no power. Its end is not known any better. */
export interface UncleanFact {
  readonly kind: 'unclean'
  /** When the next gateway found out. */
  readonly atMs: number
  readonly wasShortOfMemory: boolean
}

/** The manager was told to stop it. */
export interface StoppingFact {
  readonly kind: 'stopping'
  readonly atMs: number
}

/** A command of ours that changed something, or tried to. */
export interface CommandFact {
  readonly kind: 'command'
  readonly beganMs: number
  readonly atMs: number
  readonly command: string
  readonly outcome: 'done' | 'failed' | 'cancelled'
  readonly error?: string | undefined
  /** Files of the definition that it wrote or removed. */
  readonly files: number
}

/** What a tick saw begin, or be over. */
export interface EventFact {
  readonly kind: 'event'
  readonly atMs: number
  readonly sinceMs: number
  readonly event: EventLine['event']
  readonly about: string
}

/** The machine, or the container, came up. */
export interface BootFact {
  readonly kind: 'boot'
  readonly atMs: number
  /** When the boot before it was last heard of; undefined if nothing tells. */
  readonly formerEndMs?: number | undefined
}

/** One thing that some source says. */
export type Fact = StartFact | EndFact | UncleanFact | StoppingFact | CommandFact | EventFact | BootFact

/** Those of one kind, in their order. */
export function ofKind<K extends Fact['kind']>(facts: readonly Fact[], kind: K): Extract<Fact, {kind: K}>[] {
  return facts.filter((fact): fact is Extract<Fact, {kind: K}> => fact.kind === kind)
}
