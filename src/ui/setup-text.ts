import type {Finding} from '../doctor/finding.js'
import type {Question, Told} from '../setup/item.js'
import {SEVERITY_WORDS} from './doctor-text.js'
import type {Paint} from './paint.js'
import {wrapped} from '../text/layout.js'

/** Width of the words before what is told. */
const LABEL_WIDTH = 11

/** What is known, with who said it if that was a flag. */
export function toldText({label, text, by, id}: Told, width: number): string[] {
  return hanging(label.padEnd(LABEL_WIDTH), by === 'flag' ? `${text} (--${id})` : text, width)
}

/** Why a question is asked; it stands above the question. */
export function whyText({why}: Question, paint: Paint, width: number): string[] {
  return ['', ...wrapped(why, width).map((line) => paint.dim(line))]
}

/** What was found wrong, one entry each. */
export function findingsText(findings: readonly Finding[], paint: Paint, width: number): string[] {
  if (findings.length === 0) return []
  return [
    hanging('Found'.padEnd(LABEL_WIDTH), `${findings.length} ${findings.length === 1 ? 'thing' : 'things'} that may be wrong:`, width),
    ...findings.map(({severity, id, what, why}) => {
      const lines = hanging('  - ', `${SEVERITY_WORDS[severity]}, ${id}: ${what}. ${why}`, width)
      return severity === 'error' || severity === 'warning' ? lines.map((line) => paint.bad(line)) : lines
    }),
  ].flat()
}

/** Text behind a label; further lines begin below its first word. */
function hanging(label: string, text: string, width: number): string[] {
  const indent = ' '.repeat(label.length)
  return wrapped(text, width - label.length).map((line, index) => `${index === 0 ? label : indent}${line}`)
}
