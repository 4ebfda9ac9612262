import path from 'node:path'
import {type Door, HostError} from '../../host/host.js'
import {numberedLog} from '../../host/log-file.js'
import type {Logs, ManagerLog} from '../manager.js'
import {stampedManagerLine} from '../stamped-line.js'
import {definitionPaths, heartbeatPaths} from './paths.js'
import type {Launchd} from './whereabouts.js'

/** See Logs: files, one for the service and one for the tick, which launchd appends to and never rotates; its lines have the times that were printed. */
export function logs({scope}: Launchd): Logs {
  return {
    of: (services) =>
      services.map(
        (service): ManagerLog => ({
          ...{kind: 'files', service, reader: scope === 'system' ? 'machine' : 'account'},
          log: numberedLog(definitionPaths(scope, service).log),
          lineOf: stampedManagerLine,
        }),
      ),
    files: (service) => [definitionPaths(scope, service).log, heartbeatPaths(scope, service.account).log],
  }
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
