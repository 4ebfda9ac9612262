import path from 'node:path'
import {HomeFile, LOOP_WATCHDOG, type SaidState} from './contract.js'
import {type AccountHost, HostError} from '../host/host.js'
import {isObject, readGatewayState, readJson, stateFile} from './records.js'

const lifecycleFile = (home: string): string => path.join(home, HomeFile.lifecycle)

/** The run of a gateway that has ended. */
export interface EndedRun {
  readonly pid: number
  /** Of its process; undefined if that was gone too soon. */
  readonly startTime: number | undefined
  /** By the wall clock, ms since the epoch. */
  readonly startedWallMs: number
}

/** What the files of a home say of the run that has just ended; what an earlier one has left there counts for nothing. */
export interface LastWords {
  /** What it last wrote into its state file; undefined if that is another run's or is not to be read. */
  readonly said: {readonly gatewayState: SaidState | undefined; readonly restartRequested: boolean} | undefined
  /** Upstream's note that a restart was requested is this run's. */
  readonly isRestartPending: boolean
  /** A planned-stop marker names it, which it did not read any more. */
  readonly isStopPlanned: boolean
  /** It ended itself since its event loop did not answer its own watchdog. */
  readonly isLoopWatchdog: boolean
}

/** Reads what a run has left; `host` acts as the home's owner. Reads only, and never throws for what it finds. */
export function readLastWords(host: AccountHost, home: string, run: EndedRun): LastWords {
  const isOfRun = (file: string): boolean => modifiedMs(host, file) >= run.startedWallMs
  const state = readGatewayState(host, home)
  const value = state.kind === 'present' ? state.value : undefined
  const written = value?.process?.startTime
  const isOwn = written !== undefined && run.startTime !== undefined ? written >= run.startTime : isOfRun(stateFile(home))
  const lifecycle = lifecycleFile(home)
  const reason = readJson(host, lifecycle, (read) => (isObject(read) ? (read.exit_reason ?? '') : undefined))
  const marker = readJson(host, path.join(home, HomeFile.plannedStop), (read) => (isObject(read) ? (read.target_pid ?? 0) : undefined))
  return {
    said: value && isOwn ? {gatewayState: value.gatewayState, restartRequested: value.restartRequested} : undefined,
    isRestartPending: isOfRun(path.join(home, HomeFile.restartPending)),
    isStopPlanned: marker.kind === 'present' && marker.value === run.pid && isOfRun(path.join(home, HomeFile.plannedStop)),
    isLoopWatchdog: reason.kind === 'present' && reason.value === LOOP_WATCHDOG && isOfRun(lifecycle),
  }
}

function modifiedMs(host: AccountHost, file: string): number {
  try {
    return host.stat(file)?.modifiedMs ?? 0
  } catch (error) {
    if (error instanceof HostError) return 0
    throw error
  }
}
