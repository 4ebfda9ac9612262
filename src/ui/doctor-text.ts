import type {Finding, Severity} from '../doctor/finding.js'
import type {DiagnosisReport} from '../doctor/summary.js'
import {NO_PAINT, type Paint} from './paint.js'
import {columns} from './text.js'

const WORD: Readonly<Record<Severity, string>> = {error: 'ERROR', warning: 'warning', info: 'info', unknown: 'cannot tell'}
const ORDER: readonly Severity[] = ['error', 'warning', 'unknown', 'info']

/** What doctor says to people: a table of all findings, the details of each under it, and last the commands that cure them. */
export function doctorText(reports: readonly DiagnosisReport[], paint: Paint = NO_PAINT): string[] {
  const found = reports.flatMap((report) => report.findings.map((finding) => ({report, finding})))
  if (found.length === 0) return [paint.good(cleanText(reports))]
  const sorted = ORDER.flatMap((severity) => found.filter(({finding}) => finding.severity === severity))
  const several = reports.length > 1
  const rows = sorted.map(({report, finding}) => [WORD[finding.severity], ...(several ? [report.profile] : []), finding.id, finding.what])
  const table = columns([['SEVERITY', ...(several ? ['PROFILE'] : []), 'FINDING', 'WHAT'], ...rows])
  const painted = table.map((line, index) => {
    const severity = sorted[index - 1]?.finding.severity
    return severity === 'error' || severity === 'warning' ? paint.bad(line) : line
  })
  const details = sorted.flatMap(({report, finding}) => detailsOf(finding, several ? `${report.profile}: ` : '', paint))
  const cures = [...new Set(sorted.flatMap(({finding}) => finding.cure))]
  const next = cures.length === 0 ? [] : ['', paint.strong('What to type:'), ...cures.map((command) => `  ${command}`)]
  return [...painted, ...details, ...next]
}

function detailsOf({id, why, evidence}: Finding, prefix: string, paint: Paint): string[] {
  return ['', `${paint.strong(prefix + id)}: ${why}`, ...evidence.map((line) => `  - ${line}`)]
}

function cleanText(reports: readonly DiagnosisReport[]): string {
  const checks = new Set(reports.flatMap((report) => report.checks)).size
  const [only] = reports
  const what = reports.length === 1 && only ? only.service : `${reports.length} profiles`
  return `${what}: ${checks} checks, no findings`
}
