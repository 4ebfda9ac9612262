import path from 'node:path'
import {isObject} from '../gateway/records.js'
import {type AccountHost, HostError} from '../host/host.js'
import {whyUnreadable} from '../host/tolerant-read.js'
import {EVENT_KINDS, type EventKind} from './event.js'

/**
 * Who is told of a profile's gateway, and of what. Targets and the ping are secrets, so it is a file that only the home's owner can read,
 * `<home>/.hermes-svc-notify.json`; the same for every manager.
 */
export interface NotifySettings {
  /** As they were typed; see parseTarget. */
  readonly targets: readonly string[]
  /** Undefined: of everything. */
  readonly on: readonly EventKind[] | undefined
  /** How often it is told again while it lasts. */
  readonly reminderMs: number
  /** What is fetched at each tick that proves the gateway alive; see pingUrl. */
  readonly ping: string | undefined
}

/** Six hours. */
export const DEFAULT_REMINDER_MS = 6 * 3_600_000
export const NO_NOTIFY: NotifySettings = {targets: [], on: undefined, reminderMs: DEFAULT_REMINDER_MS, ping: undefined}
/** More than that nobody is told at once, and no tick could in its time. */
export const MOST_TARGETS = 20

const FILE_BYTES = 64 * 1024

export const notifyFile = (home: string): string => path.join(home, '.hermes-svc-notify.json')

export type NotifyReading = {readonly kind: 'read'; readonly settings: NotifySettings} | {readonly kind: 'unreadable'; readonly why: string}

/** Reads who is told; nobody where there is no such file. Never throws. */
export function readNotify(host: AccountHost, home: string): NotifyReading {
  try {
    const text = host.readText(notifyFile(home), FILE_BYTES)
    if (text === undefined) return {kind: 'read', settings: NO_NOTIFY}
    const settings = parseNotify(text)
    return settings ? {kind: 'read', settings} : {kind: 'unreadable', why: 'not a record of hermes-svc'}
  } catch (error) {
    if (error instanceof HostError) return {kind: 'unreadable', why: whyUnreadable(error)}
    throw error
  }
}

function parseNotify(text: string): NotifySettings | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || value.schemaVersion !== 1) return undefined
  const {targets, on, reminderMs, ping} = value
  if (!Array.isArray(targets) || !targets.every((one): one is string => typeof one === 'string')) return undefined
  const kinds = Array.isArray(on) ? EVENT_KINDS.filter((kind) => on.includes(kind)) : undefined
  return {
    targets: targets.slice(0, MOST_TARGETS),
    on: kinds,
    reminderMs: typeof reminderMs === 'number' && Number.isFinite(reminderMs) && reminderMs > 0 ? reminderMs : DEFAULT_REMINDER_MS,
    ping: typeof ping === 'string' ? ping : undefined,
  }
}

/** The text of that file. */
export function formatNotify({targets, on, reminderMs, ping}: NotifySettings): string {
  return `${JSON.stringify({schemaVersion: 1, targets, on, reminderMs, ping}, null, 2)}\n`
}

/** True if nobody is told anything by these, so that no file has to say so. */
export function tellsNobody(settings: NotifySettings): boolean {
  return formatNotify(settings) === formatNotify(NO_NOTIFY)
}
