import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {healthPayload, type StateFileText} from '../../src/observe/health-payload.js'
import type {GatewayHealth} from '../../src/observe/health.js'
import {prometheusText} from '../../src/ui/prometheus.js'
import {anyCharacter} from '../support/any-text.js'
import {describeUnless} from '../support/describe-unless.js'
import {noPromtool, promtoolComplaints} from '../support/promtool.js'
import {inCampaign} from '../support/campaign.js'

const NOW_MS = Date.UTC(2026, 4, 1, 12)

function health(profile: string, state: unknown, rest: Partial<GatewayHealth> = {}): GatewayHealth {
  const stateFile: StateFileText = state === undefined ? {kind: 'absent'} : {kind: 'text', text: JSON.stringify(state)}
  const verdict = rest.verdict ?? 'unknown'
  const payload = healthPayload({verdict, isOwn: true, stateFile, nowMs: NOW_MS})
  return {profile, account: 'ann', verdict, meantToRun: undefined, payload, ...rest}
}

const RUNNING = {
  gateway_state: 'running',
  updated_at: '2026-05-01T11:59:59.500000+00:00',
  active_agents: 2,
  platforms: {telegram: {state: 'connected'}, slack: {state: 'connected'}, irc: {state: 'retrying'}},
}

const TOTALS = {ends: new Map([['oom', 3] as const, ['exit', 0] as const]), downMs: 2500}

describe('prometheusText', () => {
  it('gives every metric of all gateways once, with their samples together', () => {
    const text = prometheusText([
      health('default', RUNNING, {verdict: 'alive', meantToRun: true}),
      health('work', {gateway_state: 'stopped', active_agents: 'x'}, {verdict: 'dead', meantToRun: false}),
      health('play', undefined),
    ])
    expect(
      text,
    ).toBe(`# HELP hermes_gateway_up 1 if the gateway is alive, 0 if it is down; no sample if there is no gateway or hermes-svc cannot tell.
# TYPE hermes_gateway_up gauge
hermes_gateway_up{user="ann",profile="default"} 1
hermes_gateway_up{user="ann",profile="work"} 0
# HELP hermes_gateway_info Always 1; the labels are the health state, the verdict, the reason, and the last state that the gateway wrote.
# TYPE hermes_gateway_info gauge
hermes_gateway_info{user="ann",profile="default",state="alive",verdict="alive",reason="",gateway_state="running"} 1
hermes_gateway_info{user="ann",profile="work",state="down",verdict="dead",reason="gateway_not_running",gateway_state="stopped"} 1
hermes_gateway_info{user="ann",profile="play",state="unknown",verdict="unknown",reason="gateway_not_configured",gateway_state=""} 1
# HELP hermes_gateway_desired_up 1 if the gateway should be running, 0 if it was stopped on purpose; no sample if no desired state is recorded.
# TYPE hermes_gateway_desired_up gauge
hermes_gateway_desired_up{user="ann",profile="default"} 1
hermes_gateway_desired_up{user="ann",profile="work"} 0
# HELP hermes_gateway_updated_timestamp_seconds Time of the last write to the state file, by the gateway or by its heartbeat.
# TYPE hermes_gateway_updated_timestamp_seconds gauge
hermes_gateway_updated_timestamp_seconds{user="ann",profile="default"} 1777636799.5
# HELP hermes_gateway_active_agents Number of active agents, as last written by the gateway.
# TYPE hermes_gateway_active_agents gauge
hermes_gateway_active_agents{user="ann",profile="default"} 2
# HELP hermes_gateway_platforms Number of messaging platforms in each state, as last written by the gateway.
# TYPE hermes_gateway_platforms gauge
hermes_gateway_platforms{user="ann",profile="default",state="connected"} 2
hermes_gateway_platforms{user="ann",profile="default",state="retrying"} 1
`)
  })

  it('gives what the journal has of the last 24 hours and counts since it was begun, and says nothing of what is not known', () => {
    const ends = new Map([['oom', 2] as const, ['planned-restart', 1] as const])
    const text = prometheusText([
      {...health('default', RUNNING), totals: TOTALS, lastDay: {ends, downMs: 1500, lastEnd: {atMs: NOW_MS, reason: 'oom'}}},
      {...health('work', RUNNING), lastDay: {ends: new Map(), downMs: undefined, lastEnd: undefined}},
      {...health('play', RUNNING), lastDay: undefined},
    ])
    expect(text).toContain('# TYPE hermes_gateway_ends_total counter\n')
    expect(text.match(/^hermes_gateway_(?:ends|down_seconds)_total.*$/gm)).toEqual([
      'hermes_gateway_ends_total{user="ann",profile="default",reason="oom"} 3',
      'hermes_gateway_ends_total{user="ann",profile="default",reason="exit"} 0',
      'hermes_gateway_down_seconds_total{user="ann",profile="default"} 2.5',
    ])
    expect(text.match(/^hermes_gateway_(?:day|last)_.*$/gm)).toEqual([
      'hermes_gateway_day_ends{user="ann",profile="default",reason="oom"} 2',
      'hermes_gateway_day_ends{user="ann",profile="default",reason="planned-restart"} 1',
      'hermes_gateway_day_down_seconds{user="ann",profile="default"} 1.5',
      `hermes_gateway_last_end_timestamp_seconds{user="ann",profile="default",reason="oom"} ${NOW_MS / 1000}`,
    ])
  })

  it('leaves out a metric that no gateway has a sample of', () => {
    expect(prometheusText([health('default', undefined)]).match(/^# TYPE .*$/gm)).toEqual(['# TYPE hermes_gateway_info gauge'])
  })

  it('escapes what has a meaning in a label', () => {
    expect(prometheusText([health('default', {gateway_state: 'a"b\\c\nd\\n'})])).toContain(',gateway_state="a\\"b\\\\c\\nd\\\\n"} 1\n')
  })

  it('has no series twice, though two states are written alike', () => {
    const states = ['\u001b[2J', '\\u001b[2J', '\ud800', '\ud801', 'connected']
    const text = prometheusText([health('default', {platforms: Object.fromEntries(states.map((state, index) => [index, {state}]))})])
    expect(text.match(/(?<=^hermes_gateway_platforms.*)state=.*$/gm)).toEqual([
      'state="\\\\u001b[2J"} 2',
      'state="\\\\ud800"} 1',
      'state="\\\\ud801"} 1',
      'state="connected"} 1',
    ])
  })

  it('keeps every sample on a line of its own, whatever a gateway writes', () => {
    fc.assert(
      fc.property(fc.string({unit: anyCharacter}), fc.string({unit: anyCharacter}), (state, platform) => {
        const text = prometheusText([health('default', {...RUNNING, gateway_state: state, platforms: {a: {state: platform}}})])
        for (const line of text.split('\n').slice(0, -1))
          expect(line).toMatch(/^(# (HELP|TYPE) \S+ .+|\w+\{(\w+="([^"\\\n]|\\["\\n])*",?)+\} [\d.]+)$/u)
      }),
    )
  })
})

describeUnless(noPromtool, 'promtool', () => {
  it('finds nothing to complain about in gateways of every kind', () => {
    const lastDay = {ends: new Map([['oom', 2] as const]), downMs: 1500, lastEnd: {atMs: NOW_MS, reason: 'oom' as const}}
    const alive = {...health('default', RUNNING, {verdict: 'alive', meantToRun: true}), lastDay, totals: TOTALS}
    const dead = health('work', RUNNING, {verdict: 'dead', meantToRun: false})
    expect(promtoolComplaints(prometheusText([alive, dead, health('play', undefined)]))).toBe('')
  })

  it('does complain about a label that is not escaped', () => {
    expect(promtoolComplaints('# HELP a a\n# TYPE a gauge\na{b="c"d"} 1\n')).toContain('exit status')
  })

  it('finds nothing to complain about whatever gateways write', () => {
    const states = fc.array(fc.tuple(fc.string({unit: anyCharacter}), fc.string({unit: anyCharacter})), {minLength: 20, maxLength: 50})
    fc.assert(
      fc.property(states, (all) => {
        const gateways = all.map(([state, platform], index) => {
          return health(`p${index}`, {...RUNNING, gateway_state: state, platforms: {a: {state: platform}, b: {state: '"\\\n'}}})
        })
        expect(promtoolComplaints(prometheusText(gateways))).toBe('')
      }),
      {numRuns: inCampaign(10, 2)},
    )
  })
})
