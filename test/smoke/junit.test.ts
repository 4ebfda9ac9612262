import fc from 'fast-check'
import {expect, it} from 'vitest'
import {junitXml} from '../../src/smoke/junit.js'
import type {SmokeStep} from '../../src/smoke/steps.js'
import {anyCharacter} from '../support/any-text.js'
import {inCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {junitComplaints, noXmllint} from '../support/junit.js'
import {noPython, python} from '../support/python.js'

/** Reads JUnit reports by Python's own XML parser. */
const READ = `import json, sys, xml.etree.ElementTree as tree
def read(text):
    suites = tree.fromstring(text.encode())
    suite, = suites
    cases = [[case.attrib, [[child.tag, child.attrib["message"]] for child in case]] for case in suite]
    return [suites.attrib, suite.attrib, cases]
print(json.dumps([read(text) for text in json.load(sys.stdin)]))`

type Read = [Record<string, string>, Record<string, string>, [Record<string, string>, [string, string][]][]]

/** XML 1.0 has no such characters (section 2.2), however they are written. */
const NO_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu
const carried = (text: string) => text.replace(NO_XML, '\ufffd')

const text = fc.oneof(
  fc.string({unit: anyCharacter}),
  fc.string({
    unit: fc.constantFrom('<', '>', '&', '"', "'", '\n', '\r', '\t', ']]>', '<!--', ' ', '\0', '\ud800', '\udc00', '\uffff', '😀'),
  }),
)
const step: fc.Arbitrary<SmokeStep> = fc.record({
  id: fc.constant('stop'),
  group: fc.constantFrom('life-cycle', 'doctor', 'machine'),
  scope: fc.constantFrom('user', 'system', null),
  name: text,
  outcome: fc.constantFrom('passed', 'failed', 'not-reached'),
  durationMs: fc.double({min: 0, max: 1e9, noNaN: true}),
  detail: text,
})

const reports = fc
  .sample(fc.array(step, {minLength: 1, maxLength: 8}), inCampaign(200, 50))
  .map((steps) => ({steps, xml: junitXml(steps, 1234.5678)}))

describeUnless(noXmllint ?? noPython(), 'the JUnit report', () => {
  it('has the form that CI servers read, whatever was seen', () => {
    for (const {xml} of reports.slice(0, inCampaign(40, 5))) expect(junitComplaints(xml)).toBe('')
  })

  it('is refused by that schema where it is not of that form', () => {
    const [{xml}] = reports as [(typeof reports)[0]]
    expect(junitComplaints(xml.replace(' time=', ' when='))).toContain('when')
    expect(junitComplaints(xml.replace('</testsuites>', ''))).not.toBe('')
  })

  it('carries every name, time, failure and reason exactly', () => {
    const read = python(
      READ,
      reports.map(({xml}) => xml),
    ) as Read[]
    for (const [index, {steps}] of reports.entries()) {
      const [suites, suite, cases] = read[index] as Read
      const count = (outcome: string) => `${steps.filter((one) => one.outcome === outcome).length}`
      const sums = {tests: `${steps.length}`, failures: count('failed'), errors: '0', skipped: count('not-reached'), time: '1.235'}
      expect([suites, suite]).toEqual([
        {name: 'hermes-svc', ...sums},
        {name: 'hermes-svc smoke', ...sums},
      ])
      expect(cases).toEqual(
        steps.map(({group, scope, name, outcome, durationMs, detail}) => [
          {
            classname: `hermes-svc.smoke.${scope === null ? '' : `${scope}.`}${group}`,
            name: carried(name),
            time: (durationMs / 1000).toFixed(3),
          },
          outcome === 'passed'
            ? []
            : [outcome === 'failed' ? ['failure', carried(detail)] : ['skipped', carried(`not reached: ${detail}`)]],
        ]),
      )
    }
  })
})
