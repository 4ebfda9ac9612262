import type {HealthDetails} from '../observe/health-payload.js'
import {timestampMicros} from '../gateway/python-values.js'
import type {GatewayHealth} from '../observe/health.js'
import type {LastDay} from '../history/last-day.js'
import type {Totals} from '../history/totals.js'
import {visible} from '../text/visible.js'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly labels: Labels
  readonly value: number
}

interface Metric {
  readonly name: string
  /** Default: gauge. */
  readonly type?: 'counter'
  readonly help: string
  readonly samples: (health: ShownGateway) => readonly Sample[]
}

/** A gateway, with what its journal has of the last 24 hours, and since it was begun. */
interface ShownGateway extends GatewayHealth {
  readonly totals?: Totals | undefined
  readonly lastDay?: LastDay | undefined
}

const METRICS: readonly Metric[] = [
  {
    name: 'hermes_gateway_up',
    help: '1 if the gateway is alive, 0 if it is down; no sample if there is no gateway or hermes-svc cannot tell.',
    samples: ({payload}) => one(payload.alive === null ? undefined : Number(payload.alive)),
  },
  {
    name: 'hermes_gateway_info',
    help: 'Always 1; the labels are the health state, the verdict, the reason, and the last state that the gateway wrote.',
    samples: ({verdict, payload: {details}}) => {
      const {state, reason = '', gateway_state = ''} = details
      return one(1, {state, verdict, reason, gateway_state})
    },
  },
  {
    name: 'hermes_gateway_desired_up',
    help: '1 if the gateway should be running, 0 if it was stopped on purpose; no sample if no desired state is recorded.',
    samples: ({meantToRun}) => one(meantToRun === undefined ? undefined : Number(meantToRun)),
  },
  {
    name: 'hermes_gateway_updated_timestamp_seconds',
    help: 'Time of the last write to the state file, by the gateway or by its heartbeat.',
    samples: ({payload}) => one(updatedSec(payload.details)),
  },
  {
    name: 'hermes_gateway_active_agents',
    help: 'Number of active agents, as last written by the gateway.',
    samples: ({payload}) => one(payload.details.active_agents),
  },
  {
    name: 'hermes_gateway_platforms',
    help: 'Number of messaging platforms in each state, as last written by the gateway.',
    samples: ({payload}) => {
      // Texts that are written as the same one are counted together: a collector refuses a file that has a series twice.
      const counts = new Map<string, number>()
      for (const [state, count] of Object.entries(payload.details.platform_states ?? {})) {
        counts.set(shownLabel(state), (counts.get(shownLabel(state)) ?? 0) + count)
      }
      return [...counts].map(([state, value]) => ({labels: {state}, value}))
    },
  },
  {
    name: 'hermes_gateway_ends_total',
    type: 'counter',
    help: 'Number of times that the gateway ended, by reason (the words of history --json). A kill by the watchdog of hermes-svc counts as signal.',
    samples: ({totals}) => [...(totals?.ends ?? [])].map(([reason, value]) => ({labels: {reason}, value})),
  },
  {
    name: 'hermes_gateway_down_seconds_total',
    type: 'counter',
    help: 'Time that the gateway was down while it should have been running, in outages that are over.',
    samples: ({totals}) => one(totals && totals.downMs / 1000),
  },
  {
    name: 'hermes_gateway_day_ends',
    help: 'Number of times that the gateway ended in the last 24 hours, by reason (the words of history --json).',
    samples: ({lastDay}) => [...(lastDay?.ends ?? [])].map(([reason, value]) => ({labels: {reason}, value})),
  },
  {
    name: 'hermes_gateway_day_down_seconds',
    help: 'Time that the gateway was down in the last 24 hours while it should have been running; no sample without records.',
    samples: ({lastDay}) => one(lastDay?.downMs === undefined ? undefined : lastDay.downMs / 1000),
  },
  {
    name: 'hermes_gateway_last_end_timestamp_seconds',
    help: 'Time at which the gateway last ended; the label has the reason.',
    samples: ({lastDay}) => (lastDay?.lastEnd ? one(lastDay.lastEnd.atMs / 1000, {reason: lastDay.lastEnd.reason}) : []),
  },
]

/**
 * The health of gateways as a file for node_exporter's textfile collector, in the text format 0.0.4 of Prometheus. A metric without any
 * sample is left out.
 */
export function prometheusText(gateways: readonly ShownGateway[]): string {
  return METRICS.map(({name, type = 'gauge', help, samples}) => {
    const lines = gateways.flatMap((health) => samples(health).map((sample) => sampleLine(name, health, sample)))
    return lines.length === 0 ? '' : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
  }).join('')
}

/** The account is among the labels: each account of a machine may have a file of its own, and no two may hold the same series. */
function sampleLine(name: string, {profile, account}: GatewayHealth, {labels, value}: Sample): string {
  const pairs = Object.entries({user: account, profile, ...labels}).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
  return `${name}{${pairs.join(',')}} ${value}`
}

/** A label's value as it is shown everywhere else, so that no terminal obeys it; of newlines the format takes care itself. */
function shownLabel(text: string): string {
  return text.split('\n').map(visible).join('\n')
}

/** The three characters that the format gives a meaning within a label's value. */
function escapeLabel(text: string): string {
  return shownLabel(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function one(value: number | undefined, labels: Labels = {}): readonly Sample[] {
  return value === undefined ? [] : [{labels, value}]
}

function updatedSec({updated_at: updatedAt}: HealthDetails): number | undefined {
  const micros = updatedAt === undefined ? undefined : timestampMicros(updatedAt)
  return micros === undefined ? undefined : micros / 1_000_000
}
