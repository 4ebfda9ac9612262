import path from 'node:path'
import type {Account, Host} from '../host/host.js'
import {parseSettings, type ServiceSettings} from './settings.js'

/** The settings of all services that are installed in a scope, by the name of their folder. */
export function recordedSettings(host: Host, supportFolder: string): Map<string, ServiceSettings> {
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
