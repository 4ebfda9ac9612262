import {describe, expect, it} from 'vitest'
import type {FileReading, GatewayState} from '../../src/gateway/records.js'
import {decideBoot, isDashboardOnly} from '../../src/lifecycle/boot-intent.js'
import {type DesiredReading, type DesiredRecord, wishOf} from '../../src/service/desired-state.js'
import {gatewayState} from '../fakes/gateway-state.js'
import type {DesiredState} from '../../src/gateway/contract.js'

const NOTHING: DesiredReading = {kind: 'absent'}
const SINCE = '2026-05-01T00:00:00.000Z'

function recorded(desiredState: DesiredState, more: Partial<DesiredRecord> = {}): DesiredReading {
  return {
    kind: 'recorded',
    record: {schemaVersion: 1, desiredState, since: SINCE, by: desiredState === 'running' ? 'start' : 'stop', ...more},
  }
}

const state = (more: Parameters<typeof gatewayState>[0]): FileReading<GatewayState> => ({kind: 'present', value: gatewayState(more)})

const wanted = (desired: DesiredReading, file: FileReading<GatewayState>, unrecorded: DesiredState = 'running') =>
  decideBoot({desired, state: file, isStoppedUntilBoot: false, unrecorded}).wanted

describe('decideBoot', () => {
  it.each(['running', 'stopped', 'draining', 'startup_failed', 'nonsense', undefined])(
    'goes by our record whatever the gateway wrote last (%s)',
    (says) => {
      for (const desiredState of ['running', undefined] as const) {
        expect(wanted(recorded('running'), state({says, desiredState}))).toBe('running')
        expect(wanted(recorded('stopped'), state({says, desiredState}))).toBe('stopped')
      }
    },
  )

  it("lets a stop of upstream's stand beside our record of a start", () => {
    const {wanted: outcome, reason} = decideBoot({
      isStoppedUntilBoot: false,
      desired: recorded('running'),
      state: state({says: 'running', desiredState: 'stopped'}),
      unrecorded: 'running',
    })
    expect([outcome, reason]).toEqual(['stopped', 'it was stopped (desired_state in gateway_state.json)'])
  })

  it.each(
    (['running', 'stopped', undefined] as const).flatMap((ours) =>
      (['running', 'stopped', undefined] as const).map((theirs) => [ours, theirs] as const),
    ),
  )('comes to what run and a liveness probe go by, of our record (%s) and of desired_state (%s)', (ours, theirs) => {
    const wish = wishOf(ours, theirs)
    const unrecorded = wish === 'running' ? 'stopped' : 'running'
    const outcome = wanted(ours ? recorded(ours) : NOTHING, state({says: 'nonsense', desiredState: theirs}), unrecorded)
    expect(outcome).toBe(wish ?? unrecorded)
  })

  it('ends a stop that was until the next boot', () => {
    const seen = {
      desired: recorded('running', {stoppedInBoot: 'x'}),
      state: state({desiredState: 'running'}),
      unrecorded: 'running',
    } as const
    expect(decideBoot({...seen, isStoppedUntilBoot: false}).wanted).toBe('running')
    expect(decideBoot({...seen, isStoppedUntilBoot: true})).toMatchObject({wanted: 'stopped', isFinding: false})
  })

  it.each(['running', 'stopped'] as const)("goes by upstream's desired_state %s where we recorded nothing", (desiredState) => {
    expect(wanted(NOTHING, state({says: 'startup_failed', desiredState}))).toBe(desiredState)
    expect(wanted({kind: 'unreadable', why: 'EACCES'}, state({desiredState}))).toBe(desiredState)
  })

  it.each(['running', 'draining', 'degraded', 'starting', 'interrupted', 'crashed'])('takes %s for a gateway that ran', (says) => {
    expect(decideBoot({isStoppedUntilBoot: false, desired: NOTHING, state: state({says}), unrecorded: 'stopped'})).toMatchObject({
      wanted: 'running',
      isFinding: false,
      reason: `it was ${says} when the container ended`,
    })
  })

  it('keeps down what failed to start, as a finding with its reason on one line', () => {
    const seen = state({says: 'startup_failed', exitReason: 'no\ntoken'})
    const {reason, ...rest} = decideBoot({isStoppedUntilBoot: false, desired: NOTHING, state: seen, unrecorded: 'running'})
    expect(rest).toEqual({wanted: 'stopped', isFinding: true})
    expect(reason).toBe('its last start failed: no token; hermes-svc start tries again')
  })

  it('takes a stop in the middle of a planned restart for a gateway that ran', () => {
    expect(wanted(NOTHING, state({says: 'stopped', restartRequested: true}), 'stopped')).toBe('running')
  })

  it.each<[string, FileReading<GatewayState>, string]>([
    ['a bare stop', state({says: 'stopped'}), 'gateway_state.json says "stopped"'],
    ['a word of a later version', state({says: 'resting'}), 'gateway_state.json says "resting"'],
    ['no word', state({}), 'does not say what the gateway did'],
    ['no file', {kind: 'absent'}, 'gateway_state.json does not exist'],
    ['a damaged file', {kind: 'malformed', why: 'not JSON'}, 'cannot be read (not JSON)'],
    ['a file that may not be read', {kind: 'unreadable', why: 'EACCES'}, 'cannot be read (EACCES)'],
  ])('does as it is told about %s', (_, file, why) => {
    for (const unrecorded of ['running', 'stopped'] as const) {
      const decision = decideBoot({isStoppedUntilBoot: false, desired: NOTHING, state: file, unrecorded})
      expect(decision).toMatchObject({wanted: unrecorded, isFinding: false})
      expect(decision.reason).toContain(why)
      expect(decision.reason).toContain('--unrecorded stopped')
    }
  })

  it('says that our record cannot be read', () => {
    const decision = decideBoot({
      isStoppedUntilBoot: false,
      desired: {kind: 'unreadable', why: 'EACCES'},
      state: {kind: 'absent'},
      unrecorded: 'running',
    })
    expect(decision.reason).toMatch(/; the record of hermes-svc cannot be read \(EACCES\)$/)
  })
})

describe('isDashboardOnly', () => {
  const s6 = ['s6-svscan', '/run/service']
  it.each<[string, string[][], boolean]>([
    ['a dashboard', [s6, ['/bin/sh', '/opt/hermes/docker/main-wrapper.sh', 'dashboard', '--port', '1']], true],
    ['a dashboard by its whole name', [['/init', '/opt/main-wrapper.sh', 'hermes', 'dashboard']], true],
    ['a dashboard by the dispatcher', [['/opt/main-wrapper.sh', '/opt/entrypoint-dispatch.sh', 'hermes', 'dashboard']], true],
    ['a gateway', [s6, ['/opt/main-wrapper.sh', 'gateway', 'run']], false],
    ['a chat about dashboards', [['/opt/main-wrapper.sh', 'chat', 'dashboard']], false],
    ['a container without a command', [['/opt/main-wrapper.sh']], false],
    ['another image', [s6, ['dashboard']], false],
  ])('%s', (_, commandLines, isIt) => {
    expect(isDashboardOnly(commandLines)).toBe(isIt)
  })
})
