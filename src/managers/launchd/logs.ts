import path from 'node:path'
import {usageError} from '../../errors.js'
import {type Door, HostError} from '../../host/host.js'
import {shellQuote} from '../../text/shell-quote.js'
import type {LogQuery, Logs} from '../manager.js'
import {launchctlEnvironment} from './launchctl.js'
import {definitionPaths, heartbeatPaths} from './paths.js'
import type {Launchd} from './whereabouts.js'

/** See Logs: files, one for the service and one for the tick. */
export function logs({scope}: Launchd): Logs {
  return {
    command: (service, query) => ({
      ...{argv: logCommand(definitionPaths(scope, service).log, query), env: launchctlEnvironment(), isPlain: true},
      reader: scope === 'system' ? 'machine' : 'account',
    }),
    files: (service) => [definitionPaths(scope, service).log, heartbeatPaths(scope, service.account).log],
  }
}

/**
 * The command line that prints a service's log: a file, which launchd appends to and never rotates. tail(1) follows it by name, so also
 * over a rotation. A file says nothing of when its lines were written, so `since` cannot be asked of it: a usage error.
 */
function logCommand(log: string, query: LogQuery): string[] {
  if (query.since !== undefined) {
    throw usageError("--since needs times, and launchd's log is a file that has none; --lines and --follow work", [
      'hermes-svc logs -n 500',
      `less ${shellQuote(log)}   # what the gateway writes has times of its own`,
    ])
  }
  const lines = query.lines >= 0 ? String(query.lines) : '+1'
  return ['tail', '-n', lines, ...(query.follow ? ['-F'] : []), '--', log]
}

/** The log and what rotations have made of it, `<log>.1` and so on. */
export function logFilesOf(host: Door, log: string): string[] {
  try {
    const names = host.list(path.dirname(log)) ?? []
    return names
      .filter((name) => name === path.basename(log) || isRotated(name, path.basename(log)))
      .map((name) => path.join(path.dirname(log), name))
  } catch (error) {
    if (error instanceof HostError) return []
    throw error
  }
}

function isRotated(name: string, log: string): boolean {
  return name.startsWith(`${log}.`) && /^\d+(?:\.gz)?$/.test(name.slice(log.length + 1))
}
