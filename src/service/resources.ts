import {isObject} from '../gateway/records.js'

/**
 * What a service may take of the machine: `memoryHigh`, `memoryMax`, a size or a share as systemd takes them (systemd.resource-control(5)), e.g. `1.5G` or
 * `80%`; `nice`: -20 to 19; `cpuWeight`: 1 to 10000, 100 is everybody's;
 * `keepAwake`: the machine does not go to sleep while the gateway runs. What nobody chose is absent, and as the manager has it.
 */
export interface Resources {
  readonly memoryHigh?: string
  readonly memoryMax?: string
  readonly nice?: number
  readonly cpuWeight?: number
  readonly keepAwake?: true
}

/** A change of them; null takes one away. */
export type ResourceRequest = {readonly [Name in keyof Resources]?: Exclude<Resources[Name], undefined> | null}

/** Less than that no gateway comes up in. */
const LEAST_BYTES = 64 * 1024 ** 2
const UNITS = 'KMGT'
/** For messages. */
export const LIMIT_FORM = 'a size of at least 64M, such as 800M or 1.5G, or a share of the machine’s memory, 1% to 100%'
export const NICE_FORM = 'a whole number, -20 (first) to 19 (last)'
export const CPU_WEIGHT_FORM = 'a whole number, 1 to 10000; the default of other services is 100'

/** A limit of memory in the one way in which it is kept; undefined if it is none. */
export function parseLimit(text: string): string | undefined {
  const limit = text.toUpperCase()
  const isIt = isShare(limit) || (isSize(limit) && (limitBytes(limit, 0) ?? 0) >= LEAST_BYTES)
  return isIt ? limit : undefined
}

function isShare(limit: string): boolean {
  const share = /^(\d{1,3})%$/.exec(limit)?.[1]
  return share !== undefined && Number(share) >= 1 && Number(share) <= 100
}

function isSize(limit: string): boolean {
  return new RegExp(`^\\d{1,15}$|^\\d{1,12}(?:\\.\\d{1,3})?[${UNITS}]$`).test(limit)
}

/** A limit in bytes, on a machine that has so many; undefined for what is none. */
export function limitBytes(limit: string, machineBytes: number): number | undefined {
  if (isShare(limit)) return Math.floor((machineBytes * Number(limit.slice(0, -1))) / 100)
  if (!isSize(limit)) return undefined
  const power = UNITS.indexOf(limit.slice(-1)) + 1
  const bytes = Math.floor(Number(power > 0 ? limit.slice(0, -1) : limit) * 1024 ** power)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** A whole number within bounds; undefined if it is none. */
function parseWhole(text: string, least: number, most: number): number | undefined {
  return /^[+-]?\d{1,5}$/.test(text) && isWhole(Number(text), least, most) ? Number(text) + 0 : undefined
}

export const parseNice = (text: string): number | undefined => parseWhole(text, -20, 19)
export const parseCpuWeight = (text: string): number | undefined => parseWhole(text, 1, 10_000)

function isWhole(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
}

/** Whoever starts the gateway with its own ids may put it behind others, not before them (setpriority(2)). */
export function refusedNice(nice: number): string | undefined {
  return nice < 0 ? '--nice: this service can lower the priority of the gateway, but not raise it: use 0 to 19' : undefined
}

/** What was chosen before, with what is asked for now. */
export function withResources(before: Resources | undefined, request: ResourceRequest | undefined): Resources {
  return Object.fromEntries(Object.entries({...before, ...request}).filter(([, value]) => value !== null && value !== undefined))
}

/** Why two limits of memory do not go together; undefined if they do. A share and a size are told apart on the machine alone. */
export function refusedTogether({memoryHigh, memoryMax}: Resources): string | undefined {
  if (memoryHigh === undefined || memoryMax === undefined || isShare(memoryHigh) !== isShare(memoryMax)) return undefined
  const [high = 0, max = 0] = [memoryHigh, memoryMax].map((limit) => limitBytes(limit, 100))
  return high > max ? `--memory-high (${memoryHigh}) must not be higher than --memory-max (${memoryMax})` : undefined
}

/** Of a record; undefined if it is not whole. One of before there were any has none. */
export function parseResources(value: unknown): Resources | undefined {
  if (value === undefined) return {}
  if (!isObject(value)) return undefined
  const {memoryHigh, memoryMax, nice, cpuWeight, keepAwake} = value
  const isLimit = (one: unknown) => one === undefined || (typeof one === 'string' && parseLimit(one) === one)
  if (!isLimit(memoryHigh) || !isLimit(memoryMax)) return undefined
  if ((nice !== undefined && !isWhole(nice, -20, 19)) || (cpuWeight !== undefined && !isWhole(cpuWeight, 1, 10_000))) return undefined
  if (keepAwake !== undefined && keepAwake !== true) return undefined
  return withResources(undefined, {memoryHigh, memoryMax, nice, cpuWeight, keepAwake} as ResourceRequest)
}
