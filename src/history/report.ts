import type {Target} from '../observe/where.js'
import {availabilities, type Availability, WINDOWS} from './availability.js'
import {type NotRead, readFacts} from './read.js'
import {type HistoryEntry, timeline} from './timeline.js'
import {entryWords} from './words.js'

/** What of a history is to be shown. */
export interface HistoryWish {
  /** ms since the epoch. */
  readonly sinceMs: number
  readonly untilMs: number
  /** The newest ones alone; undefined: all. */
  readonly count: number | undefined
}

/** The history of one service. */
export interface History {
  readonly service: string
  readonly profile: string
  readonly sinceMs: number
  readonly untilMs: number
  /** Of the windows up to now, whatever is shown. */
  readonly availability: readonly Availability[]
  /** Oldest first. */
  readonly entries: readonly HistoryEntry[]
  /** Older ones in the time asked for, which `count` leaves out. */
  readonly left: number
  readonly notRead: readonly NotRead[]
}

const LONGEST_WINDOW_MS = Math.max(...WINDOWS.map(({ms}) => ms))

/** Reads the history of a service. Availability needs the longest window, whatever is to be shown. */
export function readHistory(target: Target, {sinceMs, untilMs, count}: HistoryWish): History {
  const nowMs = target.host.nowMs()
  const {facts, notRead, now} = readFacts(target, Math.min(sinceMs, nowMs - LONGEST_WINDOW_MS))
  const entries = timeline(facts, now)
  const shown = entries.filter((entry) => endOf(entry) >= sinceMs && entry.atMs <= untilMs).map((entry) => from(entry, sinceMs))
  const newest = count === undefined ? shown : shown.slice(Math.max(0, shown.length - count))
  return {
    ...{service: target.service.name, profile: target.service.profile.name, sinceMs, untilMs},
    availability: availabilities(entries, now.nowMs),
    entries: newest,
    left: shown.length - newest.length,
    notRead,
  }
}

function endOf(entry: HistoryEntry): number {
  if (entry.kind === 'gap') return entry.untilMs
  return entry.kind === 'phase' ? (entry.untilMs ?? Infinity) : entry.atMs
}

/** What began before that is shown as from then on. */
function from<Entry extends HistoryEntry>(entry: Entry, sinceMs: number): Entry {
  return entry.atMs >= sinceMs ? entry : {...entry, atMs: sinceMs}
}

const iso = (ms: number): string => new Date(Math.round(ms)).toISOString()
const whole = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms))

/** A history as `history --json` prints it (src/schemas/history.schema.json). */
export function historyJson({service, profile, sinceMs, untilMs, availability, entries, left, notRead}: History): object {
  return {
    ...{service, profile, since: iso(sinceMs), until: iso(untilMs)},
    availability: availability.map((one) => ({
      ...{
        windowMs: one.windowMs,
        upMs: whole(one.upMs),
        downMs: whole(one.downMs),
        offMs: whole(one.offMs),
        unknownMs: whole(one.unknownMs),
      },
      percent: one.percent === undefined ? null : Math.floor(one.percent * 1000) / 1000,
      restarts: {planned: one.planned, asked: one.asked, unplanned: one.unplanned},
      ...{outages: one.outages, longestOutageMs: whole(one.longestOutageMs), meanRecoveryMs: whole(one.meanRecoveryMs)},
      bar: one.bar,
    })),
    entries: entries.map((entry) => ({time: iso(entry.atMs), kind: entry.kind, ...moreOf(entry), text: entryWords(entry)})),
    left,
    notRead: notRead.map(({source, why, beforeMs}) => ({source, why, before: beforeMs === undefined ? null : iso(beforeMs)})),
  }
}

function moreOf(entry: HistoryEntry): object {
  switch (entry.kind) {
    case 'start':
      return {by: entry.by}
    case 'end':
      return {
        ...{
          reason: entry.reason,
          by: entry.by,
          uptimeMs: whole(entry.upMs),
          failures: entry.failures ?? null,
          delayMs: entry.delayMs ?? null,
        },
        notBefore: entry.notBeforeMs === undefined ? null : iso(entry.notBeforeMs),
      }
    case 'command':
      return {command: entry.command, outcome: entry.outcome, error: entry.error ?? null, files: entry.files}
    case 'phase':
      return {what: entry.what, about: entry.about, until: entry.untilMs === undefined ? null : iso(entry.untilMs)}
    case 'boot':
      return {}
    case 'gap':
      return {until: iso(entry.untilMs)}
  }
}
