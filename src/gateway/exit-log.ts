import {ExitTag, GatewayExit} from './contract.js'
import {isObject} from './records.js'

/** What a line of `HomeFile.exitLog`, or `HomeFile.lifecycle`, tells of. Times in ms since the epoch. */
export type ExitNote =
  | {readonly kind: 'started'; readonly atMs: number; readonly pid: number}
  | {readonly kind: 'ends'; readonly atMs: number; readonly pid: number; readonly status: number}
  /** The gateway that was there before ended without a word. */
  | {readonly kind: 'found-unclean'; readonly atMs: number; readonly wasShortOfMemory: boolean}

/** 1 is any failure (GatewayExit). */
const FAILURE = 1

const STATUS_OF_TAG: ReadonlyMap<unknown, number> = new Map([
  [ExitTag.fails, FAILURE],
  [ExitTag.exitsWithFailure, FAILURE],
  [ExitTag.interrupted, GatewayExit.stopped],
  [ExitTag.exitsClean, GatewayExit.stopped],
])

/** What a line of the exit log says; undefined for what is not understood, or tells of neither start nor end. Whoever owns the home can write anything there. */
export function parseExitLine(line: string): ExitNote | undefined {
  const value = parsed(line)
  if (value === undefined) return undefined
  const [atMs, pid] = [timeOf(value.ts), pidOf(value.pid)]
  if (atMs === undefined || pid === undefined) return undefined
  if (value.tag === ExitTag.started) return {kind: 'started', atMs, pid}
  if (value.tag === ExitTag.foundUnclean) return {kind: 'found-unclean', atMs, wasShortOfMemory: value.suspected_oom === true}
  // Python: no code is 0, and a text is printed, and 1.
  const status =
    value.tag === ExitTag.exits
      ? value.code === null
        ? GatewayExit.stopped
        : (statusOf(value.code) ?? FAILURE)
      : STATUS_OF_TAG.get(value.tag)
  return status === undefined ? undefined : {kind: 'ends', atMs, pid, status}
}

/** How the last gateway ended by its lifecycle file; undefined while one runs, and for what is not understood. */
export function parseLifecycle(value: unknown): ExitNote | undefined {
  if (!isObject(value)) return undefined
  const [atMs, pid, status] = [timeOf(value.exited_at), pidOf(value.pid), statusOf(value.exit_code)]
  return atMs === undefined || pid === undefined || status === undefined ? undefined : {kind: 'ends', atMs, pid, status}
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'string' && value.length <= 40 ? Date.parse(value) : NaN
  return Number.isFinite(ms) ? ms : undefined
}

function pidOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
}

function statusOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255 ? value : undefined
}
