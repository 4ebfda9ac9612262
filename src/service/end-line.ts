import {isObject} from '../gateway/records.js'

/** How the process of a gateway ended, as systemd.exec(5) has it in EXIT_CODE; empty: it was never started. */
export const END_CODES = ['exited', 'killed', 'dumped', ''] as const
/**
 * What came of an end, by the rule of after-end.ts: `stop`: it was asked for; `planned`: a restart that was meant; `config`: 78, it is not started again; `loop`: a
 * failure, its event loop did not answer its own watchdog; `called-off`: the start was, so there was no gateway.
 */
export const END_REASONS = ['stop', 'planned', 'config', 'failure', 'called-off', 'loop'] as const

/**
 * One end of a gateway as the helper `after-exit` and `hermes-svc run` note it in the home's journal: one line of JSON, of fixed words and numbers alone. This
 * file says what stands in it; templates/service-helper.sh writes it too, and a test reads it by this.
 */
export interface EndLine {
  /** ISO 8601, UTC. The helper's is to the second. */
  readonly time: string
  readonly event: 'end'
  readonly code: (typeof END_CODES)[number]
  /** The exit status, or the signal's name without SIG; empty where there was no process. */
  readonly status: string
  /** SERVICE_RESULT of systemd.exec(5), e.g. `oom-kill`; empty where a manager tells none. */
  readonly result: string
  /** How long it was up; null where its start is not known. */
  readonly uptimeMs: number | null
  readonly reason: (typeof END_REASONS)[number]
  /** Failures in a row, this one counted. */
  readonly failures: number
  /** How long the next start waits, in ms. */
  readonly delayMs: number
}

/** The result of an end by the kernel, for lack of memory. */
export const OOM_RESULT = 'oom-kill'
/** The same for people, as part of a sentence. */
export const OOM_WORDS = 'killed by the kernel for lack of memory'
export const isOomKill = (result: string | undefined): boolean => result === OOM_RESULT

/** What two witnesses say came of one end: where a unit goes on after such kills, its manager tells that of the gateway as any other signal. */
export function jointResult(one: string | undefined, other: string | undefined): string | undefined {
  return isOomKill(one) || isOomKill(other) ? OOM_RESULT : one || other
}

/** What a word in it may be. The home's account may write anything there. */
const WORD = /^[A-Za-z0-9+-]{0,32}$/

/** The end that a line of the journal, parsed as JSON, tells of; undefined if it is none. */
export function parseEndLine(value: unknown): EndLine | undefined {
  if (!isObject(value) || value.event !== 'end') return undefined
  const {time, status, result, uptimeMs, failures, delayMs} = value
  const code = END_CODES.find((word) => word === value.code)
  const reason = END_REASONS.find((word) => word === value.reason)
  if (!isTime(time) || code === undefined || reason === undefined || !isWord(status) || !isWord(result)) return undefined
  if (!isCount(failures) || !isCount(delayMs) || (uptimeMs !== null && !isCount(uptimeMs))) return undefined
  return {time, event: 'end', code, status, result, uptimeMs, reason, failures, delayMs}
}

export function isTime(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 40 && Number.isFinite(Date.parse(value))
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && WORD.test(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
