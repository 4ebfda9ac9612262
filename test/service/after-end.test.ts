import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {createNodeHost} from '../../src/host/node-host.js'
import type {LastWords} from '../../src/gateway/last-words.js'
import {afterEnd, type GatewayEnd} from '../../src/service/after-end.js'
import {renderHelpers} from '../../src/service/helpers.js'
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
    expect(text({isAsked: true, code: 0})).toBe('gateway exited with 0 after 1 s; the stop was asked for')
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
      failures: 3,
      waitMs: 4000,
      text: 'gateway exited with 75 after 1 s, since its event loop did not answer its own watchdog; failure 3 in a row, the next start waits 4 s',
    })
  })
})

describe.runIf(process.platform === 'linux')('the same rule as the helper that managers call', () => {
  let folder: string
  let helper: string
  const packageRoot = path.join(import.meta.dirname, '../..')

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-test-'))
    fs.mkdirSync(path.join(folder, 'state'))
    const rendered = await renderHelpers(createNodeHost(packageRoot), {home: folder, policy})
    helper = rendered.find(({name}) => name === 'after-exit.sh')?.text ?? ''
  })
  afterAll(() => {
    fs.rmSync(folder, {recursive: true})
  })

  const cases: [string, Partial<GatewayEnd>, number][] = [
    ['75 of a gateway that ran', {code: 75, words: said('stopped', true)}, 3],
    ['75 while it drained', {code: 75, words: said('draining')}, 3],
    ['75 during the start', {code: 75, words: said('starting', true)}, 3],
    ['75 of a start that failed', {code: 75, words: said('startup_failed')}, 0],
    ['75 with a state that says nothing', {code: 75, words: said('strange')}, 0],
    ['75 that was asked for by itself', {code: 75, words: said('strange', true)}, 2],
    ['75 soon, and no word', {code: 75, upMs: 1000}, 1],
    ['75 late, and no word', {code: 75, upMs: policy.plannedAfterMs + 1000}, 1],
    ['0 after a restart was requested, as of 0.16 under systemd', {code: 0, words: said('stopped', true)}, 5],
    ['1 after a restart was requested', {code: 1, words: said('draining', true)}, 5],
    ['a SIGKILL at the end of a drain for a restart', {code: null, signal: 'SIGKILL', words: said('draining', true)}, 5],
    ['1 during the start, whatever stands there', {code: 1, words: said('starting', true)}, 5],
    ["0 with upstream's note of a restart", {code: 0, words: {...SILENT, isRestartPending: true}}, 5],
    ['0 with a marker of a planned stop that it did not read', {code: 0, words: {...SILENT, isStopPlanned: true}}, 5],
    ['a SIGTERM with such a marker', {code: null, signal: 'SIGTERM', words: {...SILENT, isStopPlanned: true}}, 5],
    ['75 of its own loop watchdog', {code: 75, words: {...said('running'), isLoopWatchdog: true}}, 5],
    ['75 of its own loop watchdog after long', {code: 75, upMs: policy.plannedAfterMs + 1000, words: {...SILENT, isLoopWatchdog: true}}, 5],
    ['1', {code: 1, words: said('running')}, 6],
    ['0', {code: 0, words: said('stopped')}, 0],
    ['1 after long', {code: 1, upMs: policy.forgetAfterMs + 1000}, 6],
    ['a signal', {code: null, signal: 'SIGKILL'}, 1],
    ['a stop', {code: 0, isAsked: true}, 4],
  ]

  it.each(cases)('%s', (_, given, before) => {
    const seen = end(given)
    const ticks = Math.round(Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100)
    const started = ticks - seen.upMs / 10
    fs.writeFileSync(path.join(folder, 'failures'), `${before}\n`)
    fs.writeFileSync(path.join(folder, 'started'), `${started}\n`)
    fs.utimesSync(path.join(folder, 'started'), Date.now() / 1000 - 10, Date.now() / 1000 - 10)
    if (seen.isAsked) fs.writeFileSync(path.join(folder, 'stopping'), '1\n')
    const state = {
      start_time: started + 1,
      gateway_state: seen.words.said?.gatewayState,
      restart_requested: seen.words.said?.restartRequested,
    }
    const {said: saidBy, isRestartPending, isStopPlanned, isLoopWatchdog} = seen.words
    const files: [string, boolean, unknown][] = [
      ['gateway_state.json', saidBy !== undefined, state],
      ['.restart_pending.json', isRestartPending, {requested_at: 1, via_service: true, detached: false}],
      ['.gateway-planned-stop.json', isStopPlanned, {target_pid: 999_999_999, target_start_time: null}],
      ['state/gateway.lifecycle.json', isLoopWatchdog, {phase: 'exited', exit_code: 75, exit_reason: 'loop_liveness_watchdog'}],
    ]
    for (const [name, isThere, content] of files) {
      fs.rmSync(path.join(folder, name), {force: true})
      if (isThere) fs.writeFileSync(path.join(folder, name), JSON.stringify(content))
    }
    const how =
      seen.code === null
        ? {EXIT_CODE: 'killed', EXIT_STATUS: (seen.signal ?? '').replace('SIG', '')}
        : {EXIT_CODE: 'exited', EXIT_STATUS: String(seen.code)}
    const result = spawnSync('sh', ['-c', helper, 'helper', folder], {env: {PATH: '/usr/bin:/bin', ...how}, encoding: 'utf8'})
    const failures = Number(fs.readFileSync(path.join(folder, 'failures'), 'utf8'))
    expect({failures, said: result.stderr}).toMatchObject({failures: afterEnd(policy, before, seen).failures})
    // Nobody reads it any more.
    expect(fs.existsSync(path.join(folder, '.gateway-planned-stop.json'))).toBe(false)
  })
})
