import type {ProcessInfo} from '../gateway/process-info.js'
import type {TickPlaces} from '../managers/tick-places.js'
import path from 'node:path'
import {tick} from './tick.js'
import {type Host, HostError} from '../host/host.js'
import {parseSettings, type ServiceSettings} from '../service/settings.js'
import {watch} from './watchdog.js'

/** What is to be logged, the worst first: `failed` is our own failure. */
export interface TickLine {
  readonly failed: boolean
  readonly text: string
}

/**
 * Ticks all services of this host's account that want it, all at once, so that a gateway which does not answer keeps no other waiting.
 * Quiet about everything that is as it should be, a gateway that is down included.
 */
export async function tickAll(host: Host, places: TickPlaces): Promise<TickLine[]> {
  const {supportFolder} = places
  let folders: string[]
  try {
    folders = (host.list(supportFolder) ?? []).filter(places.isService ?? (() => true))
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return [{failed: true, text: error.message}]
  }
  const lines = await Promise.all(folders.map((folder) => tickService(host, places, folder)))
  return lines.flat()
}

async function tickService(host: Host, places: TickPlaces, folder: string): Promise<TickLine[]> {
  const name = places.serviceName(folder)
  let settings: ServiceSettings | undefined
  try {
    settings = parseSettings(host.readText(path.join(places.supportFolder, folder, 'settings.json')))
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return [{failed: true, text: `${name}: ${error.message}`}]
  }
  if (!settings?.heartbeat.enabled || settings.account !== host.account.name) return []
  const {home, heartbeat} = settings
  const doors = {host, userHost: host.as(host.account)}
  const ticked = await tick(doors, home, host.account.uid)
  const lines: TickLine[] = []
  if (ticked.result.kind === 'failed') lines.push({failed: true, text: `${name}: ${ticked.result.why}`})
  // A gateway that is down is no news, one that lives and cannot be ticked is.
  if (ticked.result.kind === 'nothing' && ticked.result.isFault) {
    const {pid = 0} = ticked.verdict
    const text = `${name}: the gateway (pid ${pid}) lives, and nothing tells monitors so: ${ticked.result.why}; a restart has it written anew`
    lines.push({failed: false, text})
  }
  if (heartbeat.watchdogTicks !== null) {
    const runtimeFolder = places.runtimeFolder(folder, settings)
    const isOwn = (process: ProcessInfo) => places.isOwn(folder, process)
    const line = await watch(doors, {name, home, runtimeFolder, limit: heartbeat.watchdogTicks, isOwn}, ticked)
    if (line !== undefined) lines.push({failed: false, text: `${name}: ${line}`})
  }
  return lines
}
