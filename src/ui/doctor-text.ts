import {type Finding, isSafeToFix, SEVERITIES, type Severity} from '../doctor/finding.js'
import type {DiagnosisReport} from '../doctor/summary.js'
import {NO_PAINT, type Paint} from './paint.js'
import {Sign} from './sign.js'
import {table, wrapped} from '../text/layout.js'

/** A severity in words. */
export const SEVERITY_WORDS: Readonly<Record<Severity, string>> = {error: 'error', warning: 'warning', info: 'info', unknown: 'cannot tell'}
/** The sign before that word. */
const SIGNS: Readonly<Record<Severity, string>> = {error: Sign.bad, warning: Sign.warning, info: Sign.info, unknown: Sign.unknown}
const INDENT = '    '

export interface DoctorTextOptions {
  readonly paint?: Paint
  /** Columns of the terminal. Commands and links are never broken. */
  readonly width?: number | undefined
  /** Where a person reads more of a finding, by its id. */
  readonly pageOf: (id: string) => string
  /** The command that applies the fixes that are safe, as it is typed. */
  readonly fixCommand: string
}

/**
 * What doctor says to people: of a service without findings one line; else a line for each finding, the worst first, with its evidence, its cure and
 * its page right under it, and at the end how many there are and what cures those that are safe to cure unasked.
 */
export function doctorText(reports: readonly DiagnosisReport[], options: DoctorTextOptions): string[] {
  const {paint = NO_PAINT, width = Infinity, fixCommand} = options
  const several = reports.length > 1
  const found = reports.flatMap((report) => report.findings.map((finding) => ({report, finding})))
  const clean = reports.filter(({findings}) => findings.length === 0)
  const cleanLines = cleanText(clean, several)
    .flatMap((line) => wrapped(line, width, INDENT))
    .map(paint.good)
  if (found.length === 0) return cleanLines
  const sorted = SEVERITIES.flatMap((severity) => found.filter(({finding}) => finding.severity === severity))
  const blocks = sorted.flatMap(({report, finding}) => ['', ...findingText(finding, several ? `${report.profile}: ` : '', options)])
  const sick = reports.filter(({findings}) => findings.length > 0)
  const head = sick.map((report) => `${report.service}: ${standing(report)}`).flatMap((line) => wrapped(line, width, INDENT))
  const safe = reports.some(({findings}) => findings.some(({id}) => isSafeToFix(findings, id)))
  return [
    ...cleanLines,
    ...head,
    ...blocks,
    '',
    ...wrapped(`${counted(sorted.map(({finding}) => finding.severity))} in ${checksOf(sick)} checks`, width),
    ...(safe ? ['To apply the safe fixes, type:', `  ${fixCommand}`] : []),
  ]
}

/** The commands that cure what was found, the worst first, with what each is for; and how much is left for a person. */
export function curesText(reports: readonly DiagnosisReport[], doctorCommand: string, width?: number): string[] {
  const found = reports.flatMap(({findings}) => findings)
  if (found.length === 0) return [`${Sign.good} no findings: there is nothing to fix`]
  const sorted = SEVERITIES.flatMap((severity) => found.filter((finding) => finding.severity === severity))
  const rows = sorted.filter(({isFixable}) => isFixable).map(({severity, cure, what}) => [SEVERITY_WORDS[severity], cure[0] ?? '', what])
  const left = sorted.length - rows.length
  const more = `${left === 1 ? '1 finding has' : `${left} findings have`} no fix command: "${doctorCommand}" says what to do`
  return [
    ...(rows.length > 0 ? table([['FOUND', 'WHAT TO TYPE', 'WHAT FOR'], ...rows], width).flat() : []),
    ...(left > 0 ? wrapped(more, width ?? Infinity) : []),
  ]
}

/** All checks, one a line, with what each finds. */
export function checksText(checks: readonly {readonly id: string; readonly title: string}[], width?: number): string[] {
  return table([['CHECK', 'FINDS'], ...checks.map(({id, title}) => [id, title])], width).flat()
}

function findingText(
  {severity, id, what, why, evidence, cure}: Finding,
  prefix: string,
  {paint = NO_PAINT, width = Infinity, pageOf}: DoctorTextOptions,
): string[] {
  const isBad = severity === 'error' || severity === 'warning'
  const head = wrapped(`${SIGNS[severity]} ${SEVERITY_WORDS[severity]}: ${prefix}${what} [${id}]`, width, INDENT)
  return [
    ...(isBad ? head.map(paint.bad) : head),
    ...wrapped(INDENT + why, width, INDENT),
    ...evidence.flatMap((line) => wrapped(`${INDENT}- ${line}`, width, `${INDENT}  `)),
    ...(cure.length > 0 ? [`${INDENT}What to type:`, ...cure.map((command) => `${INDENT}  ${paint.strong(command)}`)] : []),
    paint.dim(`${INDENT}Read more: ${pageOf(id)}`),
  ]
}

/** What was asked for, what is, and what the next boot makes of it. */
function standing({desired, actual, enabled}: DiagnosisReport): string {
  if (actual === 'not-installed') return 'is not installed'
  const wish = desired === null ? 'no desired state is recorded' : `should be ${desired}`
  const boot = enabled === null ? 'hermes-svc cannot tell whether it starts at boot' : enabled ? 'starts at boot' : 'does not start at boot'
  return `${wish}, is ${actual}, ${boot}`
}

function cleanText(clean: readonly DiagnosisReport[], several: boolean): string[] {
  const [first] = clean
  if (!first) return []
  const checks = `${checksOf(clean)} checks, no findings`
  if (several) return [`${Sign.good} ${clean.length} ${clean.length === 1 ? 'profile' : 'profiles'}: ${checks}`]
  return [`${Sign.good} ${first.service}: ${checks} (${standing(first)})`]
}

function checksOf(reports: readonly DiagnosisReport[]): number {
  return Math.max(...reports.map(({checks}) => checks.length))
}

/** `1 error, 2 warnings`: the worst first. */
function counted(severities: readonly Severity[]): string {
  const words: Readonly<Record<Severity, readonly [one: string, several: string]>> = {
    error: ['error', 'errors'],
    warning: ['warning', 'warnings'],
    unknown: ['"cannot tell"', '"cannot tell"'],
    info: ['note', 'notes'],
  }
  return SEVERITIES.flatMap((severity) => {
    const count = severities.filter((one) => one === severity).length
    return count === 0 ? [] : [`${count} ${words[severity][count === 1 ? 0 : 1]}`]
  }).join(', ')
}
