import type {DesiredState} from '../gateway/contract.js'
import type {NotifySettings} from '../notify/notify-file.js'
import type {ServiceSettings} from '../service/settings.js'
import {DEFAULT_STATE, DOCUMENT_VERSION} from './machine-keys.js'
import {NOTIFY_SETTING_NAMES, notifySettingOf} from './notify-settings.js'
import {SETTING_NAMES, settingOf} from './setting-list.js'

/** An installed service, with all that the document says of it. */
export interface InstalledService {
  readonly profile: string
  /** As it has to be named where it is not the usual one of its account; undefined where it is. */
  readonly home: string | undefined
  /** Undefined where there is but one. */
  readonly scope: string | undefined
  readonly account: string
  readonly state: DesiredState | undefined
  readonly settings: ServiceSettings
  readonly notify: NotifySettings
  readonly environment: ReadonlyMap<string, string>
}

/** A document, and the variables that its references name, which have to be set when it is applied. */
export interface Exported {
  readonly document: {readonly schemaVersion: number; readonly services: readonly object[]}
  readonly variables: readonly {readonly name: string; readonly meant: string}[]
}

/**
 * The document of what is installed: what is the default is left out, and for each value that may be a secret stands the name of a variable. It is the name
 * that the gateway has it by, where all services have the same value by that name; else the profile is before it. Pure.
 */
export function exportMachine(services: readonly InstalledService[]): Exported {
  const names = new References(services)
  const documents = services.map((service) => serviceDocument(service, names))
  return {document: {schemaVersion: DOCUMENT_VERSION, services: documents}, variables: names.variables()}
}

function serviceDocument(service: InstalledService, names: References): object {
  const {profile, home, scope, account, state, settings, notify, environment} = service
  const chosen = SETTING_NAMES.flatMap((name) => {
    const setting = settingOf(name)
    const value = setting?.show(settings) ?? ''
    const isGiven = setting && (setting.isGiven?.(settings) ?? value !== setting.defaultText)
    return isGiven ? [[name, written(value)] as const] : []
  })
  const told = NOTIFY_SETTING_NAMES.flatMap((name) => {
    const setting = notifySettingOf(name)
    const values = setting?.values(notify) ?? []
    const each = values.map((value) => (setting?.mayBeSecret ? names.of(service, tokenOf(name), value) : written(value)))
    if (each.length === 0) return []
    return [[name, setting?.isMany ? each : each[0]] as const]
  })
  const env = [...environment].map(([name, value]) => [name, names.of(service, name, value)] as const)
  return {
    profile,
    ...(home === undefined ? {} : {home}),
    ...(scope === undefined ? {} : {scope}),
    ...{account, state: state ?? DEFAULT_STATE},
    ...Object.fromEntries([...chosen, ...told]),
    ...(env.length === 0 ? {} : {env: Object.fromEntries(env)}),
  }
}

/** A whole number is written as one. */
function written(value: string): string | number {
  return /^(0|[1-9]\d{0,8})$/.test(value) ? Number(value) : value
}

const tokenOf = (name: string) => `HERMES_SVC_${upper(name)}`
const upper = (text: string) => text.toUpperCase().replace(/[^A-Z0-9]/g, '_')

/** Gives each value the name of a variable: the same name is never given to two values. */
class References {
  private readonly given = new Map<string, {readonly value: string; readonly meant: string}>()
  /** The names by which services have different values. */
  private readonly differing: ReadonlySet<string>

  constructor(services: readonly InstalledService[]) {
    const values = new Map<string, Set<string>>()
    for (const {environment} of services) {
      for (const [name, value] of environment) values.set(name, (values.get(name) ?? new Set()).add(value))
    }
    this.differing = new Set([...values].flatMap(([name, all]) => (all.size > 1 ? [name] : [])))
  }

  of({profile}: InstalledService, name: string, value: string): {readonly fromEnv: string} {
    const own =
      this.differing.has(name) || name.startsWith('HERMES_SVC_') ? `${/^\d/.test(profile) ? '_' : ''}${upper(profile)}_${name}` : name
    for (let count = 1; ; count++) {
      const candidate = count === 1 ? own : `${own}_${count}`
      const known = this.given.get(candidate)
      if (known && known.value !== value) continue
      if (!known) this.given.set(candidate, {value, meant: `${name} of profile ${profile}`})
      return {fromEnv: candidate}
    }
  }

  variables(): {name: string; meant: string}[] {
    return [...this.given].map(([name, {meant}]) => ({name, meant}))
  }
}
