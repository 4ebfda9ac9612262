import type {SmokeStep} from './self-test.js'

/** The steps of a self-test as JUnit XML, the form that CI servers read: one test case a step. */
export function junitXml(steps: readonly SmokeStep[]): string {
  const failures = steps.filter((step) => !step.ok).length
  const seconds = (ms: number) => (ms / 1000).toFixed(3)
  const totalMs = steps.reduce((sum, step) => sum + step.durationMs, 0)
  const cases = steps.map((step) => {
    const open = `    <testcase classname="hermes-svc.smoke" name="${escapeXml(step.name)}" time="${seconds(step.durationMs)}"`
    return step.ok ? `${open}/>` : `${open}>\n      <failure message="${escapeXml(step.detail)}"/>\n    </testcase>`
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${steps.length}" failures="${failures}">`,
    `  <testsuite name="hermes-svc smoke" tests="${steps.length}" failures="${failures}" time="${seconds(totalMs)}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

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
