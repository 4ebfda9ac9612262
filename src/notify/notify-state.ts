import path from 'node:path'
import {isObject} from '../gateway/records.js'
import {takesNothing} from '../host/errno.js'
import {type AccountHost, HostError} from '../host/host.js'
import {overAll, writeOver} from '../host/write-over.js'
import {EVENT_KINDS, type LastingKind, LASTING_KINDS, type NotifyEvent} from './event.js'
import {EMPTY_OUTBOX, type Outbox, type TargetFault, type Waiting} from './outbox.js'
import type {NotifyMemory, Remembered} from './transition.js'

/**
 * What the tick remembers from one time to the next: what is bad and was told, what is still to be told, and whether the ping arrives. In
 * `<home>/.hermes-svc-notify-state.json`, since it must outlive a stop and a reboot; only the tick writes it.
 */
export interface NotifyState {
  readonly memory: NotifyMemory
  /** The gateway that was seen last, `pid:startTime`; a new one has been started since. */
  readonly gateway: string | undefined
  readonly outbox: Outbox
  /** Why the ping does not arrive. */
  readonly pingFault: TargetFault | undefined
}

export const EMPTY_STATE: NotifyState = {memory: {}, gateway: undefined, outbox: EMPTY_OUTBOX, pingFault: undefined}

/** Of an outbox that is full of the longest events. */
const FILE_BYTES = 1024 * 1024
/** The file has at least so many, with blanks behind its text, so that some events have room in it where the disk has none for a new file. */
const ROOM_BYTES = 8 * 1024

export const notifyStateFile = (home: string): string => path.join(home, '.hermes-svc-notify-state.json')
/** The same of `doctor --notify`, which alone writes it. */
export const doctorNotifyFile = (home: string): string => path.join(home, '.hermes-svc-notify-doctor.json')

/** Where it is kept: a file in the home, and one in the runtime folder for as long as the disk of the home takes nothing. */
export type StateFiles = readonly [file: string, spare?: string]

/** Those of the tick. A disk that is full or read-only is what a gateway dies of, and who is to be told of that must be told once. */
export const tickStateFiles = (home: string, runtimeFolder: string): StateFiles => [
  notifyStateFile(home),
  path.join(runtimeFolder, 'notify-state'),
]

/** Reads it, from the spare file if there is one, which is the newer; what is not there, damaged or not to be read is as if nothing had been. Never throws. */
export function readNotifyState(host: AccountHost, [file, spare]: StateFiles): NotifyState {
  return (spare === undefined ? undefined : readState(host, spare)) ?? readState(host, file) ?? EMPTY_STATE
}

function readState(host: AccountHost, file: string): NotifyState | undefined {
  try {
    const text = host.readText(file, FILE_BYTES)
    return text === undefined ? undefined : parseState(JSON.parse(text))
  } catch (error) {
    if (error instanceof HostError || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Throws HostError where neither place takes it. */
export function writeNotifyState(host: AccountHost, [file, spare]: StateFiles, state: NotifyState): void {
  const text = `${JSON.stringify({schemaVersion: 1, ...state})}\n`
  try {
    writeOver(host, {path: file, text: text.padEnd(ROOM_BYTES), mode: 0o600, whenFull: (content) => overAll(content, text)})
    if (spare !== undefined) host.removeFile(spare)
  } catch (error) {
    if (!(error instanceof HostError) || !takesNothing(error)) throw error
    if (spare === undefined || host.stat(path.dirname(spare))?.kind !== 'folder') throw error
    host.writeAtomic(spare, text, 0o600)
  }
}

/** Each member by itself: who may write to the home can write anything there. */
function parseState(value: unknown): NotifyState {
  if (!isObject(value) || value.schemaVersion !== 1) return EMPTY_STATE
  const {memory, gateway, outbox, pingFault} = value
  const {waiting, faults} = isObject(outbox) ? outbox : {}
  return {
    memory: records(memory, parseRemembered),
    gateway: isText(gateway) ? gateway : undefined,
    outbox: {waiting: Array.isArray(waiting) ? waiting.flatMap(parseWaiting) : [], faults: records(faults, parseFault)},
    pingFault: parseFault(pingFault),
  }
}

function records<T>(value: unknown, parse: (value: unknown) => T | undefined): Record<string, T> {
  const entries = isObject(value) ? Object.entries(value) : []
  return Object.fromEntries(
    entries.flatMap(([key, entry]) => {
      const parsed = parse(entry)
      return parsed === undefined ? [] : [[key, parsed] as const]
    }),
  )
}

function parseRemembered(value: unknown): Remembered | undefined {
  if (!isObject(value)) return undefined
  const {sinceMs, badTicks, goodTicks, told, toldMs} = value
  if (!isTime(sinceMs) || !isTime(badTicks) || !isTime(goodTicks) || !isTime(toldMs) || !Array.isArray(told)) return undefined
  return {sinceMs, badTicks, goodTicks, told: LASTING_KINDS.filter((kind: LastingKind) => told.includes(kind)), toldMs}
}

function parseWaiting(value: unknown): Waiting[] {
  if (!isObject(value) || !Array.isArray(value.targets)) return []
  const event = parseEvent(value.event)
  return event ? [{event, targets: value.targets.filter(isText)}] : []
}

function parseEvent(value: unknown): NotifyEvent | undefined {
  if (!isObject(value)) return undefined
  const {id, atMs, sinceMs, machine, service, profile, what, lines, next, isReminder} = value
  const kind = EVENT_KINDS.find((known) => known === value.kind)
  if (kind === undefined || !isTime(atMs) || !isTime(sinceMs) || !Array.isArray(lines) || typeof isReminder !== 'boolean') return undefined
  if (!isText(id) || !isText(machine) || !isText(service) || !isText(profile) || !isText(what) || !isText(next)) return undefined
  return {id, kind, atMs, sinceMs, machine, service, profile, what, lines: lines.filter(isText), next, isReminder}
}

function parseFault(value: unknown): TargetFault | undefined {
  if (!isObject(value)) return undefined
  const {failures, sinceMs, untilMs, why} = value
  return isTime(failures) && isTime(sinceMs) && isTime(untilMs) && isText(why) ? {failures, sinceMs, untilMs, why} : undefined
}

const isText = (value: unknown): value is string => typeof value === 'string'
/** Of a time that `Date` knows (ECMA-262, 21.4.1.1), so that it can be shown. */
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 8.64e15
