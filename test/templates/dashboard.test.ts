import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {describe, expect, it} from 'vitest'
import {parse, stringify} from 'yaml'
import {totalsOf} from '../../src/history/totals.js'
import {healthPayload} from '../../src/observe/health-payload.js'
import {prometheusText} from '../../src/ui/prometheus.js'
import {describeUnless} from '../support/describe-unless.js'
import {noPromtool, promtoolRules} from '../support/promtool.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RULES = path.join(ROOT, 'templates/monitoring/hermes-svc.rules.yml')

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description: string
  readonly datasource: object
  readonly gridPos: {readonly x: number; readonly y: number; readonly w: number; readonly h: number}
  readonly targets: readonly {readonly refId: string; readonly expr: string; readonly datasource: object}[]
}
interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: {readonly list: readonly {readonly name: string; readonly query: string | {readonly query: string}}[]}
}

const dashboard = JSON.parse(fs.readFileSync(path.join(ROOT, 'deploy/grafana/hermes-gateways.json'), 'utf8')) as Dashboard
const {panels, templating} = dashboard
const expressions = panels.flatMap(({title, targets}) => targets.map(({expr}) => [title, expr] as const))
/** With the variables as Grafana puts them in. */
const asked = (expr: string) => expr.replaceAll(/\$(instance|user|profile)/g, '.*')

/** What the command writes of a gateway of which everything is known. */
const written = prometheusText([
  {
    ...{profile: 'work', account: 'ann', verdict: 'alive', meantToRun: true, totals: totalsOf([])},
    lastDay: {ends: new Map([['exit', 1]]), downMs: 1, lastEnd: {atMs: 1, reason: 'exit'}},
    payload: healthPayload({
      ...{verdict: 'alive', isOwn: true, nowMs: 60_000},
      stateFile: {
        kind: 'text',
        text: JSON.stringify({
          gateway_state: 'running',
          active_agents: 1,
          platforms: {a: {state: 'connected'}},
          updated_at: '1970-01-01T00:00:30+00:00',
        }),
      },
    }),
  },
])
const {groups} = parse(fs.readFileSync(RULES, 'utf8')) as {groups: {rules: {record?: string}[]}[]}
const known = new Set([
  ...[...written.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name ?? ''),
  ...groups.flatMap(({rules}) => rules.flatMap(({record}) => record ?? [])),
])

describe('the dashboard for Grafana', () => {
  it('has panels with ids of their own, which do not lie on each other', () => {
    expect(dashboard).toMatchObject({uid: 'hermes-gateways', title: 'Hermes gateways', schemaVersion: 39})
    expect(new Set(panels.map(({id}) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({gridPos: {x, y, w, h}}) =>
      Array.from({length: w * h}, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(panels.every(({gridPos: {x, w}}) => x >= 0 && x + w <= 24)).toBe(true)
    for (const {targets, description} of panels) {
      expect(description).toMatch(/\.$/)
      expect(new Set(targets.map(({refId}) => refId)).size).toBe(targets.length)
    }
  })

  it('asks the data source that is chosen, for machine, user and profile that are', () => {
    const source = {type: 'prometheus', uid: '${datasource}'}
    expect(templating.list.map(({name}) => name)).toEqual(['datasource', 'instance', 'user', 'profile'])
    for (const {datasource, targets} of panels) {
      expect(datasource).toEqual(source)
      for (const target of targets) expect(target.datasource).toEqual(source)
    }
    for (const [title, expr] of expressions) {
      expect(expr, title).toContain('instance=~"$instance", user=~"$user", profile=~"$profile"')
    }
  })

  it('asks for what the command writes and the rules record alone', () => {
    const queries = templating.list.flatMap(({query}) => (typeof query === 'string' ? [] : [query.query]))
    const names = [...expressions.map(([, expr]) => expr), ...queries].flatMap((expr) => expr.match(/\bhermes[\w:]+/g) ?? [])
    expect(names.length).toBeGreaterThan(panels.length)
    expect([...new Set(names)].filter((name) => !known.has(name))).toEqual([])
  })
})

describeUnless(noPromtool, 'what the dashboard asks', () => {
  const check = (exprs: readonly string[]) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-dashboard-'))
    try {
      const file = path.join(folder, 'asked.yml')
      const rules = exprs.map((expr, index) => ({record: `panel:${index}`, expr: asked(expr)}))
      fs.writeFileSync(file, stringify({groups: [{name: 'dashboard', rules}]}))
      return promtoolRules('check', file)
    } finally {
      fs.rmSync(folder, {recursive: true})
    }
  }

  it('is understood by Prometheus', () => {
    expect(check(expressions.map(([, expr]) => expr))).toContain(`SUCCESS: ${expressions.length} rules found`)
    expect(() => check(['sum(hermes_gateway_up'])).toThrow()
  })
})
