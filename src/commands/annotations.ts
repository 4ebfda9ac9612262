import type {Severity} from '../doctor/finding.js'
import type {DiagnosisReport} from '../doctor/summary.js'
import type {SmokeStep} from '../smoke/steps.js'
import {visible} from '../text/visible.js'

/** Something that a CI server shows beside the run. */
export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice'
  /** One line. */
  readonly title: string
  readonly lines: readonly string[]
}

/** What cannot be told is neither well nor broken, and somebody should look. */
const LEVELS: Readonly<Record<Severity, Annotation['level']>> = {error: 'error', warning: 'warning', unknown: 'warning', info: 'notice'}
/** GitHub shows the first ten of each level of a step only. */
const ORDER: readonly Severity[] = ['error', 'warning', 'unknown', 'info']

/** What doctor found, as its JSON document has it; the worst first. */
export function findingAnnotations(reports: readonly Pick<DiagnosisReport, 'service' | 'findings'>[]): Annotation[] {
  const found = reports.flatMap(({service, findings}) => findings.map((finding) => ({service, ...finding})))
  const sorted = ORDER.flatMap((wanted) => found.filter(({severity}) => severity === wanted))
  return sorted.map(({service, id, severity, what, why, evidence, cure}) => ({
    level: LEVELS[severity],
    title: `${service}: ${id}`,
    lines: [
      what,
      why,
      ...evidence.map((line) => `- ${line}`),
      ...(cure.length > 0 ? ['What to type:', ...cure.map((line) => `  ${line}`)] : []),
    ],
  }))
}

/** The step of the self-test that failed, in each scope. */
export function stepAnnotations(steps: readonly SmokeStep[]): Annotation[] {
  return steps
    .filter(({outcome}) => outcome === 'failed')
    .map(({scope, name, detail}) => ({
      level: 'error',
      title: `smoke${scope === null ? '' : ` (${scope} scope)`}: ${name}`,
      lines: [detail],
    }))
}

/** A workflow command of GitHub Actions, one line; escaped as the runner unescapes it (actions/runner, ActionCommand.cs). */
export function githubCommand({level, title, lines}: Annotation): string {
  const data = (text: string) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  const property = (text: string) => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
  return `::${level} title=${property(visible(title))}::${data(lines.map(visible).join('\n'))}`
}
