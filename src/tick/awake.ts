import path from 'node:path'
import {sinceBootMs} from '../gateway/process.js'
import {isObject} from '../gateway/records.js'
import {type Doors, HostError} from '../host/host.js'

// A machine that sleeps, or a manager that is held, runs neither the gateway nor the tick. When both go on, what a gateway has not done meanwhile says
// nothing of it: its network is not back, and it may have been let go after the tick. No clock alone tells that: CLOCK_MONOTONIC stands still while the
// machine sleeps (clock_gettime(2)), and goes on while processes are held; a virtual machine that is paused may keep both of its clocks standing. So the
// tick goes by itself: that it was not run for long.

/** What is remembered from tick to tick, in the service's runtime folder. */
interface Remembered {
  /** When the last tick was, by the wall clock and since the boot. */
  readonly wallMs: number
  readonly bootMs: number
  /** When the last one was that came late, since the boot; null: none has since then. */
  readonly wokeMs: number | null
}

const MEMORY_FILE = 'ticked'
/** Bytes of the record: always as many, so that it is written in its place. */
const RECORD_BYTES = 120
/** So late a tick may be on a busy machine, beside one that was left out. */
const LATE_MS = 30_000

/**
 * Notes that a service is ticked, and tells for how long all have been awake: ms since a tick came so late that the machine must have slept, or its
 * processes been held; Infinity if none has since the boot, or nothing is remembered. Never throws for what it finds.
 */
export function awakeForMs({host, userHost}: Doors, runtimeFolder: string, intervalSec: number): number {
  const file = path.join(runtimeFolder, MEMORY_FILE)
  try {
    if (userHost.stat(runtimeFolder)?.kind !== 'folder') return Infinity
    const now = {wallMs: host.nowMs(), bootMs: Math.round(sinceBootMs(host))}
    const known = parse(userHost.readText(file))
    const wokeMs = known === undefined ? null : wakeAfter(known, now, intervalSec * 1000)
    const text = JSON.stringify({...now, wokeMs} satisfies Remembered).padEnd(RECORD_BYTES)
    const isThere = userHost.editInPlace(file, (content) =>
      content.length > RECORD_BYTES ? undefined : {offset: 0, bytes: Buffer.from(text)},
    )
    if (!isThere) userHost.writeAtomic(file, text, 0o600)
    return wokeMs === null ? Infinity : now.bootMs - wokeMs
  } catch (error) {
    if (error instanceof HostError) return Infinity
    throw error
  }
}

/** When all were awake again after the last sleep, as remembered after a tick. A wall clock that was set ahead looks like a sleep, and does no harm. Pure. */
function wakeAfter({wallMs, bootMs, wokeMs}: Remembered, now: Omit<Remembered, 'wokeMs'>, everyMs: number): number | null {
  // The memory of another boot, where that is kept on a disk.
  if (bootMs > now.bootMs) return null
  const pauseMs = Math.max(now.bootMs - bootMs, now.wallMs - wallMs)
  return pauseMs > 2 * everyMs + LATE_MS ? now.bootMs : wokeMs
}

function parse(text: string | undefined): Remembered | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return undefined
    const {wallMs, bootMs, wokeMs} = value
    const isTime = (one: unknown): one is number => typeof one === 'number' && Number.isFinite(one) && one >= 0
    if (!isTime(wallMs) || !isTime(bootMs) || !(wokeMs === null || isTime(wokeMs))) return undefined
    return {wallMs, bootMs, wokeMs}
  } catch {
    return undefined
  }
}
