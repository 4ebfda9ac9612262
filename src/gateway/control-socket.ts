import path from 'node:path'
import {GatewayLimit, HomeFile} from './contract.js'
import {type AccountHost, HostError} from '../host/host.js'
import {isObject} from './records.js'

/** What the control socket of a gateway (0.21 and later) answered to `identify`. A well-formed answer is proof of life. */
export type ControlReading =
  | {readonly kind: 'answered'; readonly pid: number; readonly startTime: number | undefined; readonly home: string | undefined}
  /** There is no socket: an older gateway, or none. */
  | {readonly kind: 'absent'}
  /** There is a socket file, and nobody listens on it. */
  | {readonly kind: 'refused'}
  | {readonly kind: 'silent'; readonly why: string}

const WHY_SILENT: Readonly<Record<string, string>> = {TIMEOUT: 'no answer in time', EFBIG: 'its answer is too large'}

/**
 * Asks who the gateway is: protocol version 1, one JSON line there, one back. Where the home's path is too long for a socket address,
 * `gateway.sock.path` names another place. Never throws.
 */
export async function identifyBySocket(
  host: AccountHost,
  home: string,
  timeoutMs = GatewayLimit.controlAnswerSec * 1000,
): Promise<ControlReading> {
  try {
    const elsewhere = host.readText(path.join(home, HomeFile.controlSocketPlace))?.trim()
    const socket = elsewhere || path.join(home, HomeFile.controlSocket)
    if (host.stat(socket)?.kind !== 'socket') return {kind: 'absent'}
    const reply: unknown = JSON.parse(await host.exchange(socket, '{"verb":"identify","id":1,"protocol":1}\n', {timeoutMs, until: '\n'}))
    if (!isObject(reply) || reply.ok !== true || !isObject(reply.result) || typeof reply.result.pid !== 'number') {
      return {kind: 'silent', why: 'its answer has an unknown form'}
    }
    const {pid, start_time: startTime, hermes_home: named} = reply.result
    return {
      kind: 'answered',
      pid,
      startTime: typeof startTime === 'number' ? startTime : undefined,
      home: typeof named === 'string' ? named : undefined,
    }
  } catch (error) {
    if (error instanceof SyntaxError) return {kind: 'silent', why: 'its answer is not JSON'}
    if (!(error instanceof HostError)) throw error
    if (error.code === 'ENOENT') return {kind: 'absent'}
    if (error.code === 'ECONNREFUSED') return {kind: 'refused'}
    return {kind: 'silent', why: WHY_SILENT[error.code] ?? error.code}
  }
}
