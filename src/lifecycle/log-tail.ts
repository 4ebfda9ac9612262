import type {LogEntry} from '../observe/log-entry.js'
import {entryLines} from '../observe/log-text.js'
import {Logs} from '../observe/logs.js'
import type {Target} from '../observe/where.js'

/** The last lines of a service's logs, as `lastEntries` finds them. */
export function logTail(target: Target, lines: number): string[] {
  return linesOf(lastEntries(target, lines)).slice(-lines)
}

/**
 * The end of a service's logs, that of the gateway's own files and what its manager has in one. Never throws; empty if there are none, or none that may
 * be read.
 */
export function lastEntries({host, userHost, manager, service}: Target, count: number): readonly LogEntry[] {
  const target = {host, userHost, profile: service.profile, service}
  return new Logs(host, manager, [target], {lines: count, withManagers: true}).past().entries
}

export function linesOf(entries: readonly LogEntry[]): string[] {
  return entries.flatMap((entry) => entryLines(entry))
}
