import {configuredDrain, type Drain} from '../../gateway/drain.js'
import type {DefinitionEvidence} from '../../managers/manager.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {reinstall} from '../reinstall.js'

/** What a gateway needs beside its drain to end in good order, and what it needs at least (upstream's oldest formula). */
const AROUND_DRAIN_SEC = 30
const AROUND_CRON_SEC = 10
const AT_LEAST_SEC = 60

interface Evidence {
  readonly stopTimeoutMs: number | undefined
  readonly shutdown: DefinitionEvidence['shutdown']
  readonly configured: Partial<Drain>
}

/** The manager kills the gateway before the work in hand is finished. */
export const definition: CheckDefinition<Evidence> = {
  id: 'stop-timeout',
  title: 'a stop that kills the gateway before it has finished its work',
  why: 'A gateway that is killed in the middle of its work loses that work, can damage its database, and leaves a stale lock behind.',
  needsService: true,
  needsManager: true,
  look: async ({target: {manager, userHost, service}, seen}) => ({
    stopTimeoutMs: manager.definition.evidence(seen.manager).stopTimeoutMs,
    shutdown: manager.definition.evidence(seen.manager).shutdown,
    configured: await configuredDrain(userHost, service.profile.home),
  }),
  diagnose: ({seen}, {stopTimeoutMs, shutdown, configured}) => {
    if (seen.manager.broken !== undefined) return []
    const {name} = seen.manager.service
    const {drainSec, cronDrainSec} = configured
    const neededSec = Math.max(AT_LEAST_SEC, (drainSec ?? 0) + AROUND_DRAIN_SEC, (cronDrainSec ?? 0) + AROUND_CRON_SEC)
    const isTooShort = (limitMs: number | undefined) => limitMs !== undefined && limitMs < neededSec * 1000
    const cutOff = (limitMs: number) => `is cut off after ${limitMs / 1000} s, but the gateway may need ${neededSec} s`
    const needs = [
      ...(drainSec === undefined ? [] : [`restart_drain_timeout is ${drainSec} s`]),
      ...(cronDrainSec === undefined ? [] : [`cron_drain_timeout is ${cronDrainSec} s`]),
      `every gateway needs at least ${AT_LEAST_SEC} s`,
    ]
    const found: Found[] = []
    if (stopTimeoutMs !== undefined && isTooShort(stopTimeoutMs)) {
      const isSafe = seen.manager.installed !== 'foreign'
      found.push({kind: 'too-short', severity: 'warning', what: `a stop of ${name} ${cutOff(stopTimeoutMs)}`, evidence: needs, isSafe})
    }
    if (shutdown && isTooShort(shutdown.limitMs)) {
      found.push({
        ...{kind: 'container-too-short', severity: 'warning', what: `a stop of the container of ${name} ${cutOff(shutdown.limitMs)}`},
        ...{evidence: [shutdown.evidence, ...needs], isFixable: false, cure: shutdown.cure},
      })
    }
    return found
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: (scene, _evidence, _found, options) => reinstall(scene, options, {keepRunning: true}),
  },
}

export const check = defineCheck(definition)
