import type {GatewaySignal, HomeFile} from '../../gateway/contract.js'
/**
 * The shape of `<home>/stand-in.json`, which tells the stand-in gateway (`hermes`, beside this file) how to behave. The
 * table in that program's docstring is the reference; a test keeps the two in step. All times are milliseconds.
 */

/** How a process of the stand-in ends: with a code (pid record and lock are released first) or by a signal (both stay). */
export type StandInExit = ({code: number; signal?: never} | {code?: never; signal: string}) & {
  /** Wait before it ends; used by `exit_on_start` and `die_during_drain`. */
  after_ms?: number
  /** The `gateway_state` that is written before the end; null writes nothing. The default depends on where it is used. */
  state?: string | null
  /** Written together with `state`. Default: true for code 75 with state `stopped`, else false. */
  restart_requested?: boolean
  /** Written together with `state`. */
  exit_reason?: string | null
  /** 0.21, with a code: the reason in the lifecycle sentinel. Any but `graceful_shutdown` is a watchdog's hard exit. */
  lifecycle?: string
}

/** What one start of the stand-in does. Every key may be left out. */
export interface StandInBehaviour {
  /** `0.10`: no gateway.lock. `0.16` (default): lock and pid record as captured. `0.21`: control socket, heartbeat, lifecycle. */
  version?: '0.10' | '0.16' | '0.21'
  /** 0.21: the code it says it runs. */
  code_sha?: string
  /** False: it does not know its start time; `start_time` is null in every record, as old gateways wrote it. */
  record_start_time?: boolean
  /** How it knows processes, and in what their starts are recorded; by default as its machine does. */
  platform?: 'by machine' | 'linux' | 'darwin'
  /** `integer`: gateway.pid holds a bare number, as the oldest gateways wrote it. */
  pid_format?: 'json' | 'integer'
  /** Write HERMES_HOME, PATH and these variables to `<home>/stand-in.env.json`, null for one that is not set. */
  dump_env?: string[] | null
  /** Variables without which it exits 78 (fatal configuration). */
  requires_env?: string[]
  /** What a gateway.pid that is already there means at start. */
  existing_pid_record?: 'replace-dead' | 'refuse-live' | 'refuse-any'
  /** End during start-up. `state` null: before the lock and the pid record are taken, and nothing is written. */
  exit_on_start?: StandInExit | null
  /** How long it stays `starting`. */
  startup_ms?: number
  /** It stays `starting` for ever. */
  never_running?: boolean
  /** Long-lived children, left behind when it ends. */
  fork_children?: number
  /** Those children ignore SIGTERM. */
  children_deaf?: boolean
  /** Children that have ended and are never reaped. */
  zombie_children?: number
  /** What it says of its platforms from `running` on; what it said of others before stays in the file. Default: a webhook that is connected. */
  platforms?: Record<string, Record<string, unknown>>
  /** What it says of some of them so long after that. */
  platforms_later?: {after_ms: number; platforms: Record<string, Record<string, unknown>>} | null
  /** More fields of gateway_state.json, written together with `running`. */
  state_fields?: Record<string, unknown>
  /** Units of work in hand: their number, or the list itself (0.21 writes it into `active_work`). */
  active_work?: number | Record<string, unknown>[]
  /** How long after `running` that work, and what is unseen, is done. */
  work_ends_ms?: number | null
  /** 0.21: units of work, of cron, that are counted only when a request to drain comes or goes. */
  unseen_work?: number
  /** How long after `running` it ends as `exit` says. */
  exit_after_ms?: number | null
  /** Default code 75: a planned restart. `state`: `stopped` with code 0 or 75, else nothing is written. */
  exit?: StandInExit
  /** 0.21: its brake on restarts, by gateway-starts.log; upstream's own is 5, 120, 10, 300. Default: none. */
  respawn_brake?: {max_starts: number; window_s: number; first_s: number; cap_s: number} | null
  /** How long after `running` it freezes as `freeze` says. */
  freeze_after_ms?: number | null
  /** `block`: sleeps on the loop's thread. `spin`: uses a full core. `stop`: sends itself SIGSTOP. */
  freeze?: 'block' | 'spin' | 'stop'
  /** Files deleted once it runs; the lock stays held on the deleted file. */
  unlink_after_start?: (typeof HomeFile.pid | typeof HomeFile.lock)[]
  /** 0.21: time between two heartbeats; null: none, and no loop-tick socket. */
  heartbeat_ms?: number | null
  /** 0.21: false leaves gateway.sock out. */
  control_socket?: boolean
  /** 0.21: false leaves the loop-tick socket out. */
  loop_tick_socket?: boolean
  /** Poll for a planned-stop marker and stop without a signal; null (default): all but 0.10 do. */
  planned_stop_watcher?: boolean | null
  /** Signals that are caught and ignored. */
  deaf?: ('SIGINT' | (typeof GatewaySignal)[keyof typeof GatewaySignal])[]
  /** State written after an unexpected SIGTERM; null: the file is not touched. By default it goes by `version`. */
  sigterm_persists?: 'by version' | 'stopped' | 'running' | null
  /** How long a stop by signal or marker takes; `draining` meanwhile. */
  stop_takes_ms?: number
  /** How long SIGUSR1 drains; the units of `active_work` end evenly over it. */
  drain_ms?: number
  /** End `after_ms` after a drain or a stop began, by default without a write. */
  die_during_drain?: StandInExit | null
}

/** The whole file: a behaviour, and optionally others to be laid over it, one a start. */
export interface StandInConfig extends StandInBehaviour {
  /** One entry a start (`repeat`: for that many starts), counted in `<home>/stand-in.count`; after the last, none. */
  sequence?: (StandInBehaviour & {repeat?: number})[]
}

/** A line of `<home>/stand-in.starts`. `ms` is CLOCK_MONOTONIC, as systemd's `…Monotonic` timestamps (those in µs). */
export type StandInEvent =
  | {event: 'start' | 'running' | 'freeze'; ms: number; pid: number}
  | {event: 'end'; ms: number; pid: number; reason: string; code?: number; signal?: string}
