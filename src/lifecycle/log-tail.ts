import {entryLines} from '../observe/log-text.js'
import {Logs} from '../observe/logs.js'
import type {Target} from '../observe/where.js'

/**
 * The last lines of a service's logs, those of the gateway's own files and what its manager has in one. Never throws; empty if there are none, or none
 * that may be read.
 */
export function logTail({host, userHost, manager, service}: Target, lines: number): string[] {
  const target = {host, userHost, profile: service.profile, service}
  const {entries} = new Logs(host, manager, [target], {lines, withManagers: true}).past()
  return entries.flatMap((entry) => entryLines(entry)).slice(-lines)
}
