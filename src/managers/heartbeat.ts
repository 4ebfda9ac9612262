import path from 'node:path'
import type {Account, Host} from '../host/host.js'
import type {Step} from '../plan/plan.js'
import {tickWish, wantingTick} from '../service/recorded-settings.js'
import type {Service} from '../service/service.js'
import type {ServiceSettings} from '../service/settings.js'
import {definitionFile} from './definition-file.js'
import type {DefinitionFile, HeartbeatOptions, Tick, UsedProgram} from './manager.js'

/** The built tick, below the package's root. */
const BUILT_ENTRY = 'dist/heartbeat.cjs'
/** The name of the tick's program where it is installed. */
export const TICK_PROGRAM = 'heartbeat.cjs'

/** The tick's program as a file of a definition. */
export function tickProgram(host: Host, entry: string): DefinitionFile {
  const text = host.readText(path.join(host.packageRoot, BUILT_ENTRY))
  if (text === undefined) throw new Error(`the package is incomplete: ${BUILT_ENTRY} is missing`)
  return definitionFile(entry, text, {isProgram: true})
}

/** See Tick.programs. `node`: the one that the installed definition names; undefined if there is none. */
export function tickPrograms(node: string | undefined, entry: string): UsedProgram[] {
  if (node === undefined) return []
  return [
    {path: node, role: 'node'},
    {path: entry, role: 'tick'},
  ]
}

/** How often an account's tick comes, in seconds: as the most demanding of its services asks for. */
export function tickIntervalSec(wanting: readonly ServiceSettings[]): number {
  return Math.min(...wanting.map((settings) => settings.heartbeat.intervalSec))
}

/** What is there of an account's tick, and how it is changed. */
export interface TickNow {
  /** Why the manager does not run it as it is on disk. */
  readonly faults: readonly string[]
  /** Steps that make it what its files say; none if all is so already, and there are no faults. */
  install(files: readonly DefinitionFile[], faults: readonly string[]): Step[]
  /** Steps that end it and take it away; `withProgram`: its program too. None if there is nothing. */
  remove(withProgram: boolean): Step[]
}

/** See Tick. `nameOf`: the name by which the settings of a service are among all that are `recorded`. */
export function heartbeatOf(parts: {
  readonly recorded: () => ReadonlyMap<string, ServiceSettings>
  readonly nameOf: (service: Service) => string
  readonly render: (service: Service, wanting: readonly ServiceSettings[]) => Promise<DefinitionFile[]>
  readonly now: (service: Service, options: HeartbeatOptions) => TickNow
}): Pick<Tick, 'heartbeat' | 'files'> {
  const wishOf = (service: Service, settings: ServiceSettings | undefined) =>
    tickWish(parts.recorded(), parts.nameOf(service), settings, service.account)
  const files: Tick['files'] = async (service, settings) => {
    const {wanting} = wishOf(service, settings)
    return wanting.length === 0 ? [] : parts.render(service, wanting)
  }
  const heartbeat: Tick['heartbeat'] = async (service, settings, options = {}) => {
    const {wanting, isAbout, isProgramWanted} = wishOf(service, settings)
    if (wanting.length === 0) return {files: [], steps: parts.now(service, options).remove(!isProgramWanted), faults: []}
    const files = await parts.render(service, wanting)
    const now = parts.now(service, options)
    const {faults} = now
    return {files, steps: isAbout ? now.install(files, faults) : [], faults}
  }
  return {heartbeat, files}
}

/** Files of the tick that no service of its account wants any more; its program, `entry`, is that of all accounts. */
export function unwantedTick(
  recorded: ReadonlyMap<string, ServiceSettings>,
  account: Account,
  own: readonly string[],
  entry: string,
): string[] {
  const all = [...recorded.values()]
  if (wantingTick(all, account).length > 0) return []
  return [...own, ...(all.some((settings) => settings.heartbeat.enabled) ? [] : [entry])]
}
