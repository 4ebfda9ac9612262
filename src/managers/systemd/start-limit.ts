import type {RestartPolicy} from '../../service/restart-policy.js'
import {parseSpanMs, type Properties} from './show.js'

/**
 * The limit that a unit of ours has, StartLimitIntervalSec= in seconds and StartLimitBurst=. systemd counts every start against it, planned
 * restarts and those by hand too (systemd.unit(5)). The unit's own pace uses a small part of it, and what is left is more than a person or a
 * script makes by hand: measured, 50 `systemctl restart` of the smallest gateway took 4 to 5 s.
 */
export const START_LIMIT = {intervalSec: 10, burst: 200}

/**
 * The least RestartSec=, ms. Where a unit's processes cannot be set up (216, 226 and the like) our helper does not run either, and this is all
 * the pace that is left. It is also longer than the gateway's own unit takes to restart it (0.2 s), so that there is one start.
 */
const LEAST_PAUSE_MS = 1000

/** RestartSec= of a unit, ms. */
export function restartPauseMs({restartDelayMs}: RestartPolicy): number {
  return Math.max(LEAST_PAUSE_MS, restartDelayMs)
}

/**
 * How many starts a gateway that ends at once can have within a time, the first included, at the pace of its unit alone; `pauseMs`: the pause
 * before the restart that follows that many others. Counts no further than `enough`.
 */
export function startsWithin(intervalMs: number, pauseMs: (restarts: number) => number, enough: number): number {
  let [starts, atMs] = [1, pauseMs(0)]
  while (starts < enough && atMs <= intervalMs) atMs += pauseMs(starts++)
  return starts
}

/** RestartSec= of a unit as its files have it, e.g. `1s`. */
export function restartPauseText(policy: RestartPolicy): string {
  const pauseMs = restartPauseMs(policy)
  return pauseMs % 1000 === 0 ? `${pauseMs / 1000}s` : `${pauseMs}ms`
}

/** A limit beyond so many starts is none. */
const MAX_COUNTED = 10_000

/** The start limit of a unit, and whether its own pace can reach it; undefined if it has none. */
export function startLimit(shown: Properties): {burst: number; intervalMs: number; starts: number; isReached: boolean} | undefined {
  const intervalMs = parseSpanMs(shown.StartLimitIntervalUSec) ?? 0
  const burst = Number(shown.StartLimitBurst ?? 0)
  if (!(intervalMs > 0 && burst > 0)) return undefined
  const enough = Math.min(burst, MAX_COUNTED) + 1
  const starts = startsWithin(intervalMs, (restarts) => pauseAfter(shown, restarts), enough)
  return {burst, intervalMs, starts, isReached: starts === enough && burst <= MAX_COUNTED}
}

/** The pause before the restart that follows that many others, ms. */
export function pauseAfter(shown: Properties, restarts: number): number {
  const firstMs = parseSpanMs(shown.RestartUSec) ?? 0
  const steps = Number(shown.RestartSteps ?? 0)
  const lastMs = parseSpanMs(shown.RestartMaxDelayUSec) ?? Infinity
  if (!(steps > 0) || !Number.isFinite(lastMs) || lastMs <= firstMs) return firstMs
  if (restarts >= steps) return lastMs
  return Math.max(firstMs, 1) * (lastMs / Math.max(firstMs, 1)) ** (restarts / steps)
}

/** What `isLeftAtStartLimit` goes by. */
export const START_LIMIT_PROPERTIES = [
  ...['Result', 'ActiveState', 'NRestarts', 'StartLimitBurst', 'StartLimitIntervalUSec'],
  ...['RestartUSec', 'RestartSteps', 'RestartMaxDelayUSec'],
]
/** As Result= has it, org.freedesktop.systemd1(5). */
export const START_LIMIT_RESULT = 'start-limit-hit'

/**
 * A unit that its start limit keeps down. systemd (252) does not always say so: a Result= that came before stays, and the restarts are left at the burst. Of a limit
 * that the unit's pace cannot reach they tell nothing: as many come of a long night.
 */
export function isLeftAtStartLimit(shown: Properties): boolean {
  if (shown.Result === START_LIMIT_RESULT) return true
  const limit = shown.ActiveState === 'failed' ? startLimit(shown) : undefined
  return limit?.isReached === true && Number(shown.NRestarts ?? 0) >= limit.burst
}
