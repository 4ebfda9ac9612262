import path from 'node:path'
import {GatewayLimit, HomeFile, tickSocket} from './contract.js'
import {type AccountHost, type Host, HostError} from '../host/host.js'
import {type FileReading, isObject, readJson} from './records.js'

/** The gateway's own heartbeat (0.21 and later), written every 30 s. */
export interface Heartbeat {
  readonly pid: number
  /** Seconds on the machine's monotonic clock (Python's time.monotonic()), which no change of the wall clock moves. */
  readonly monotonicSec: number | undefined
  /** ms since the epoch; undefined if the timestamp is missing or has no zone. */
  readonly updatedAtMs: number | undefined
  /** Whether the loop answers on a tick socket; undefined: an older writer, which has no such key. */
  readonly hasTickSocket: boolean | undefined
}

/** What the tick socket of the event loop says: it answers from the loop itself. */
export type TickReading = 'answers' | 'silent' | 'missing'

/** What a heartbeat says about the loop. `process`: that there is somebody who writes it, be it another thread than the loop's. */
export interface HeartbeatVerdict {
  readonly loop: 'alive' | 'wedged' | 'process' | 'unknown'
  readonly evidence: string
}

const TICK_TIMEOUT_MS = 1000
const TICK_TRIES = 3
const TICK_PAUSE_MS = 200

export const heartbeatFile = (home: string): string => path.join(home, HomeFile.heartbeat)

/** Reads the heartbeat file. Never throws. */
export function readHeartbeat(host: AccountHost, home: string): FileReading<Heartbeat> {
  return readJson(host, heartbeatFile(home), (value) => {
    if (!isObject(value) || typeof value.pid !== 'number') return undefined
    const updatedAt =
      typeof value.updated_at === 'string' && /(?:Z|[+-]\d\d:\d\d)$/.test(value.updated_at) ? Date.parse(value.updated_at) : NaN
    return {
      pid: value.pid,
      monotonicSec: typeof value.monotonic === 'number' ? value.monotonic : undefined,
      updatedAtMs: Number.isNaN(updatedAt) ? undefined : updatedAt,
      hasTickSocket: typeof value.loop_tick_socket === 'boolean' ? value.loop_tick_socket : undefined,
    }
  })
}

/** Asks the event loop of a gateway for its one byte. `tries`: how often a silent one is asked again. */
export async function askTick(host: AccountHost, home: string, pid: number, tries = TICK_TRIES): Promise<TickReading> {
  const socket = path.join(home, tickSocket(pid))
  for (let attempt = 1; ; attempt++) {
    try {
      if ((await host.exchange(socket, '', {timeoutMs: TICK_TIMEOUT_MS, until: '1'})).includes('1')) return 'answers'
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      if (error.code === 'ENOENT') return 'missing'
    }
    if (attempt >= tries) return 'silent'
    await host.sleep(TICK_PAUSE_MS)
  }
}

/**
 * Age of a heartbeat in seconds, by the clock that does not jump where it is recorded; undefined if it cannot be told. On macOS that is the wall clock: the
 * gateway's monotonic one (Python's time.monotonic() is mach_absolute_time there) stands still while the machine sleeps, and ours does not, so that after a
 * sleep every heartbeat would be late by its length.
 */
export function heartbeatAgeSec(beat: Heartbeat, host: Pick<Host, 'platform'>, nowMs: number, monotonicMs: number): number | undefined {
  const isShared = beat.monotonicSec !== undefined && host.platform !== 'darwin'
  const monotonic = isShared ? monotonicMs / 1000 - beat.monotonicSec : undefined
  // Negative: written before the last boot, or in another time namespace.
  if (monotonic !== undefined && monotonic >= 0) return monotonic
  return beat.updatedAtMs === undefined ? undefined : (nowMs - beat.updatedAtMs) / 1000
}

/**
 * An answer of the tick socket proves the loop whatever the file's age. A fresh file proves the process alone: a loop that has just been
 * blocked leaves one that looks well for 90 s, and gateways from 0.18 to 0.20 have nothing else. A stale one proves a wedged loop only with a silent socket, or from a writer that had none. `beat` must be of the living pid.
 */
export function judgeHeartbeat(beat: Heartbeat, ageSec: number | undefined, tick: TickReading): HeartbeatVerdict {
  const age = ageSec === undefined ? 'of unknown age' : `${Math.round(ageSec)} s old`
  if (tick === 'answers') return {loop: 'alive', evidence: 'its event loop answers on the tick socket'}
  if (ageSec === undefined || ageSec < 0) return {loop: 'unknown', evidence: `its heartbeat is ${age}, and the tick socket does not answer`}
  if (ageSec <= GatewayLimit.heartbeatFreshSec) {
    return tick === 'silent'
      ? {loop: 'unknown', evidence: `its heartbeat is ${age}, but its event loop does not answer on the tick socket`}
      : {loop: 'process', evidence: `its heartbeat is ${age}`}
  }
  if (beat.hasTickSocket === undefined)
    return {loop: 'wedged', evidence: `its heartbeat is ${age}; it should be renewed every ${GatewayLimit.heartbeatEverySec} s`}
  if (beat.hasTickSocket && tick === 'silent')
    return {loop: 'wedged', evidence: `its heartbeat is ${age}, and its event loop does not answer on the tick socket`}
  return {loop: 'unknown', evidence: `its heartbeat is ${age}, and there is no tick socket to ask`}
}
