import {readProcess} from '../gateway/process.js'
import {TOOL_ENVIRONMENT} from '../gateway/process-darwin.js'
import type {Host} from '../host/host.js'
import {readIfAllowed} from '../host/tolerant-read.js'
import type {Chronicle} from '../managers/manager.js'
import type {BootFact} from './facts.js'

/** Two sources tell of one boot if their times differ by no more: a log begins when its program does. */
const SAME_BOOT_MS = 120_000
const TIMEOUT_MS = 5000
/** Of /proc/<pid>/stat, a second (proc(5), sysconf _SC_CLK_TCK, 100 on every Linux that node runs on). */
const MS_PER_TICK = 10

/** When a boot began, and when it was last heard of; ms since the epoch. */
export interface LoggedBoot {
  readonly atMs: number
  readonly lastMs?: number
}

/** The boots that are on record, oldest first, the present one among them as far as the kernel tells of it. `noted`: those that somebody else has noted. In a container a boot is that of the container. */
export function readBoots(host: Host, chronicle: Chronicle | undefined, noted: readonly LoggedBoot[]): BootFact[] {
  const printed = chronicle ? host.read(chronicle.bootsCommand, {env: chronicle.env, timeoutMs: TIMEOUT_MS}).stdout : ''
  return mergedBoots([...(chronicle?.bootsOf(printed) ?? []), ...noted], presentBoot(host))
}

/** The boots of a log, and the present one, whose time may be told twice. Pure. */
export function mergedBoots(logged: readonly LoggedBoot[], presentMs: number | undefined): BootFact[] {
  const sorted = [...logged].sort((one, other) => one.atMs - other.atMs)
  const boots = sorted.map(({atMs}, index): BootFact => ({kind: 'boot', atMs, formerEndMs: sorted[index - 1]?.lastMs}))
  const isKnown = presentMs === undefined || boots.some(({atMs}) => Math.abs(atMs - presentMs) <= SAME_BOOT_MS)
  return isKnown ? boots : [...boots, {kind: 'boot' as const, atMs: presentMs}].sort((one, other) => one.atMs - other.atMs)
}

/** When the machine came up, or PID 1 of the container was started; ms since the epoch. */
function presentBoot(host: Host): number | undefined {
  if (host.platform === 'darwin') {
    const {stdout} = host.read(['/usr/sbin/sysctl', '-n', 'kern.boottime'], {env: TOOL_ENVIRONMENT, timeoutMs: TIMEOUT_MS})
    const [, sec] = /\bsec = (\d{1,12})\b/.exec(stdout) ?? []
    return sec === undefined ? undefined : Number(sec) * 1000
  }
  const [, sec] = /^btime (\d{1,12})$/m.exec(readIfAllowed(host, '/proc/stat') ?? '') ?? []
  const init = readProcess(host, 1)?.startTime
  return sec === undefined ? undefined : Number(sec) * 1000 + (init ?? 0) * MS_PER_TICK
}
