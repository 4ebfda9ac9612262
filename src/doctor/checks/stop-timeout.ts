import {configuredDrain, type Drain} from '../../gateway/drain.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import {reinstall} from '../reinstall.js'

/** What a gateway needs beside its drain to end in good order, and what it needs at least (upstream's oldest formula). */
const AROUND_DRAIN_SEC = 30
const AROUND_CRON_SEC = 10
const AT_LEAST_SEC = 60

interface Evidence {
  readonly stopTimeoutMs: number | undefined
  readonly configured: Partial<Drain>
}

/** The manager kills the gateway before the work in hand is finished. */
export const definition: CheckDefinition<Evidence> = {
  id: 'stop-timeout',
  title: 'a stop that kills the gateway before it has finished its work',
  why: 'A gateway killed in the middle of its work loses it, can damage its database, and leaves a stale lock for the next start.',
  needsService: true,
  needsManager: true,
  look: async ({target: {manager, userHost, service}, seen}) => ({
    stopTimeoutMs: manager.evidence(seen.manager).stopTimeoutMs,
    configured: await configuredDrain(userHost, service.profile.home),
  }),
  diagnose: ({seen}, {stopTimeoutMs, configured}) => {
    if (stopTimeoutMs === undefined || seen.manager.broken !== undefined) return []
    const {drainSec, cronDrainSec} = configured
    const neededSec = Math.max(AT_LEAST_SEC, (drainSec ?? 0) + AROUND_DRAIN_SEC, (cronDrainSec ?? 0) + AROUND_CRON_SEC)
    if (stopTimeoutMs >= neededSec * 1000) return []
    const drains = [
      ...(drainSec === undefined ? [] : [`restart_drain_timeout is ${drainSec} s`]),
      ...(cronDrainSec === undefined ? [] : [`cron_drain_timeout is ${cronDrainSec} s`]),
    ]
    return [
      {
        kind: 'too-short',
        severity: 'warning',
        what: `a stop of ${seen.manager.service.name} is cut off after ${stopTimeoutMs / 1000} s, and the gateway may need ${neededSec} s`,
        evidence: [...drains, `${AT_LEAST_SEC} s is the least that any gateway needs`],
        isSafe: seen.manager.installed !== 'foreign',
      },
    ]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: (scene, _evidence, _found, options) => reinstall(scene, options, {keepRunning: true}),
  },
}

export const check = defineCheck(definition)
