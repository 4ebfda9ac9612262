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

/**
 * StartLimitBurst= of a unit. It has no effect while StartLimitIntervalSec= is 0, and stands beside it so that somebody who sets an
 * interval gets a burst that planned restarts do not use up.
 */
export const START_LIMIT_BURST = 100

/** The longest time that a shell with 32-bit arithmetic can double without overflow. */
const MAX_MS = 2 ** 30

const LINE_LENGTH = 120

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

/** The arithmetic of a policy in plain sentences, as lines of at most 120 characters for the comments of a definition. */
export function describePolicy(policy: RestartPolicy): string[] {
  const atCap = Math.ceil(Math.log2(policy.capMs / policy.firstMs)) + 1
  const shown = Math.min(atCap - 1, 8)
  const first = Array.from({length: shown}, (_, index) => formatSec(delayMs(policy, index + 1)))
  const growth = [...first, ...(shown < atCap - 1 ? ['…'] : [])].join(', ')
  let untilCapMs = 0
  for (let failures = 1; failures < atCap; failures++) untilCapMs += delayMs(policy, failures) + policy.restartDelayMs
  const perHour = Math.floor(3_600_000 / (policy.capMs + policy.restartDelayMs))
  const cap = `${formatSec(policy.capMs)} s`
  const sentences = [
    `Every end is followed by a restart ${formatSec(policy.restartDelayMs)} s later (RestartSec); a planned one (exit 75 of a gateway that ran) waits no longer.`,
    growth === ''
      ? `After a failure the start itself waits (ExecStartPre): ${cap} each time.`
      : `After failures in a row the start itself waits (ExecStartPre): ${growth} s, and ${cap} from failure ${atCap} on.`,
    `The cap is reached after ${formatSec(untilCapMs)} s of waiting; from then on that is at most ${perHour} starts an hour, and the gateway is back within ${cap} of the cause being gone. ${formatSec(policy.forgetAfterMs)} s up, or a stop, and the count is forgotten.`,
    'systemd counts planned restarts too, so any limit of its own would sooner or later leave a healthy gateway dead:',
    `StartLimitIntervalSec=0 switches it off, and StartLimitBurst=${START_LIMIT_BURST} counts only where somebody sets an interval again.`,
  ]
  const lines: string[] = []
  for (const word of sentences.join(' ').split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= LINE_LENGTH) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

/** Seconds without needless zeros: 8, 0.4, 0.125. */
function formatSec(ms: number): string {
  return String(Math.round(ms) / 1000)
}
