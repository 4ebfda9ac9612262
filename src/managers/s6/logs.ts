import type {Logs, ManagerLog} from '../manager.js'
import {stampedManagerLine} from '../stamped-line.js'
import type {S6} from './ownership.js'
import {slotPaths} from './paths.js'

/** See Logs: what s6-log has written, which rotates it. The folder is the gateway's own: root must not follow what it may have put there. */
export function logs({scan}: S6): Logs {
  return {
    of: (services) =>
      services.map(
        (service): ManagerLog => ({
          ...{kind: 'files', service, reader: 'account'},
          log: {folder: slotPaths(scan, service).logs, current: 'current', former: formerFiles},
          lineOf: stampedManagerLine,
        }),
      ),
  }
}

/** They are named by their time, so that the names are in order (s6-log); `previous` is one that is being named. */
function formerFiles(names: readonly string[]): string[] {
  const named = names.filter((name) => /^@[0-9a-f]{24}\.[su]$/.test(name)).sort()
  return names.includes('previous') ? [...named, 'previous'] : named
}
