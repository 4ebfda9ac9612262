import {describe, expect, it} from 'vitest'
import type {Finding, Severity} from '../../src/doctor/finding.js'
import {exitStatusOf} from '../../src/doctor/summary.js'

const found = (...severities: Severity[]) => severities.map((severity) => ({severity}) as Finding)

describe('the exit status of doctor', () => {
  it.each<[string, Severity[], number]>([
    ['nothing was found', [], 0],
    ['there is only information', ['info'], 0],
    ['something is wrong', ['info', 'warning', 'unknown'], 1],
    ['something is broken', ['error'], 1],
    ['all that is left cannot be told', ['unknown', 'info'], 4],
  ])('where %s', (_, severities, exitStatus) => {
    expect(exitStatusOf(found(...severities))).toBe(exitStatus)
  })
})
