import {ageMs} from '../gateway/process.js'
import {type Doors, HostError} from '../host/host.js'
import {keepGoodConfig} from '../service/last-good.js'
import type {Tick} from './tick.js'

/**
 * Keeps the configuration that a gateway works with, so that one can go back to it. Never throws for what it finds: what keeps it from being kept is for
 * `doctor` to tell, a full disk say.
 */
export async function keepGood({host, userHost}: Doors, home: string, {verdict, gateway}: Tick): Promise<void> {
  const living = verdict.state !== 'alive' || verdict.pid === undefined ? undefined : gateway.processes.get(verdict.pid)
  if (!living) return
  try {
    await keepGoodConfig(userHost, home, ageMs(host, living))
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
}
