import {existsSync, mkdirSync, utimesSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import {type SaidState, StateWord} from '../../src/gateway/contract.js'
import type {LastWords} from '../../src/gateway/last-words.js'
import {afterEnd, type GatewayEnd} from '../../src/service/after-end.js'
import {describeUnless} from '../support/describe-unless.js'
import {cleanUp, helperService, type Json, lacks, NO_PROCESS, nowTicks, put, read, runHelper, SHELLS} from '../support/helper-scripts.js'

// The rule of restarts stands twice: in service/after-end.ts for `run`, and in the helper for service managers. Each row of the table is what the
// first says, asked of the second: the count of failures, and every word.

afterEach(cleanUp)

const SILENT: LastWords = {said: undefined, isRestartPending: false, isStopPlanned: false, isLoopWatchdog: false}
const said = (gatewayState: SaidState, restartRequested: boolean): LastWords => ({
  ...SILENT,
  said: {gatewayState, restartRequested},
})
/** Long enough for a gateway to be forgiven, and for its 75 to be planned without a word. */
const LONG_MS = 301_000

const WORDS: Readonly<Record<string, LastWords>> = {
  'no word': SILENT,
  ...Object.fromEntries(
    [...Object.values(StateWord), 'unknown' as const].flatMap((state) => [
      [state, said(state, false)],
      [`${state} on request`, said(state, true)],
    ]),
  ),
  'a note of a restart': {...SILENT, isRestartPending: true},
  'a note of a restart while it starts': {...said(StateWord.starting, false), isRestartPending: true},
  'a planned-stop marker that it did not read': {...SILENT, isStopPlanned: true},
  'its own loop watchdog': {...said(StateWord.degraded, true), isLoopWatchdog: true},
  'its own loop watchdog, and no state': {...SILENT, isLoopWatchdog: true},
}

const ENDS: Readonly<Record<string, Pick<GatewayEnd, 'code' | 'signal'>>> = {
  'exit 0': {code: 0, signal: null},
  'exit 1': {code: 1, signal: null},
  'exit 75': {code: 75, signal: null},
  'exit 78': {code: 78, signal: null},
  SIGKILL: {code: null, signal: 'SIGKILL'},
}

for (const [shellName, shell] of Object.entries(SHELLS)) {
  // All of it under one, and what asks the most of a shell under each.
  const ends = Object.entries(ENDS).filter(([name]) => shellName === 'dash' || name === 'exit 75')
  describeUnless(lacks(shell[0] ?? ''), `the helper says under ${shellName} what after-end.ts says of`, () => {
    /** What is left of a text once its time is: clocks differ by some ms. */
    const timeless = (text: string) => text.replace(/ after [\d.]+ s/, '').trim()

    const both = (end: GatewayEnd, before: number): {rule: Json; helper: Json} => {
      const made = helperService()
      mkdirSync(join(made.home, 'state'))
      mkdirSync(join(made.home, 'logs'))
      const started = nowTicks() - Math.round(end.upMs / 10)
      put(made.state, 'failures', before)
      put(made.state, 'started', started)
      utimesSync(join(made.state, 'started'), Date.now() / 1000 - 10, Date.now() / 1000 - 10)
      if (end.isAsked) put(made.state, 'stopping', '1')
      const {words} = end
      if (words.said) {
        const {gatewayState, restartRequested} = words.said
        put(made.home, 'gateway_state.json', {start_time: started + 1, gateway_state: gatewayState, restart_requested: restartRequested})
      }
      if (words.isRestartPending) put(made.home, '.restart_pending.json', {requested_at: 1, via_service: true, detached: false})
      if (words.isStopPlanned) put(made.home, '.gateway-planned-stop.json', {target_pid: NO_PROCESS, target_start_time: null})
      if (words.isLoopWatchdog) {
        put(made.home, 'state/gateway.lifecycle.json', {phase: 'exited', exit_code: 75, exit_reason: 'loop_liveness_watchdog'})
      }
      const how = end.code === null ? {EXIT_CODE: 'killed', EXIT_STATUS: 'KILL'} : {EXIT_CODE: 'exited', EXIT_STATUS: String(end.code)}
      const {code, stderr} = runHelper(shell, made, 'after-exit', how)
      expect(code).toBe(0)
      const after = afterEnd(made.policy, before, end)
      return {
        rule: {failures: String(after.failures), text: `hermes-svc: ${timeless(after.text)}`, hasMarker: false},
        helper: {
          failures: read(made.state, 'failures'),
          text: timeless(stderr),
          // Nobody reads it any more.
          hasMarker: existsSync(join(made.home, '.gateway-planned-stop.json')),
        },
      }
    }

    it.each(ends)('%s, whatever it had written', (_, how) => {
      for (const [name, words] of Object.entries(WORDS)) {
        const {rule, helper} = both({...how, upMs: 1000, words, isAsked: false, isStopped: false}, 5)
        expect(helper, name).toEqual(rule)
      }
    })

    it.each(ends)('%s after long, and of a stop that was asked for', (_, how) => {
      for (const upMs of [31_000, LONG_MS]) {
        const long = both({...how, upMs, words: SILENT, isAsked: false, isStopped: false}, 5)
        expect(long.helper).toEqual(long.rule)
      }
      const asked = both({...how, upMs: 1000, words: SILENT, isAsked: true, isStopped: false}, 5)
      expect(asked.helper).toEqual(asked.rule)
    })
  })
}
