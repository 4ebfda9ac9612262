import type {Finding, Severity} from '../doctor/finding.js'
import type {DiagnosisReport} from '../doctor/summary.js'
import {NO_PAINT, type Paint} from './paint.js'
import {table, wrapped} from '../text/layout.js'

/** A severity in words. */
export const SEVERITY_WORDS: Readonly<Record<Severity, string>> = {error: 'ERROR', warning: 'warning', info: 'info', unknown: 'cannot tell'}
const ORDER: readonly Severity[] = ['error', 'warning', 'unknown', 'info']

/**
 * What doctor says to people: how each service stands that something was found in, or the only one; a table of all findings, the details
 * of each under it, and last the commands that cure them. `width`: columns of the terminal; commands are never broken.
 */
export function doctorText(reports: readonly DiagnosisReport[], paint: Paint = NO_PAINT, width?: number): string[] {
  const several = reports.length > 1
  const found = reports.flatMap((report) => report.findings.map((finding) => ({report, finding})))
  const head = standings(several ? reports.filter(({findings}) => findings.length > 0) : reports, width)
  const clean = reports.filter(({findings}) => findings.length === 0)
  const cleanLine = clean.length > 0 ? [paint.good(cleanText(clean, several))] : []
  if (found.length === 0) return [...head, ...cleanLine]
  const sorted = ORDER.flatMap((severity) => found.filter(({finding}) => finding.severity === severity))
  const rows = sorted.map(({report, finding}) => [
    SEVERITY_WORDS[finding.severity],
    ...(several ? [report.profile] : []),
    finding.id,
    finding.what,
  ])
  const lines = table([['SEVERITY', ...(several ? ['PROFILE'] : []), 'FINDING', 'WHAT'], ...rows], width)
  const painted = lines.flatMap((row, index) => {
    const severity = sorted[index - 1]?.finding.severity
    return severity === 'error' || severity === 'warning' ? row.map((line) => (line === '' ? line : paint.bad(line))) : row
  })
  const details = sorted
    .flatMap(({report, finding}) => detailsOf(finding, several ? `${report.profile}: ` : '', paint))
    .flatMap((line) => wrapped(line, width ?? Infinity, line.startsWith('  ') ? '    ' : ''))
  const cures = [...new Set(sorted.flatMap(({finding}) => finding.cure))]
  const next = cures.length === 0 ? [] : ['', paint.strong('What to type:'), ...cures.map((command) => `  ${command}`)]
  return [...head, ...cleanLine, '', ...painted, ...details, ...next]
}

/** What was asked for, what is, and what the next boot makes of it. */
function standings(reports: readonly DiagnosisReport[], width: number | undefined): string[] {
  if (reports.length === 0) return []
  const rows = reports.map(({service, desired, actual, enabled}) => [
    service,
    desired ?? 'not recorded',
    actual,
    enabled === null ? 'cannot tell' : enabled ? 'yes' : 'no',
  ])
  return table([['SERVICE', 'DESIRED', 'ACTUAL', 'ENABLED'], ...rows], width).flat()
}

function detailsOf({id, why, evidence}: Finding, prefix: string, paint: Paint): string[] {
  return ['', `${paint.strong(prefix + id)}: ${why}`, ...evidence.map((line) => `  - ${line}`)]
}

function cleanText(clean: readonly DiagnosisReport[], several: boolean): string {
  const checks = Math.max(...clean.map((report) => report.checks.length))
  const what = several ? `${clean.length} ${clean.length === 1 ? 'profile' : 'profiles'}: ` : ''
  return `${what}${checks} checks, no findings`
}
