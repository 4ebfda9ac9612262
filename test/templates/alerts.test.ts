import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {stringify} from 'yaml'
import {totalsOf} from '../../src/history/totals.js'
import {healthPayload} from '../../src/observe/health-payload.js'
import type {GatewayHealth} from '../../src/observe/health.js'
import {prometheusText} from '../../src/ui/prometheus.js'
import {describeUnless} from '../support/describe-unless.js'
import {noPromtool, promtoolRules} from '../support/promtool.js'

const RULES = fileURLToPath(new URL('../../templates/monitoring/hermes-svc.rules.yml', import.meta.url))
const MINUTES = 40
const TARGET = 'instance="box:9100",job="node"'
const FILE = '/var/lib/prometheus/node-exporter/hermes.prom'

type EndKind = Parameters<ReturnType<typeof totalsOf>['ends']['get']>[0]

interface Seen {
  readonly verdict: GatewayHealth['verdict']
  readonly desired?: boolean
  /** What it says of itself. Undefined: there is no state file. */
  readonly says?: string
  /** False: it may run in another container. */
  readonly isOwn?: boolean
  /** Age of its timestamp. */
  readonly ageSec?: number
  /** How often it has ended until then, by why. */
  readonly ends?: Readonly<Record<string, number>>
}

/** What `health --prometheus` writes at a minute. */
function metrics(minute: number, {verdict, desired, says, isOwn = true, ageSec = 30, ends = {}}: Seen): string {
  const nowMs = minute * 60_000
  const state = {gateway_state: says, updated_at: new Date(nowMs - ageSec * 1000).toISOString().replace('Z', '000+00:00')}
  const stateFile = says === undefined ? ({kind: 'absent'} as const) : ({kind: 'text', text: JSON.stringify(state)} as const)
  const payload = healthPayload({verdict, isOwn, stateFile, nowMs})
  const totals = {...totalsOf([]), ends: new Map([...totalsOf([]).ends, ...(Object.entries(ends) as [EndKind, number][])])}
  return prometheusText([{profile: 'work', account: 'ann', verdict, meantToRun: desired, payload, totals}])
}

/**
 * Has promtool test which alerts fire at the end, when the collector has seen that minute by minute; undefined: it has no file. `mtime`: when that
 * was written. Throws with promtool's words if others do.
 */
function expectFiring(
  folder: string,
  alerts: readonly string[],
  at: (minute: number) => Seen | undefined,
  mtime?: (minute: number) => number,
) {
  const expr = 'count by (alertname) (ALERTS{alertstate="firing"})'
  const samples = alerts.map((alert) => ({labels: `{alertname="${alert}"}`, value: 1}))
  expectAtEnd(folder, {expr, samples}, at, mtime)
}

/** The same of what an expression comes to at the end. */
function expectAtEnd(
  folder: string,
  {expr, samples}: {readonly expr: string; readonly samples: readonly {readonly labels: string; readonly value: number}[]},
  at: (minute: number) => Seen | undefined,
  mtime = (minute: number) => minute,
) {
  const series = new Map<string, string[]>()
  const sample = (name: string, minute: number, value: string) => {
    const values = series.get(name) ?? Array.from({length: MINUTES}, () => '_')
    values[minute] = value
    series.set(name, values)
  }
  for (let minute = 0; minute < MINUTES; minute++) {
    sample(`up{${TARGET}}`, minute, '1')
    const seen = at(minute)
    if (!seen) continue
    sample(`node_textfile_mtime_seconds{${TARGET},file="${FILE}"}`, minute, `${mtime(minute) * 60}`)
    for (const [, name, labels, value] of metrics(mtime(minute), seen).matchAll(/^(\w+)\{(.*)\} (.*)$/gm)) {
      sample(`${name}{${TARGET},${labels}}`, minute, value ?? '')
    }
  }
  const test = {expr, eval_time: `${MINUTES - 1}m`, exp_samples: samples}
  const input = [...series].map(([name, values]) => ({series: name, values: values.join(' ')}))
  const file = path.join(folder, 'test.yml')
  const tests = [{interval: '1m', input_series: input, promql_expr_test: [test]}]
  fs.writeFileSync(file, stringify({rule_files: [RULES], evaluation_interval: '1m', tests}))
  promtoolRules('test', file)
}

const running = (minute: number): Seen => ({verdict: 'alive', desired: true, says: 'running', ageSec: (minute % 2) * 60})

describeUnless(noPromtool, 'the alerts for Prometheus', () => {
  let folder: string
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-alerts-'))
  })
  afterAll(() => fs.rmSync(folder, {recursive: true}))

  it('are rules by promtool', () => {
    expect(promtoolRules('check', RULES)).toContain('SUCCESS: 14 rules found')
  })

  it.each<[what: string, alerts: string[], at: (minute: number) => Seen | undefined, mtime?: (minute: number) => number]>([
    ['one that is idle, with its tick', [], running],
    [
      'one in the middle of its start',
      [],
      (minute) => (minute < 38 ? running(minute) : {verdict: 'alive', desired: true, says: 'starting'}),
    ],
    ['one just restarted', [], (minute) => (minute === 38 ? {verdict: 'dead', desired: true, says: 'stopped'} : running(minute))],
    ['one that was stopped on purpose', [], () => ({verdict: 'dead', desired: false, says: 'stopped', ageSec: 9000})],
    ['a profile that was never configured', [], () => ({verdict: 'unknown'})],
    [
      'one that is dead',
      ['HermesGatewayDown'],
      (minute) => (minute < 30 ? running(minute) : {verdict: 'dead', desired: true, says: 'running'}),
    ],
    [
      'one that is dead, and of which nobody has recorded what it should do',
      ['HermesGatewayAvailabilityLow', 'HermesGatewayDown'],
      () => ({verdict: 'dead', says: 'running', ageSec: 9000}),
    ],
    [
      'one that is wedged',
      ['HermesGatewayWedged'],
      (minute) => (minute < 30 ? running(minute) : {verdict: 'wedged', desired: true, says: 'running', ageSec: 600}),
    ],
    [
      'one whose tick has ceased',
      ['HermesGatewayHeartbeatStale'],
      (minute) => ({...running(minute), ageSec: Math.max(0, minute - 20) * 60}),
    ],
    [
      'one of which nothing can be told',
      ['HermesGatewayUnknown'],
      () => ({verdict: 'unknown', isOwn: false, desired: true, says: 'stopped', ageSec: 9000}),
    ],
    ['a file that has vanished', ['HermesGatewayMetricsMissing'], (minute) => (minute < 15 ? running(minute) : undefined)],
    [
      'a file that nobody writes any more',
      ['HermesGatewayHeartbeatStale', 'HermesGatewayMetricsStale'],
      running,
      (minute) => Math.min(minute, 15),
    ],
    [
      'one that ends again and again, and is up whenever it is looked at',
      ['HermesGatewayEndsOften'],
      (minute) => ({...running(minute), ends: {exit: Math.floor(minute / 5)}}),
    ],
    [
      'one that was asked to restart as often',
      [],
      (minute) => ({...running(minute), ends: {'planned-restart': minute, 'stop-asked': minute}}),
    ],
    [
      'one that was killed for lack of memory',
      ['HermesGatewayOutOfMemory'],
      (minute) => ({...running(minute), ends: {oom: minute < 20 ? 0 : 1}}),
    ],
    ['one whose journal was begun anew', [], (minute) => ({...running(minute), ends: {exit: minute < 20 ? 90 : 0}})],
  ])('fire as they should on %s: %j', (_what, alerts, at, mtime) => {
    expectFiring(folder, alerts, at, mtime)
  })

  it('are not what a test expects that is wrong', () => {
    expect(() => expectFiring(folder, ['HermesGatewayDown'], running)).toThrow('FAILED')
    expect(() => expectFiring(folder, [], () => ({verdict: 'dead', says: 'running'}))).toThrow('HermesGatewayDown')
  })

  it('go by how much of the time it was up while it should have been: what is stopped on purpose is no downtime', () => {
    const at = (minute: number): Seen => {
      if (minute < 20) return running(minute)
      return {verdict: 'dead', desired: minute < 30, says: 'stopped', ageSec: 600}
    }
    const labels = `hermes:gateway_availability:ratio_1d{${TARGET},user="ann",profile="work"}`
    expectAtEnd(
      folder,
      {expr: 'round(hermes:gateway_availability:ratio_1d, 0.001)', samples: [{labels: labels.replace(/^[^{]*/, ''), value: 0.667}]},
      at,
    )
    const month = {expr: 'round(hermes:gateway_availability:ratio_30d, 0.001)', samples: [{labels: labels.replace(/^[^{]*/, ''), value: 1}]}
    expectAtEnd(folder, month, running)
  })

  it('say which gateway it is, and what to type', () => {
    const labels = {instance: 'box:9100', job: 'node', user: 'ann', profile: 'work'}
    const alert = {
      alertname: 'HermesGatewayDown',
      eval_time: '10m',
      exp_alerts: [
        {
          exp_labels: {...labels, severity: 'critical'},
          exp_annotations: {
            summary: 'The Hermes gateway work of ann on box:9100 is down',
            description: 'It should be running, but has been down for 3 minutes. `hermes-svc doctor -p work` says why, and what to type.',
          },
        },
      ],
    }
    const series = [{series: `hermes_gateway_up{${TARGET},user="ann",profile="work"}`, values: '0x10'}]
    const file = path.join(folder, 'test.yml')
    const tests = [{interval: '1m', input_series: series, alert_rule_test: [alert]}]
    fs.writeFileSync(file, stringify({rule_files: [RULES], evaluation_interval: '1m', tests}))
    promtoolRules('test', file)
  })
})
