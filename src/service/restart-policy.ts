/**
 * How the gateway is started again after it ended. All times in milliseconds. The manager only restarts (after `restartDelayMs`, always,
 * without a limit); whether a start waits longer is decided by the helpers from the number of failures in a row.
 */
export interface RestartPolicy {
  /** The manager's own pause before every restart, planned ones too (systemd: RestartSec=). */
  readonly restartDelayMs: number
  /** Wait after the first failure; each further failure in a row doubles it. */
  readonly firstMs: number
  /** The longest wait. */
  readonly capMs: number
  /** A gateway that was up this long and then fails counts as the first failure again. */
  readonly forgetAfterMs: number
  /**
   * Exit 75 after at least this long counts as planned where the gateway's state file does not tell. A gateway that cannot start
   * exits with 75 too, but soon.
   */
  readonly plannedAfterMs: number
}

export const DEFAULT_RESTART_POLICY: RestartPolicy = {
  restartDelayMs: 100,
  firstMs: 1000,
  capMs: 120_000,
  forgetAfterMs: 300_000,
  plannedAfterMs: 30_000,
}

/** Wait before a start where failures cannot be counted (a helper is gone, its state folder is full). */
export const UNCOUNTED_MS = 5000

/** The longest time that a shell with 32-bit arithmetic can double without overflow. */
const MAX_MS = 2 ** 30

/** Throws a RangeError that names the field if a time is not a whole number of ms from 1 to 2^30, or the first wait exceeds the cap. */
export function requireValidPolicy(policy: RestartPolicy): void {
  for (const name of ['restartDelayMs', 'firstMs', 'capMs', 'forgetAfterMs', 'plannedAfterMs'] as const) {
    const value = policy[name]
    if (!Number.isInteger(value) || value < 1 || value > MAX_MS) {
      throw new RangeError(`${name} must be a whole number of milliseconds from 1 to ${MAX_MS}, not ${value}`)
    }
  }
  if (policy.firstMs > policy.capMs) throw new RangeError(`firstMs (${policy.firstMs}) must not exceed capMs (${policy.capMs})`)
}

/** Wait in ms before the start that follows `failures` failures in a row (a whole number, 0 or more). */
export function delayMs(policy: RestartPolicy, failures: number): number {
  if (failures < 1) return 0
  return Math.min(policy.capMs, policy.firstMs * 2 ** (failures - 1))
}
