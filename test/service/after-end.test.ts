import {describe, expect, it} from 'vitest'
import type {LastWords} from '../../src/gateway/last-words.js'
import {afterEnd, type GatewayEnd} from '../../src/service/after-end.js'
import {DEFAULT_RESTART_POLICY} from '../../src/service/restart-policy.js'
import {stateWordOf} from '../../src/gateway/contract.js'

const policy = DEFAULT_RESTART_POLICY
const HOUR_MS = 3_600_000

const SILENT: LastWords = {said: undefined, isRestartPending: false, isStopPlanned: false, isLoopWatchdog: false}

function end(given: Partial<GatewayEnd>): GatewayEnd {
  return {code: 1, signal: null, upMs: 1000, words: SILENT, isAsked: false, isStopped: false, ...given}
}

const said = (gatewayState: string | undefined, restartRequested = false): LastWords => ({
  ...SILENT,
  said: {gatewayState: stateWordOf(gatewayState), restartRequested},
})

/** Lets a gateway fail again and again on a clock that only this test moves; the times at which it is started, in ms. */
function startsOf(ends: Partial<GatewayEnd>, lastMs: number): number[] {
  const starts: number[] = []
  let [nowMs, failures] = [0, 0]
  while (nowMs <= lastMs) {
    starts.push(nowMs)
    const seen = end(ends)
    const after = afterEnd(policy, failures, seen)
    if (after.waitMs === null) return starts
    failures = after.failures
    nowMs += seen.upMs + after.waitMs
  }
  return starts
}

describe('what follows the end of a gateway', () => {
  it('is a start at once after a planned restart, however many there are', () => {
    const starts = startsOf({code: 75, words: said('stopped', true), upMs: 900}, 60_000)
    expect(starts.length).toBe(61)
  })

  it('is a wait that doubles up to the cap after failures in a row', () => {
    const starts = startsOf({upMs: 0}, HOUR_MS)
    const waits = starts.slice(1).map((ms, index) => ms - (starts[index] ?? 0))
    expect(waits.slice(0, 9)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 120_000, 120_000])
    expect(new Set(waits.slice(7))).toEqual(new Set([policy.capMs]))
  })

  it('is the first wait again after a gateway that was up for long', () => {
    expect(afterEnd(policy, 20, end({upMs: policy.forgetAfterMs}))).toMatchObject({failures: 1, waitMs: 1000})
    expect(afterEnd(policy, 20, end({upMs: policy.forgetAfterMs - 1}))).toMatchObject({failures: 21, waitMs: policy.capMs})
  })

  it('is nothing after 78, after a stop that was asked for, and after 0 while it is recorded as stopped', () => {
    expect(afterEnd(policy, 3, end({code: 78})).waitMs).toBeNull()
    expect(afterEnd(policy, 3, end({code: null, signal: 'SIGKILL', isAsked: true})).waitMs).toBeNull()
    expect(afterEnd(policy, 3, end({code: 0, isStopped: true})).waitMs).toBeNull()
    expect(afterEnd(policy, 3, end({code: 0})).waitMs).toBe(8000)
    expect(afterEnd(policy, 3, end({code: 1, isStopped: true})).waitMs).toBe(8000)
  })

  it('says how it ended', () => {
    const text = (given: Partial<GatewayEnd>) => afterEnd(policy, 0, end(given)).text
    expect(text({code: null, signal: 'SIGKILL'})).toBe(
      'gateway was killed by SIGKILL after 1 s; failure 1 in a row, the next start waits 1 s',
    )
    expect(text({code: null, failure: 'ENOENT'})).toContain('gateway could not be started (ENOENT)')
    expect(text({code: 78})).toContain('its configuration is wrong')
    expect(text({isAsked: true, code: 0})).toBe('gateway exited with 0 after 1 s; this stop was requested')
  })
})

describe('what its files say', () => {
  it('makes an end of any status planned if a restart or a stop was wished, but for a start that failed', () => {
    for (const code of [0, 1, 75, 130]) {
      expect(afterEnd(policy, 5, end({code, words: said('stopped', true)}))).toMatchObject({failures: 0, waitMs: policy.restartDelayMs})
      expect(afterEnd(policy, 5, end({code, words: {...SILENT, isRestartPending: true}})).failures).toBe(0)
      expect(afterEnd(policy, 5, end({code, words: {...SILENT, isStopPlanned: true}})).failures).toBe(0)
      expect(afterEnd(policy, 5, end({code, words: said('startup_failed', true)})).failures).toBe(6)
    }
    expect(afterEnd(policy, 5, end({code: 78, words: said('stopped', true)})).waitMs).toBeNull()
  })

  it('makes 75 of its own loop watchdog a failure, and says so', () => {
    const after = afterEnd(policy, 2, end({code: 75, words: {...said('running'), isLoopWatchdog: true}}))
    expect(after).toEqual({
      reason: 'loop',
      failures: 3,
      waitMs: 4000,
      text: 'gateway exited with 75 after 1 s, because its event loop did not respond to its own watchdog; failure 3 in a row, the next start waits 4 s',
    })
  })
})
