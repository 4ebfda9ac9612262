import type {SmokeStep} from './steps.js'

/**
 * The steps of a self-test as JUnit XML, the form that CI servers read: one test case a step. What was not come to is
 * skipped.
 */
export function junitXml(steps: readonly SmokeStep[], totalMs: number): string {
  const count = (isCounted: (step: SmokeStep) => boolean) => steps.filter(isCounted).length
  const failures = count(({outcome}) => outcome === 'failed')
  const skipped = count(({outcome}) => outcome === 'not-reached')
  const sums = `tests="${steps.length}" failures="${failures}" errors="0" skipped="${skipped}" time="${seconds(totalMs)}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="hermes-svc" ${sums}>`,
    `  <testsuite name="hermes-svc smoke" ${sums}>`,
    ...steps.map(testCase),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function testCase({group, scope, name, outcome, durationMs, detail}: SmokeStep): string {
  const classname = ['hermes-svc.smoke', ...(scope === null ? [] : [scope]), group].join('.')
  const open = `    <testcase classname="${classname}" name="${escapeXml(name)}" time="${seconds(durationMs)}"`
  if (outcome === 'failed') return `${open}>\n      <failure message="${escapeXml(detail)}"/>\n    </testcase>`
  if (outcome !== 'passed') return `${open}>\n      <skipped message="${escapeXml(`not reached: ${detail}`)}"/>\n    </testcase>`
  return `${open}/>`
}

const seconds = (ms: number) => (ms / 1000).toFixed(3)

/** Escapes text for an attribute; what XML 1.0 cannot carry becomes U+FFFD. */
function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    '\n': '&#10;',
    '\t': '&#9;',
    '\r': '&#13;',
  }
  return text
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '\ufffd',
    )
    .replace(/[&<>"\n\t\r]/g, (character) => entities[character] ?? character)
}
