import path from 'node:path'
import type {GatewayProcess} from '../gateway/signal-gateway.js'
import {HostError} from '../host/host.js'
import type {Target} from '../observe/where.js'

/** Of the helpers' memory: there while a stop that somebody asked for is under way. */
const STOPPING = 'stopping'

/**
 * Tells the helper that counts failures that the end which is about to come was asked for, whatever it will be: once the gateway is gone the
 * manager may be quicker with the next start than any command. Where the helpers have no memory nobody counts.
 */
export function announceEnd({userHost, manager, service}: Target, gateway: GatewayProcess): void {
  try {
    const memory = manager.memoryFolder(service)
    if (userHost.stat(memory)?.kind === 'folder') userHost.writeAtomic(path.join(memory, STOPPING), `${gateway.pid}\n`, 0o600)
  } catch (error) {
    // A full disk must not keep a gateway from being stopped; it costs a failure in the count.
    if (!(error instanceof HostError)) throw error
  }
}
