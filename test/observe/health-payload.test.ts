import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {
  activeAgents,
  answersProbe,
  type HealthObservation,
  type HealthPayload,
  healthPayload,
  isMeantToRun,
  type StateFileText,
} from '../../src/observe/health-payload.js'
import {formatTimestamp} from '../../src/gateway/python-values.js'
import {inCampaign} from '../support/campaign.js'
import {describeUnless} from '../support/describe-unless.js'
import {noPython, python} from '../support/python.js'

const NOW_MS = Date.UTC(2026, 4, 1, 12)
const CHECKED_AT = '2026-05-01T12:00:00.000000+00:00'
const WINDOW_MS = 120_000

const text = (state: unknown): StateFileText => ({kind: 'text', text: JSON.stringify(state)})
const ago = (ms: number) => formatTimestamp(NOW_MS - ms)
const build = (seen: Partial<HealthObservation>) =>
  healthPayload({verdict: 'unknown', isOwn: false, stateFile: {kind: 'absent'}, nowMs: NOW_MS, ...seen})
/** The payload where the process cannot be seen, so that the file decides. */
const unseen = (state: unknown) => build({stateFile: text(state)})
const detailsOf = (state: unknown) => unseen(state).details

const FRESH_RUNNING = {gateway_state: 'running', updated_at: ago(0)}
const verdicts = fc.constantFrom('alive', 'dead', 'wedged', 'unknown')
const stateFiles: fc.Arbitrary<StateFileText> = fc.oneof(
  fc.constantFrom<StateFileText>({kind: 'absent'}, {kind: 'unreadable'}, {kind: 'no-access', error: 'PermissionError'}),
  fc.string().map((content): StateFileText => ({kind: 'text', text: content})),
  fc
    .record(
      {
        gateway_state: fc.oneof(fc.constantFrom('running', 'stopped', 'draining', ''), fc.jsonValue({maxDepth: 1})),
        updated_at: fc.oneof(fc.integer({min: -300_000, max: 300_000}).map(ago), fc.jsonValue({maxDepth: 1})),
        active_agents: fc.jsonValue({maxDepth: 1}),
        platforms: fc.oneof(fc.dictionary(fc.string(), fc.record({state: fc.jsonValue({maxDepth: 1})})), fc.jsonValue({maxDepth: 2})),
      },
      {requiredKeys: []},
    )
    .map(text),
)

describe('healthPayload, of a gateway that is proved alive', () => {
  it('says so without a reason', () => {
    expect(build({verdict: 'alive', isOwn: true, stateFile: text(FRESH_RUNNING)})).toEqual({
      alive: true,
      checked_at: CHECKED_AT,
      details: {state: 'alive', gateway_state: 'running', updated_at: CHECKED_AT, active_agents: 0},
    })
  })

  it('says so whatever the file says, and if there is none', () => {
    fc.assert(
      fc.property(stateFiles, fc.boolean(), (stateFile, isOwn) => {
        const {alive, details} = build({verdict: 'alive', isOwn, stateFile})
        expect([alive, details.state, details.reason, details.error]).toEqual([true, 'alive', undefined, undefined])
      }),
    )
  })
})

describe('healthPayload, of a gateway that is proved dead or wedged in a process table of its own', () => {
  it.each(['dead', 'wedged'] as const)('says down, however fresh the file is: %s', (verdict) => {
    expect(build({verdict, isOwn: true, stateFile: text(FRESH_RUNNING)})).toEqual({
      alive: false,
      checked_at: CHECKED_AT,
      details: {state: 'down', reason: 'gateway_not_running', gateway_state: 'running', updated_at: CHECKED_AT, active_agents: 0},
    })
  })

  it('says down whatever the file says, and if there is none', () => {
    fc.assert(
      fc.property(stateFiles, fc.constantFrom('dead' as const, 'wedged' as const), (stateFile, verdict) => {
        const {alive, details} = build({verdict, isOwn: true, stateFile})
        expect([alive, details.state, details.reason, details.error]).toEqual([false, 'down', 'gateway_not_running', undefined])
      }),
    )
  })
})

describe('healthPayload, of a process that cannot be seen', () => {
  const outcome = ({alive, details}: HealthPayload) => [alive, details.state, details.reason]
  const FRESH = [true, 'alive', 'cross_container_freshness']
  const STALE_STOPPED = [null, 'unknown', 'gateway_stale_stopped_state']
  const DOWN = [false, 'down', 'gateway_not_running']
  const NOT_CONFIGURED = [null, 'unknown', 'gateway_not_configured']

  it.each([
    ['dead' as const, false],
    ['wedged' as const, false],
    ['unknown' as const, false],
    ['unknown' as const, true],
  ])('goes by the file: verdict %s, own %s', (verdict, isOwn) => {
    expect(outcome(build({verdict, isOwn, stateFile: text(FRESH_RUNNING)}))).toEqual(FRESH)
  })

  it.each([
    ['now', 0, FRESH],
    ['120 s ago', WINDOW_MS, FRESH],
    ['120.001 s ago', WINDOW_MS + 1, DOWN],
    ['in 120 s', -WINDOW_MS, FRESH],
    ['in 120.001 s', -WINDOW_MS - 1, DOWN],
    ['a day ago', 86_400_000, DOWN],
  ])('running, and written %s', (_, ms, expected) => {
    expect(outcome(unseen({gateway_state: 'running', updated_at: ago(ms)}))).toEqual(expected)
  })

  it('counts the window to the microsecond', () => {
    expect(outcome(unseen({gateway_state: 'running', updated_at: '2026-05-01T11:57:59.999999+00:00'}))).toEqual(DOWN)
    expect(outcome(unseen({gateway_state: 'running', updated_at: '2026-05-01T12:02:00.000001+00:00'}))).toEqual(DOWN)
    expect(outcome(unseen({gateway_state: 'stopped', updated_at: '2026-05-01T11:57:59.999999+00:00'}))).toEqual(STALE_STOPPED)
  })

  it.each([
    ['now', 0, DOWN],
    ['120 s ago', WINDOW_MS, DOWN],
    ['120.001 s ago', WINDOW_MS + 1, STALE_STOPPED],
    ['a day ahead', -86_400_000, DOWN],
  ])('stopped, and written %s', (_, ms, expected) => {
    expect(outcome(unseen({gateway_state: 'stopped', updated_at: ago(ms)}))).toEqual(expected)
  })

  it.each(['starting', 'degraded', 'draining', 'startup_failed', 'Running', ' running', '', 1, null, ['running']])(
    'is down in any other state, fresh or old: %o',
    (gateway_state) => {
      expect(outcome(unseen({gateway_state, updated_at: ago(0)}))).toEqual(DOWN)
      expect(outcome(unseen({gateway_state, updated_at: ago(600_000)}))).toEqual(DOWN)
    },
  )

  it('understands every form of a zone', () => {
    for (const updated_at of ['2026-05-01T12:00:00Z', '2026-05-01T14:00:00+02:00', '2026-05-01 04:30:00.25-0730']) {
      expect(outcome(unseen({gateway_state: 'running', updated_at}))).toEqual(FRESH)
    }
  })

  it.each([
    ['naive', '2026-05-01T12:00:00.000000'],
    ['naive and old', '2020-01-01T00:00:00'],
    ['no timestamp', 'yesterday'],
    ['empty', ''],
    ['an integer epoch', NOW_MS / 1000],
    ['an old integer epoch', 1],
    ['null', null],
    ['a list', [ago(0)]],
    ['missing', undefined],
  ])('never counts a time as fresh nor as old that is %s', (_, updated_at) => {
    expect(outcome(unseen({gateway_state: 'running', updated_at}))).toEqual(DOWN)
    expect(outcome(unseen({gateway_state: 'stopped', updated_at}))).toEqual(DOWN)
  })

  it.each<[string, StateFileText]>([
    ['is not there', {kind: 'absent'}],
    ['cannot be read', {kind: 'unreadable'}],
    ['is empty', {kind: 'text', text: ''}],
    ['is half written', {kind: 'text', text: '{"gateway_state": "running", "upd'}],
    ['is a list', text([FRESH_RUNNING])],
    ['is a text', text('running')],
    ['is null', text(null)],
    ['is a number', text(7)],
  ])('is not configured if the file %s', (_, stateFile) => {
    expect(build({stateFile})).toEqual({alive: null, checked_at: CHECKED_AT, details: {state: 'unknown', reason: 'gateway_not_configured'}})
  })

  it('is down if the file is an empty object', () => {
    expect(outcome(unseen({}))).toEqual(DOWN)
    expect(outcome(build({stateFile: {kind: 'text', text: ' {}\n'}}))).toEqual(DOWN)
  })

  it('cannot tell if the files may not be accessed at all, and names the kind of the error', () => {
    expect(build({stateFile: {kind: 'no-access', error: 'PermissionError'}})).toEqual({
      alive: null,
      checked_at: CHECKED_AT,
      details: {state: 'unknown', reason: 'gateway_status_unavailable', error: 'PermissionError'},
    })
  })

  it('is one of these five, in the words that belong together', () => {
    const all = [FRESH, STALE_STOPPED, DOWN, NOT_CONFIGURED, [null, 'unknown', 'gateway_status_unavailable']]
    fc.assert(
      fc.property(stateFiles, fc.constantFrom('dead' as const, 'unknown' as const), (stateFile, verdict) => {
        expect(all).toContainEqual(outcome(build({stateFile, verdict})))
      }),
    )
  })
})

describe('the details of healthPayload', () => {
  it('are those of a whole state file, in the order of the WebUI', () => {
    const state = {
      pid: 4242,
      gateway_state: 'running',
      updated_at: ago(5000),
      active_agents: 2,
      platforms: {telegram: {state: 'connected'}, slack: {state: 'connected'}, 'work:irc': {state: 'retrying'}},
    }
    expect(JSON.stringify(detailsOf(state))).toBe(
      '{"state":"alive","reason":"cross_container_freshness","gateway_state":"running","updated_at":"2026-05-01T11:59:55.000000+00:00",' +
        '"active_agents":2,"platform_count":3,"platform_states":{"connected":2,"retrying":1}}',
    )
  })

  it.each([[''], [7], [null], [true], [['running']], [{}], [undefined]])('have no gateway_state and updated_at from %o', (value) => {
    const details = detailsOf({gateway_state: value, updated_at: value})
    expect(details).not.toHaveProperty('gateway_state')
    expect(details).not.toHaveProperty('updated_at')
  })

  it('have updated_at as it stands, also where it is no timestamp', () => {
    expect(detailsOf({updated_at: 'yesterday'})).toMatchObject({updated_at: 'yesterday'})
  })

  it.each([
    [undefined, 0],
    [null, 0],
    ['', 0],
    [[], 0],
    [{}, 0],
    [0, 0],
    [-0.5, 0],
    [false, 0],
    [true, 1],
    [3, 3],
    ['7 ', 7],
    ['+1_0', 10],
    [2.9, 2],
    [-3, 0],
    ['-3', 0],
    [-1e300, 0],
    ['-' + '9'.repeat(400), 0],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('have for active_agents %o the number %d', (value, expected) => {
    expect(detailsOf({active_agents: value}).active_agents).toBe(expected)
  })

  const noNumbers = ['1e3', 'two', ' ', '0x1', '1.0', [1], {a: 1}, [[]], 2 ** 53, '9'.repeat(400)].map((value) => ({value}))

  it.each(noNumbers)('have no active_agents if it is $value', ({value}) => {
    expect(detailsOf({active_agents: value})).not.toHaveProperty('active_agents')
  })

  it('have no active_agents if it is more than a float can hold', () => {
    expect(build({stateFile: {kind: 'text', text: '{"active_agents": 1e999}'}}).details).not.toHaveProperty('active_agents')
  })

  it('count the keys of platforms, whatever is behind them', () => {
    expect(detailsOf({platforms: {a: 1, b: null, c: {state: ''}, d: {state: 3}, e: [{state: 'connected'}]}})).toEqual({
      state: 'down',
      reason: 'gateway_not_running',
      active_agents: 0,
      platform_count: 5,
    })
    expect(detailsOf({platforms: {}}).platform_count).toBe(0)
  })

  it.each([[[]], [['telegram']], ['telegram'], [2], [null], [undefined]])('say nothing of platforms that are %o', (platforms) => {
    expect(detailsOf({platforms})).toEqual({state: 'down', reason: 'gateway_not_running', active_agents: 0})
  })

  it('count states whose names mean something to JavaScript', () => {
    const platforms = '{"__proto__": {"state": "__proto__"}, "a": {"state": "constructor"}}'
    const stateFile: StateFileText = {kind: 'text', text: `{"platforms": ${platforms}}`}
    expect(JSON.stringify(build({stateFile}).details)).toContain('"platform_count":2,"platform_states":{"__proto__":1,"constructor":1}')
  })

  it('never hold anything but their fields, nor what a gateway keeps to itself', () => {
    const SECRET = 'swordfish'
    const secret = fc.constantFrom<unknown>(SECRET, [SECRET], {SECRET}, {state: [SECRET]}, {state: 'fatal', error_message: SECRET})
    const keys = 'pid argv start_time hermes_home exit_reason active_agents active_work served_profiles env token error reason'.split(' ')
    const states = fc.record({
      ...Object.fromEntries(keys.map((key) => [key, secret])),
      platforms: fc.dictionary(fc.constantFrom('telegram', SECRET), secret),
      gateway_state: fc.constantFrom('running', 'stopped', 'draining'),
      updated_at: fc.integer({min: -300_000, max: 300_000}).map(ago),
    })
    fc.assert(
      fc.property(states, verdicts, fc.boolean(), (state, verdict, isOwn) => {
        const payload = build({verdict, isOwn, stateFile: text(state)})
        expect(JSON.stringify(payload)).not.toMatch(/swordfish/i)
        expect(Object.keys(payload)).toEqual(['alive', 'checked_at', 'details'])
        const known = ['state', 'reason', 'gateway_state', 'updated_at', 'active_agents', 'platform_count', 'platform_states']
        expect(known).toEqual(expect.arrayContaining(Object.keys(payload.details)))
      }),
    )
  })

  it('are of the right types for any file', () => {
    fc.assert(
      fc.property(stateFiles, verdicts, fc.boolean(), (stateFile, verdict, isOwn) => {
        const {details} = build({stateFile, verdict, isOwn})
        for (const value of [details.gateway_state ?? 'x', details.updated_at ?? 'x']) expect(value).toEqual(expect.stringMatching(/[^]/))
        for (const value of [details.active_agents ?? 0, details.platform_count ?? 0]) {
          expect(value).toSatisfy((count: number) => Number.isSafeInteger(count) && count >= 0)
        }
        const states = details.platform_states ?? {x: 1}
        expect(Object.keys(states)).not.toEqual([])
        for (const count of Object.values(states)) expect(count).toBeGreaterThan(0)
      }),
    )
  })
})

describe('checked_at', () => {
  it('is the time of the look in the form of updated_at', () => {
    expect(build({nowMs: NOW_MS + 7}).checked_at).toBe('2026-05-01T12:00:00.007000+00:00')
  })
})

describe('isMeantToRun', () => {
  it('goes by the record before how the gateway left its file, and before the mirror where that says running', () => {
    expect(isMeantToRun('running', text({gateway_state: 'stopped'}))).toBe(true)
    expect(isMeantToRun('stopped', text({desired_state: 'running', gateway_state: 'running'}))).toBe(false)
  })

  it("is stopped where upstream's own stop wrote so, as for the boot that would follow if its container were killed", () => {
    expect(isMeantToRun('running', text({desired_state: 'stopped', gateway_state: 'stopped'}))).toBe(false)
  })

  it('goes by the mirror where there is no record', () => {
    expect(isMeantToRun(undefined, text({desired_state: 'running', gateway_state: 'stopped'}))).toBe(true)
    expect(isMeantToRun(undefined, text({desired_state: 'stopped', gateway_state: 'running'}))).toBe(false)
  })

  it.each([
    [{gateway_state: 'running'}, true],
    [{gateway_state: 'startup_failed'}, true],
    [{gateway_state: 'draining', desired_state: 'paused'}, true],
    [{gateway_state: 'stopped'}, false],
    [{gateway_state: 'stopped', restart_requested: false}, false],
    [{gateway_state: 'stopped', restart_requested: true}, true],
    [{gateway_state: ''}, undefined],
    [{}, undefined],
  ])('goes by how the gateway left its file where nobody recorded anything: %o', (state, expected) => {
    expect(isMeantToRun(undefined, text(state))).toBe(expected)
  })

  it.each<StateFileText>([{kind: 'absent'}, {kind: 'unreadable'}, {kind: 'no-access', error: 'OSError'}, {kind: 'text', text: '{'}])(
    'is not known without a file: %o',
    (stateFile) => {
      expect(isMeantToRun(undefined, stateFile)).toBeUndefined()
    },
  )
})

describe('answersProbe liveness', () => {
  const down = build({verdict: 'dead', isOwn: true, stateFile: text({gateway_state: 'running'})})

  it.each(['dead', 'wedged'] as const)('fails for a gateway that is meant to run and is %s', (verdict) => {
    expect(answersProbe('liveness', down, verdict, true)).toBe(false)
  })

  it('succeeds for one that was stopped or never configured', () => {
    expect(answersProbe('liveness', down, 'dead', false)).toBe(true)
    expect(answersProbe('liveness', down, 'dead', undefined)).toBe(true)
  })

  it('succeeds where the verdict is no proof, though the file is old', () => {
    expect(answersProbe('liveness', down, 'unknown', true)).toBe(true)
  })

  it('succeeds for a gateway of another container whose file is fresh', () => {
    expect(answersProbe('liveness', build({verdict: 'dead', stateFile: text(FRESH_RUNNING)}), 'dead', true)).toBe(true)
  })
})

describe('answersProbe readiness', () => {
  it.each([
    ['alive' as const, true, 'running', true],
    ['alive' as const, true, 'starting', false],
    ['alive' as const, true, 'draining', false],
    ['dead' as const, true, 'running', false],
    ['unknown' as const, false, 'running', true],
    ['unknown' as const, false, 'stopped', false],
  ])('for a verdict of %s (own %s) in state %s is %s', (verdict, isOwn, gateway_state, expected) => {
    const payload = build({verdict, isOwn, stateFile: text({gateway_state, updated_at: ago(0)})})
    expect(answersProbe('readiness', payload, verdict, true)).toBe(expected)
  })

  it('fails for one that is alive and has no state file', () => {
    expect(answersProbe('readiness', build({verdict: 'alive'}), 'alive', true)).toBe(false)
  })
})

const ACTIVE_AGENTS = `
import json, sys
def read(document):
    try:
        return str(max(0, int(json.loads(document).get("active_agents") or 0)))
    except (TypeError, ValueError, OverflowError):
        return None
json.dump([read(document) for document in json.load(sys.stdin)], sys.stdout)
`

const agents = fc.oneof(
  fc.constantFrom<unknown>(null, '', [], {}, 0, -0, false, true, '0', ' ', [0], {a: 0}, '1e3'),
  fc.stringMatching(/^[ \n]?[+-]?\d{0,4}_?\d{0,3}[ \t]?$/),
  fc.double({noNaN: true}),
  fc.integer(),
  fc.jsonValue({maxDepth: 1}),
)

describeUnless(noPython(), 'beside a real Python', () => {
  it('active_agents is max(0, int(value or 0)), but for numbers that a double cannot hold', () => {
    fc.assert(
      fc.property(fc.array(agents, {minLength: 100, maxLength: 200}), (values) => {
        const documents = values.map((value) => JSON.stringify({active_agents: value}))
        const expected = (python(ACTIVE_AGENTS, documents) as (string | null)[]).map((count) => {
          return count !== null && Number.isSafeInteger(Number(count)) ? Number(count) : undefined
        })
        for (const [index, document] of documents.entries()) {
          const {active_agents: value} = JSON.parse(document) as {active_agents: unknown}
          expect({document, count: activeAgents(value)}).toEqual({document, count: expected[index]})
        }
      }),
      {numRuns: inCampaign(10, 2)},
    )
  })
})
