import path from 'node:path'
import {
  desiredStateOf,
  HomeFile,
  platformWordOf,
  StateField,
  stateWordOf,
  type DesiredState,
  type PlatformWordSaid,
  type SaidState,
} from './contract.js'
import {type AccountHost, HostError} from '../host/host.js'
import {whyUnreadable} from '../host/tolerant-read.js'

/** What a gateway wrote about its process, from gateway.pid or gateway.lock. Old ones hold a bare integer: then only `pid` is known. */
export interface ProcessRecord {
  readonly pid: number
  /** Linux: clock ticks since boot (field 22 of /proc/<pid>/stat, proc(5)); macOS: centiseconds since the epoch. */
  readonly startTime: number | undefined
  readonly home: string | undefined
  readonly argv: readonly string[]
}

/** The parts of gateway_state.json that decisions rest on; unknown or malformed fields are left out. */
export interface GatewayState {
  readonly process: ProcessRecord | undefined
  /** Its own word for what it does, to be shown. Decisions go by `gatewayState`. */
  readonly says: string | undefined
  readonly gatewayState: SaidState | undefined
  readonly exitReason: string | undefined
  readonly restartRequested: boolean
  readonly activeAgents: number
  /** What it works on, in words: one entry a unit of `active_work`. */
  readonly activeWork: readonly string[]
  readonly updatedAt: string | number | undefined
  /** The commit and the version of the code that it runs. */
  readonly codeSha: string | undefined
  readonly codeVersion: string | undefined
  readonly desiredState: DesiredState | undefined
  readonly servedProfiles: readonly string[]
  /** Undefined where it says nothing of platforms at all; none of them is another answer. */
  readonly platforms: readonly PlatformState[] | undefined
}

/** What a gateway says of one of its chat platforms. */
export interface PlatformState {
  /** `telegram`, or `<profile>:telegram` of a gateway that serves several. */
  readonly name: string
  /** Its own word, to be shown. Decisions go by `word`. */
  readonly state: string | undefined
  readonly word: PlatformWordSaid | undefined
  readonly errorCode: string | undefined
  readonly errorMessage: string | undefined
  readonly needsAttention: boolean
  /** The gateway that said so; it may be a former one. */
  readonly writerPid: number | undefined
  /** ISO 8601, or seconds since the epoch. */
  readonly retryingSince: string | number | undefined
  readonly updatedAt: string | number | undefined
}

/** A runtime file: its content, or why there is none. "Unreadable" is not "absent": nothing may be concluded from it. */
export type FileReading<T> =
  | {readonly kind: 'present'; readonly value: T}
  | {readonly kind: 'absent'}
  | {readonly kind: 'malformed'; readonly why: string}
  | {readonly kind: 'unreadable'; readonly why: string}

export const pidFile = (home: string): string => path.join(home, HomeFile.pid)
export const lockFile = (home: string): string => path.join(home, HomeFile.lock)
export const stateFile = (home: string): string => path.join(home, HomeFile.state)

/** Reads gateway.pid or gateway.lock. Never throws. */
export function readProcessRecord(host: AccountHost, file: string): FileReading<ProcessRecord> {
  return readJson(host, file, (value) => {
    if (typeof value === 'number') return parsePid(value) ? {pid: value, startTime: undefined, home: undefined, argv: []} : undefined
    return parseProcess(value)
  })
}

/** Reads gateway_state.json. Never throws. */
export function readGatewayState(host: AccountHost, home: string): FileReading<GatewayState> {
  return readJson(host, stateFile(home), (value) => {
    if (!isObject(value)) return undefined
    return {
      process: parseProcess(value),
      says: text(value.gateway_state),
      gatewayState: stateWordOf(value.gateway_state),
      exitReason: text(value.exit_reason),
      restartRequested: value.restart_requested === true,
      activeAgents: typeof value.active_agents === 'number' && value.active_agents > 0 ? Math.floor(value.active_agents) : 0,
      activeWork: Array.isArray(value.active_work) ? value.active_work.filter(isObject).map(describeWork) : [],
      updatedAt: time(value.updated_at),
      codeSha: text(value[StateField.codeSha]),
      codeVersion: text(value[StateField.codeVersion]),
      desiredState: desiredStateOf(value.desired_state),
      servedProfiles: Array.isArray(value.served_profiles) ? value.served_profiles.filter((name) => typeof name === 'string') : [],
      platforms: isObject(value.platforms)
        ? Object.entries(value.platforms).flatMap(([name, said]) => parsePlatform(name, said))
        : undefined,
    }
  })
}

/** Reads a JSON file and parses its value; `parse` answers undefined for a value that is not what it should be. `maxBytes`: see `readText`. Never throws. */
export function readJson<T>(host: AccountHost, file: string, parse: (value: unknown) => T | undefined, maxBytes?: number): FileReading<T> {
  let content: string | undefined
  try {
    content = host.readText(file, maxBytes)
  } catch (error) {
    return {kind: 'unreadable', why: error instanceof HostError ? whyUnreadable(error) : String(error)}
  }
  if (content === undefined) return {kind: 'absent'}
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    return {kind: 'malformed', why: content.trim() === '' ? 'the file is empty' : 'not JSON'}
  }
  const parsed = parse(value)
  return parsed === undefined ? {kind: 'malformed', why: 'not a record of a gateway'} : {kind: 'present', value: parsed}
}

/** One unit of `active_work`, e.g. "chat telegram:42 for 12 s". */
function describeWork(unit: Record<string, unknown>): string {
  const name = text(unit.session) ?? text(unit.job_id)
  const elapsed = typeof unit.elapsed_s === 'number' ? `for ${Math.round(unit.elapsed_s)} s` : undefined
  return [text(unit.kind) ?? 'work', name, elapsed].filter((part) => part !== undefined).join(' ')
}

function parsePlatform(name: string, said: unknown): PlatformState[] {
  if (!isObject(said)) return []
  const {error_code: code, needs_attention: needs} = said
  return [
    {
      name,
      state: text(said.state),
      word: platformWordOf(said.state),
      errorCode: typeof code === 'number' ? String(code) : text(code),
      errorMessage: text(said.error_message),
      writerPid: typeof said.writer_pid === 'number' ? said.writer_pid : undefined,
      needsAttention: needs === true || text(needs) !== undefined,
      retryingSince: time(said.retrying_since),
      updatedAt: time(said.updated_at),
    },
  ]
}

function parseProcess(value: unknown): ProcessRecord | undefined {
  if (!isObject(value) || !parsePid(value.pid)) return undefined
  return {
    pid: value.pid as number,
    startTime: typeof value.start_time === 'number' ? value.start_time : undefined,
    home: text(value.hermes_home),
    argv: Array.isArray(value.argv) ? value.argv.filter((word) => typeof word === 'string') : [],
  }
}

function parsePid(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 31
}

function time(value: unknown): string | number | undefined {
  return typeof value === 'number' ? value : text(value)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** True for a JSON object, not for null or an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
