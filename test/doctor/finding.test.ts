import {describe, expect, it} from 'vitest'
import type {CheckId} from '../../src/doctor/checks/index.js'
import {type Finding, isSafeToFix, type Severity, unexplained} from '../../src/doctor/finding.js'

const finding = (id: CheckId, severity: Severity, explains: readonly CheckId[] = []): Finding => ({
  ...{id, kind: 'broken', severity, what: '', why: '', evidence: [], cure: [], isFixable: false, isSafe: false, explains},
})
const left = (...findings: readonly Finding[]) => unexplained(findings).map(({id}) => id)

describe('what one finding explains', () => {
  it('is not shown beside it', () => {
    expect(left(finding('crash-loop', 'error', ['desired-state']), finding('desired-state', 'error'))).toEqual(['crash-loop'])
  })

  it('is shown where it is worse: a helper that was edited does not hide a gateway that answers nobody', () => {
    const findings = [finding('helper-missing', 'warning', ['missing-heartbeat']), finding('missing-heartbeat', 'error')]
    expect(left(...findings)).toEqual(['helper-missing', 'missing-heartbeat'])
  })

  it('is shown by the first of two that explain each other', () => {
    const findings = [finding('crash-loop', 'error', ['missing-heartbeat']), finding('missing-heartbeat', 'error', ['crash-loop'])]
    expect(left(...findings)).toEqual(['crash-loop'])
  })
})

describe('a fix', () => {
  const found = (kind: string, isFixable: boolean, isSafe: boolean): Finding => ({
    ...finding('interrupted-change', 'warning'),
    kind,
    isFixable,
    isSafe,
  })
  const [safe, unsafe, incurable] = [
    found('temporary-files', true, true),
    found('restart-due', true, false),
    found('half-done', false, false),
  ]

  it.each([
    ['one that is safe', [safe], true],
    ['one that is safe beside one that no fix cures', [safe, incurable], true],
    ['one that is safe beside one that is not', [safe, unsafe], false],
    ['one that is not safe', [unsafe], false],
    ['one that no fix cures', [incurable], false],
    ['one of another check', [finding('stale-state', 'warning')], false],
  ])('of a check that has found %s is applied unasked: %j', (_, findings, isApplied) => {
    expect(isSafeToFix(findings, 'interrupted-change')).toBe(isApplied)
  })
})
