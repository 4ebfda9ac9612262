import type {ProcessInfo} from '../gateway/process-info.js'
import type {TickPlaces} from '../managers/tick-places.js'
import path from 'node:path'
import {tick} from './tick.js'
import {type Host, HostError} from '../host/host.js'
import {parseSettings, type ServiceSettings} from '../service/settings.js'
import {deliveryTime} from '../notify/event.js'
import type {Telling} from './notify.js'
import {told, watchAndTell} from './watch-and-tell.js'

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
  const ticked = await Promise.all(folders.map((folder) => tickService(host, places, folder)))
  const lines = ticked.flatMap((one) => one.lines)
  const tellings = ticked.flatMap(({name, telling}) => (telling ? [{name, telling}] : []))
  const everySec = Math.min(...ticked.flatMap(({intervalSec}) => intervalSec ?? []))
  // Once every gateway has had its tick: a receiver that does not answer keeps none of them waiting.
  return tellings.length === 0 ? lines : [...lines, ...(await tellAll(tellings, everySec * 1000))]
}

async function tellAll(tellings: readonly {readonly name: string; readonly telling: Telling}[], tickEveryMs: number): Promise<TickLine[]> {
  const time = deliveryTime(tickEveryMs)
  const lines = await Promise.all(tellings.map(async ({name, telling}) => linesOf(name, await told(telling, time))))
  return lines.flat()
}

const linesOf = (name: string, texts: readonly string[]): TickLine[] => texts.map((text) => ({failed: false, text: `${name}: ${text}`}))

interface TickedService {
  readonly name: string
  readonly lines: readonly TickLine[]
  readonly telling?: Telling | undefined
  /** How often it wants to be ticked; the most demanding one has all of them ticked as often. */
  readonly intervalSec?: number
}

async function tickService(host: Host, places: TickPlaces, folder: string): Promise<TickedService> {
  const name = places.serviceName(folder)
  let settings: ServiceSettings | undefined
  try {
    settings = parseSettings(host.readText(path.join(places.supportFolder, folder, 'settings.json')))
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return {name, lines: [{failed: true, text: `${name}: ${error.message}`}]}
  }
  if (!settings?.heartbeat.enabled || settings.account !== host.account.name) return {name, lines: []}
  const {home, heartbeat, scope, profile} = settings
  const doors = {host, userHost: host.as(host.account)}
  const runtimeFolder = places.runtimeFolder(folder, settings)
  const ticked = await tick(doors, home, host.account.uid, {isFromHere: isThere(host, runtimeFolder)})
  const lines: TickLine[] = []
  if (ticked.result.kind === 'failed') lines.push({failed: true, text: `${name}: ${ticked.result.why}`})
  // A gateway that is down is no news, one that lives and cannot be ticked is.
  if (ticked.result.kind === 'nothing' && ticked.result.isFault) {
    const {pid = 0} = ticked.verdict
    const text = `${name}: the gateway (pid ${pid}) is alive, but hermes-svc cannot refresh the timestamp: ${ticked.result.why}. Monitors report the gateway as dead until you type: hermes-svc restart`
    lines.push({failed: false, text})
  }
  const {whyKeptDown} = places
  const service = {
    ...{name, home, scope, profile, runtimeFolder, intervalSec: heartbeat.intervalSec, watchdogTicks: heartbeat.watchdogTicks},
    isOwn: (process: ProcessInfo) => places.isOwn(folder, process),
    ...(whyKeptDown ? {whyKeptDown: () => whyKeptDown(folder, settings)} : {}),
  }
  const attended = await watchAndTell(doors, service, ticked)
  const {intervalSec} = heartbeat
  return {name, lines: [...lines, ...linesOf(name, attended.lines)], telling: attended.telling, intervalSec}
}

/** Its manager made it when it started the service, in this container or on this machine, since a boot clears such places. */
function isThere(host: Host, runtimeFolder: string): boolean {
  try {
    return host.stat(runtimeFolder)?.kind === 'folder'
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
}
