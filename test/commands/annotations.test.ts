import fs from 'node:fs'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {SmokeStep} from '../../src/smoke/steps.js'
import {type Annotation, findingAnnotations, githubCommand, stepAnnotations} from '../../src/commands/annotations.js'
import type {DiagnosisReport} from '../../src/doctor/summary.js'
import {visible} from '../../src/text/visible.js'
import {anyCharacter} from '../support/any-text.js'
import {UNPRINTABLE} from '../support/unprintable.js'
import {readWorkflowCommands} from '../support/workflow-commands.js'

const documentOf = <T>(name: string) =>
  JSON.parse(fs.readFileSync(new URL(`../fixtures/json-documents/${name}.json`, import.meta.url), 'utf8')) as T
const {services} = documentOf<{services: DiagnosisReport[]}>('doctor.findings')

const unit = fc.constantFrom('%', ':', ',', '=', '\r', '\n', ' ', '0A', '25', '3a', '::', ']', ';', '\u2028', '\u0085', '😀', '\0')
const text = fc.oneof(fc.string({unit: anyCharacter}), fc.string({unit}), fc.string())
const annotation: fc.Arbitrary<Annotation> = fc.record({
  level: fc.constantFrom('error', 'warning', 'notice'),
  // Its ends are trimmed by the runner; there is always a service's name at its beginning, and an id at its end.
  title: text.map((middle) => `a${middle}z`),
  lines: fc.array(text),
})

describe('a workflow command', () => {
  it('is one line, which the runner reads as what was meant', () => {
    fc.assert(
      fc.property(annotation, (one) => {
        const command = githubCommand(one)
        expect(command).not.toMatch(/[\r\n]/)
        const data = one.lines.map(visible).join('\n')
        expect(readWorkflowCommands(command)).toEqual([{command: one.level, properties: {title: visible(one.title)}, data}])
        expect(command).not.toMatch(UNPRINTABLE)
      }),
    )
  })

  it('begins no other command, whatever a finding says', () => {
    const lines = ['ok', '::stop-commands::x', '\r\n::add-mask::y', '##[error]z']
    expect(readWorkflowCommands(githubCommand({level: 'notice', title: 'a', lines}))).toHaveLength(1)
  })
})

describe('the annotations', () => {
  it('of doctor have every finding of its document, with its evidence and what to type', () => {
    const findings = services.flatMap((service) => service.findings)
    expect(findings.length).toBeGreaterThan(0)
    const annotations = findingAnnotations(services)
    expect(annotations).toHaveLength(findings.length)
    for (const {id, what, evidence, cure} of findings) {
      const one = annotations.find(({lines}) => lines[0] === what)
      expect(one?.title).toMatch(new RegExp(`^${services[0]?.service}: ${id}$`))
      expect(one?.lines).toEqual(expect.arrayContaining([...evidence.map((line) => `- ${line}`), ...cure.map((line) => `  ${line}`)]))
    }
  })

  it('of doctor have the worst first, as many levels as GitHub has', () => {
    const [first] = services.flatMap((service) => service.findings)
    if (!first) throw new Error('no finding')
    const findings = (['info', 'unknown', 'error', 'warning'] as const).map((severity) => ({...first, severity}))
    expect(findingAnnotations([{service: 'a', findings}]).map(({level}) => level)).toEqual(['error', 'warning', 'warning', 'notice'])
  })

  it('of smoke have the step that failed', () => {
    const {steps} = documentOf<{steps: SmokeStep[]}>('smoke.failed')
    expect(stepAnnotations(steps)).toEqual([
      {level: 'error', title: 'smoke (system scope): install', lines: [expect.stringContaining('hermes-svc install ended with 1')]},
    ])
    expect(stepAnnotations(documentOf<{steps: SmokeStep[]}>('smoke.passed').steps)).toEqual([])
  })
})
