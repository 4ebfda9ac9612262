import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import {type Door, type Doors, HostError} from '../host/host.js'
import type {LogCommand} from '../managers/manager.js'
import type {Target} from '../observe/where.js'

const LOG_TIMEOUT_MS = 5000
/** Of a file that grows without an end. */
const TAIL_BYTES = 256 * 1024

export const gatewayLogFile = (home: string): string => path.join(home, HomeFile.log)

/** The door through which a log is read. */
export function logReader({host, userHost}: Doors, {reader}: Pick<LogCommand, 'reader'>): Door {
  return reader === 'machine' ? host : userHost
}

/**
 * The last lines of a service's log: the manager's, or the gateway's own file where the manager's may not be read (a plain user sees
 * nothing of the journal on a machine without persistent journals). Never throws; empty if there is none.
 */
export function logTail(target: Target, lines: number): string[] {
  const command = target.manager.logs?.command(target.service, {lines, follow: false, since: undefined, json: false})
  const printed = command
    ? nonEmptyLines(logReader(target, command).read(command.argv, {env: command.env, timeoutMs: LOG_TIMEOUT_MS}).stdout)
    : []
  return printed.length > 0 ? printed.slice(-lines) : fileTail(target.userHost, gatewayLogFile(target.service.profile.home), lines)
}

function fileTail(host: Door, file: string, lines: number): string[] {
  try {
    return nonEmptyLines(host.readTail(file, TAIL_BYTES) ?? '').slice(-lines)
  } catch (error) {
    if (error instanceof HostError) return []
    throw error
  }
}

function nonEmptyLines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}
