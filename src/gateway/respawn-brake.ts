import path from 'node:path'
import {GatewayLimit, GatewayVariable, HomeFile} from './contract.js'
import {type AccountHost, HostError} from '../host/host.js'
import {readIfAllowed} from '../host/tolerant-read.js'
import {configSection} from './config-file.js'
import {dotenvVariable} from './dotenv.js'

/** Upstream's ledger of starts (gateways since 0.18): one number a line, seconds since the epoch; the next start goes on with it. */
export const startsFile = (home: string): string => path.join(home, HomeFile.starts)
/** It keeps the last 40 starts, or four times as many as are allowed; 18 bytes each. */
const LEDGER_BYTES = 65_536

/** When a gateway holds itself back: more starts than that within that time, and it sleeps before it takes its lock and its pid record. */
export interface BrakeLimits {
  /** 0 or less: it never does. */
  readonly maxStarts: number
  readonly windowSec: number
}

export const DEFAULT_BRAKE_LIMITS: BrakeLimits = {maxStarts: GatewayLimit.maxStarts, windowSec: GatewayLimit.startWindowSec}
/** The sleep grows no further after that many starts too many. */
const DOUBLINGS = 6
/** A gateway writes the ledger once it has loaded, some seconds after its process was started; clocks are read to the second. */
const CLOCK_SLACK_MS = 2000

/** A gateway that holds itself back, since it was started too often. */
export interface Brake {
  /** Starts within the time that counts before its own, that one included. */
  readonly starts: number
  readonly windowSec: number
  /** How long it goes on sleeping, ms. */
  readonly leftMs: number
}

/**
 * The limits that a home sets: `gateway.respawn_storm` of config.yaml; variables win, those in .env over those that its definition sets
 * (`environment`, `NAME=value` each). What is no number for upstream counts for nothing.
 */
export function readBrakeLimits(host: AccountHost, home: string, environment: readonly string[]): BrakeLimits {
  const config = configSection(readIfAllowed(host, path.join(home, HomeFile.config)) ?? '', 'gateway', 'respawn_storm')
  const variables = readIfAllowed(host, path.join(home, HomeFile.environment)) ?? ''
  const found = (name: string, key: string, isValid: (value: number) => boolean) => {
    const set = environment.findLast((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1)
    const texts = [dotenvVariable(variables, name) ?? set, config.get(key)]
    return texts.map((text) => (text === undefined || text === '' ? NaN : Number(text))).find(isValid)
  }
  return {
    maxStarts: found(GatewayVariable.maxStarts, 'max_starts', Number.isInteger) ?? DEFAULT_BRAKE_LIMITS.maxStarts,
    windowSec: found(GatewayVariable.startWindow, 'window_seconds', Number.isFinite) ?? DEFAULT_BRAKE_LIMITS.windowSec,
  }
}

/**
 * Whether a gateway that was started `upMs` ago, and has left no other sign yet, sleeps by its own brake; undefined if it does not, or if that
 * cannot be told. `environment`: what its definition sets. Reads only.
 */
export function readBrake(host: AccountHost, home: string, upMs: number, environment: readonly string[]): Brake | undefined {
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
  return judgeBrake(starts, host.nowMs(), upMs, readBrakeLimits(host, home, environment))
}

/** The same for the starts of a ledger, oldest first, in seconds since the epoch. Pure. */
export function judgeBrake(starts: readonly number[], nowMs: number, upMs: number, limits: BrakeLimits): Brake | undefined {
  const {maxStarts, windowSec} = limits
  const last = starts.at(-1)
  if (last === undefined) return undefined
  const sleptMs = nowMs - last * 1000
  // An earlier gateway's start, or a clock that has gone back.
  if (sleptMs > upMs + CLOCK_SLACK_MS || sleptMs < -CLOCK_SLACK_MS) return undefined
  const recent = starts.filter((start) => last - start <= windowSec).length
  const excess = recent - maxStarts
  if (maxStarts <= 0 || excess <= 0) return undefined
  const sleepSec = Math.min(GatewayLimit.brakeLongestSec, GatewayLimit.brakeFirstSec * 2 ** (Math.min(excess, DOUBLINGS) - 1))
  const leftMs = sleepSec * 1000 - sleptMs
  return leftMs > 0 ? {starts: recent, windowSec, leftMs} : undefined
}

/** In words, e.g. "it backs off by itself after 7 starts within 2 min; 160 s left". */
export function describeBrake({starts, windowSec, leftMs}: Brake): string {
  const time = windowSec % 60 === 0 ? `${windowSec / 60} min` : `${windowSec} s`
  return `the gateway delays its own start after ${starts} starts within ${time}; ${Math.ceil(leftMs / 1000)} s left`
}
