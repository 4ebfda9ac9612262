import type {Logs} from '../manager.js'
import type {S6} from './ownership.js'
import {slotPaths} from './paths.js'
import {S6_ENVIRONMENT, slotProgram} from './programs.js'

/** See Logs: what s6-log has written, which rotates it. The folder is the gateway's own: root must not follow what it may have put there. */
export function logs({host, scan}: S6): Logs {
  return {
    command: (service, {lines, since, follow, json}) => ({
      argv: slotProgram(host, 'logs', slotPaths(scan, service).logs, String(lines), since ?? '', follow ? '1' : '', json ? '1' : ''),
      env: {...S6_ENVIRONMENT},
      reader: 'account',
    }),
  }
}
