/** The exit statuses of DESIGN's contract. */
export const ExitStatus = {
  ok: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  cannotTell: 4,
  cancelled: 130,
} as const
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus]

export interface ErrorDetail {
  /** Stable, kebab-case; part of the JSON output. */
  readonly code: string
  readonly exitStatus: ExitStatus
  /** What to type next, exact commands or one sentence each. */
  readonly next?: readonly string[]
  /** Lines that show what happened, e.g. the end of a log. */
  readonly evidence?: readonly string[]
}

/**
 * A foreseeable failure: what happened and why in `message`, what to type next in `next`. Shown without a stack trace.
 * Anything else that is thrown is a bug and shown with one.
 */
export class ServiceError extends Error {
  readonly code: string
  readonly exitStatus: ExitStatus
  readonly next: readonly string[]
  readonly evidence: readonly string[]

  constructor(message: string, detail: ErrorDetail) {
    super(message)
    this.name = 'ServiceError'
    this.code = detail.code
    this.exitStatus = detail.exitStatus
    this.next = detail.next ?? []
    this.evidence = detail.evidence ?? []
  }
}

/** Wrong input: exit 2, the message names the flag and the reason. */
export function usageError(message: string, next: readonly string[] = []): ServiceError {
  return new ServiceError(message, {code: 'usage', exitStatus: ExitStatus.usage, next})
}
