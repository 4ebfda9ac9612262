import path from 'node:path'
import {pidNamespace} from '../gateway/pid-namespace.js'
import {hasEnded, readProcess} from '../gateway/process.js'
import {isObject, readJson} from '../gateway/records.js'
import type {Doors, Host} from '../host/host.js'
import {bootId} from './desired-state.js'
import {formatSettings, parseSettings, type ServiceSettings} from './settings.js'

// What `hermes-svc run` leaves of itself in the home while it lives, so that the other commands know of it. It is written and read with the account's ids:
// whoever has the home can write anything there, so it is believed of a process only that is this very one, and nothing is ever signalled by it.

/** What a gateway in the foreground does, and how it has fared. */
export interface RunRecord {
  readonly schemaVersion: 1
  /** Of `hermes-svc run` itself. */
  readonly pid: number
  /** See ProcessInfo. */
  readonly startTime: number
  /** The boot, and the PID namespace, in which these two mean something; undefined where nothing tells. */
  readonly boot?: string
  readonly namespace?: string
  /** `waiting`: the gateway has ended, and its next start is delayed. */
  readonly activity: 'running' | 'waiting' | 'stopping'
  /** The process that was launched as the gateway, which may be a wrapper of it. */
  readonly gatewayPid?: number
  /** ms on the machine's monotonic clock when that was launched, and when the activity last changed. */
  readonly startedAtMs?: number
  readonly changedAtMs: number
  /** Starts after the first one. */
  readonly restarts: number
  readonly failuresInARow: number
  readonly lastExit?: {readonly how: 'exited' | 'killed'; readonly status: number}
  /** The folder of what has to be remembered between two starts, where wishes are left too. */
  readonly memory: string
  readonly settings: ServiceSettings
}

/** What others may wish of it. `start`: do not wait any longer; `restart`: end the gateway too, and start it at once; `stop`: end it for good. */
export const RUN_WISHES = ['start', 'restart', 'stop'] as const
export type RunWish = (typeof RUN_WISHES)[number]

/** No record is longer. */
const RECORD_BYTES = 64 * 1024
const NAME = 'hermes-gateway'

export const runRecordFile = (home: string): string => path.join(home, '.hermes-svc-run.json')

/** The file in which a wish is left for it. */
export const runWishFile = (memory: string): string => path.join(memory, 'wish')

/** How a gateway in the foreground is called; `suffix`: see serviceSuffix. */
export const runName = (suffix: string): string => (suffix === '' ? NAME : `${NAME}-${suffix}`)

/** What tells the processes of this boot and of this PID namespace from all others of the same numbers. */
export function runPlace(host: Host): Pick<RunRecord, 'boot' | 'namespace'> {
  const [boot, namespace] = [bootId(host), pidNamespace(host)]
  return {...(boot === undefined ? {} : {boot}), ...(namespace === undefined ? {} : {namespace})}
}

/** The record of the `hermes-svc run` that keeps the gateway of a home alive here; undefined if none lives. Never throws. */
export function readRun({host, userHost}: Doors, home: string): RunRecord | undefined {
  const reading = readJson(userHost, runRecordFile(home), parseRun, RECORD_BYTES)
  if (reading.kind !== 'present') return undefined
  const {pid, startTime, boot, namespace} = reading.value
  const here = runPlace(host)
  if (boot !== here.boot || namespace !== here.namespace) return undefined
  const process = readProcess(host, pid)
  const isIt = process !== undefined && !hasEnded(process) && process.startTime === startTime && process.argv.includes('run')
  // Only root keeps the gateway of somebody else.
  return isIt && (process.uid === undefined || process.uid === 0 || process.uid === userHost.account.uid) ? reading.value : undefined
}

/** Each member by itself: who may write to the home can write anything there. */
function parseRun(value: unknown): RunRecord | undefined {
  if (!isObject(value) || value.schemaVersion !== 1) return undefined
  const {pid, startTime, boot, namespace, activity, gatewayPid, startedAtMs, changedAtMs, restarts, failuresInARow, memory} = value
  const settings = parseSettings(JSON.stringify(value.settings ?? null))
  if (!settings || !isCount(pid) || !isCount(startTime) || !isTime(changedAtMs) || !isCount(restarts) || !isCount(failuresInARow))
    return undefined
  if (activity !== 'running' && activity !== 'waiting' && activity !== 'stopping') return undefined
  if (typeof memory !== 'string' || !path.isAbsolute(memory)) return undefined
  const lastExit = parseExit(value.lastExit)
  return {
    ...{schemaVersion: 1, pid, startTime, activity, changedAtMs, restarts, failuresInARow, memory, settings},
    ...(typeof boot === 'string' ? {boot} : {}),
    ...(typeof namespace === 'string' ? {namespace} : {}),
    ...(isCount(gatewayPid) ? {gatewayPid} : {}),
    ...(isTime(startedAtMs) ? {startedAtMs} : {}),
    ...(lastExit ? {lastExit} : {}),
  }
}

function parseExit(value: unknown): RunRecord['lastExit'] {
  if (!isObject(value) || !isCount(value.status)) return undefined
  const {how, status} = value
  return how === 'exited' || how === 'killed' ? {how, status} : undefined
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0
const isCount = (value: unknown): value is number => isTime(value) && Number.isSafeInteger(value)

export function formatRun(record: RunRecord): string {
  const settings: unknown = JSON.parse(formatSettings(record.settings))
  return `${JSON.stringify({...record, settings})}\n`
}
