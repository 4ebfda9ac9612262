import path from 'node:path'
import type {Account, Door} from '../host/host.js'
import {parseSettings, type ServiceSettings} from './settings.js'

/** The settings of all services that are installed in a scope, by the name of their folder. */
export function recordedSettings(host: Door, supportFolder: string): Map<string, ServiceSettings> {
  const found = new Map<string, ServiceSettings>()
  for (const name of host.list(supportFolder) ?? []) {
    const settings = parseSettings(host.readText(path.join(supportFolder, name, 'settings.json')))
    if (settings) found.set(name, settings)
  }
  return found
}

/** The settings among them whose services this account's tick serves. */
export function wantingTick(all: Iterable<ServiceSettings>, account: Account): ServiceSettings[] {
  return [...all].filter((settings) => settings.heartbeat.enabled && settings.account === account.name)
}

/** What an account's tick has to do once one of the services in a scope has other settings. */
export interface TickWish {
  /** The settings whose services it serves then. */
  readonly wanting: readonly ServiceSettings[]
  /** False for a service that is not there and goes on not being there: it changes nothing for the others. */
  readonly isAbout: boolean
  /** Some account of the scope still needs the tick's program. */
  readonly isProgramWanted: boolean
}

/**
 * The tick's task when the service that is recorded as `name` gets these settings (undefined: is taken away), among all that are recorded.
 * Pure.
 */
export function tickWish(
  recorded: ReadonlyMap<string, ServiceSettings>,
  name: string,
  settings: ServiceSettings | undefined,
  account: Account,
): TickWish {
  const all = new Map(recorded)
  all.delete(name)
  if (settings) all.set(name, settings)
  return {
    wanting: wantingTick(all.values(), account),
    isAbout: settings !== undefined || recorded.has(name),
    isProgramWanted: [...all.values()].some((one) => one.heartbeat.enabled),
  }
}
