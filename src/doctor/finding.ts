import type {CheckId} from './checks/index.js'

/**
 * How much a finding matters. error: the gateway is down, or about to be; warning: it will be, or something that relies on it is misled;
 * info: worth knowing; unknown: it cannot be told, which is neither well nor broken.
 */
export type Severity = 'error' | 'warning' | 'info' | 'unknown'

/** What a check found wrong with one service. */
export interface Finding {
  /** Stable id: that of its check. */
  readonly id: string
  /** Stable; tells apart what one check can find. */
  readonly kind: string
  readonly severity: Severity
  /** One sentence. */
  readonly what: string
  /** One sentence: what comes of it if nothing is done. */
  readonly why: string
  /** What it rests on, one sentence each, the strongest first. */
  readonly evidence: readonly string[]
  /** What to type, exact commands in their order. */
  readonly cure: readonly string[]
  /** `fix <id>` can cure it. */
  readonly isFixable: boolean
  /** `doctor --fix` applies that fix unasked: it ends nothing that works, loses nothing, and decides nothing that is the operator's. */
  readonly isSafe: boolean
  /** Ids of findings that are but consequences of this one, and not shown beside it. */
  readonly explains: readonly CheckId[]
}

/** A check's own part of a finding; the rest comes from the check. */
export interface Found {
  readonly kind: string
  readonly severity: Severity
  readonly what: string
  readonly evidence?: readonly string[]
  /** Instead of the check's own reason. */
  readonly why?: string
  /** Instead of `hermes-svc fix <id>`: what a person has to do. */
  readonly cure?: readonly string[]
  /** False where the check's fix does not cure this one. Default: whether the check has a fix. */
  readonly isFixable?: boolean
  /** Default: what the check's fix says. */
  readonly isSafe?: boolean
  /** Whether its cure ends or restarts the gateway. Default: what the check's fix says. */
  readonly interrupts?: boolean
  readonly explains?: readonly CheckId[]
}

/** The worst first. */
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'unknown', 'info']

/**
 * True if the fix of a check may be applied unasked: it cures all that the check has found at once, so each of its findings has to be safe. A finding that no
 * fix cures does not count.
 */
export function isSafeToFix(findings: readonly Finding[], id: string): boolean {
  const cured = findings.filter((finding) => finding.id === id && finding.isFixable)
  return cured.length > 0 && cured.every(({isSafe}) => isSafe)
}

/** The findings without those that another one explains. What is less bad explains nothing away, and of two that explain each other one is left. */
export function unexplained(findings: readonly Finding[]): Finding[] {
  const rank = ({severity}: Finding) => SEVERITIES.indexOf(severity)
  const explainsAway = (one: Finding, other: Finding) => {
    if (one.id === other.id || !one.explains.includes(other.id as CheckId) || rank(one) > rank(other)) return false
    const isMutual = other.explains.includes(one.id as CheckId) && rank(other) === rank(one)
    return !isMutual || findings.indexOf(one) < findings.indexOf(other)
  }
  return findings.filter((finding) => !findings.some((other) => explainsAway(other, finding)))
}
