import path from 'node:path'
import {HomeFile} from './contract.js'
import {type AccountHost, HostError} from '../host/host.js'

/** Upstream's ledger of starts (gateways since 0.17): one number a line, seconds since the epoch; the next start goes on with it. */
export const startsFile = (home: string): string => path.join(home, HomeFile.starts)
/** It keeps the last 40 starts. */
const LEDGER_BYTES = 4096
/** Upstream's defaults: more starts than that within that time, and a gateway sleeps before it takes its lock and its pid record. */
const MAX_STARTS = 5
const WINDOW_SEC = 120
const FIRST_SEC = 10
const CAP_SEC = 300
/** The sleep grows no further after that many starts too many. */
const DOUBLINGS = 6
/** A gateway writes the ledger once it has loaded, some seconds after its process was started; clocks are read to the second. */
const CLOCK_SLACK_MS = 2000

/** A gateway that holds itself back, since it was started too often. */
export interface Brake {
  /** Starts within the last two minutes before its own, that one included. */
  readonly starts: number
  /** How long it goes on sleeping, ms. */
  readonly leftMs: number
}

/**
 * Whether a gateway that was started `upMs` ago, and has left no other sign yet, sleeps by its own brake; undefined if it does not, or if that
 * cannot be told. A home that sets `gateway.respawn_storm` otherwise is judged by upstream's defaults all the same. Reads only.
 */
export function readBrake(host: AccountHost, home: string, upMs: number): Brake | undefined {
  let text: string
  try {
    text = host.readTail(startsFile(home), LEDGER_BYTES) ?? ''
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
  const starts = text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
    .filter(Number.isFinite)
  return judgeBrake(starts, host.nowMs(), upMs)
}

/** The same for the starts of a ledger, oldest first, in seconds since the epoch. Pure. */
export function judgeBrake(starts: readonly number[], nowMs: number, upMs: number): Brake | undefined {
  const last = starts.at(-1)
  if (last === undefined) return undefined
  const sleptMs = nowMs - last * 1000
  // An earlier gateway's start, or a clock that has gone back.
  if (sleptMs > upMs + CLOCK_SLACK_MS || sleptMs < -CLOCK_SLACK_MS) return undefined
  const recent = starts.filter((start) => last - start <= WINDOW_SEC).length
  const excess = recent - MAX_STARTS
  if (excess <= 0) return undefined
  const sleepSec = Math.min(CAP_SEC, FIRST_SEC * 2 ** (Math.min(excess, DOUBLINGS) - 1))
  const leftMs = sleepSec * 1000 - sleptMs
  return leftMs > 0 ? {starts: recent, leftMs} : undefined
}

/** In words, e.g. "it backs off by itself after 7 starts within 2 min; 160 s left". */
export function describeBrake({starts, leftMs}: Brake): string {
  return `it backs off by itself after ${starts} starts within 2 min; ${Math.ceil(leftMs / 1000)} s left`
}
