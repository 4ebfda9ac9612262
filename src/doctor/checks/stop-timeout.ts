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
  seeByHand: {
    systemd: [
      ['systemctl --user show hermes-gateway -p TimeoutStopUSec', 'how long a stop may take'],
      ['grep drain_timeout ~/.hermes/config.yaml', 'how long the gateway has to finish its work, in s (no line: the default)'],
    ],
    launchd: [
      ['launchctl print gui/$(id -u)/ai.hermes.gateway', '"exit timeout": how long a stop may take, in seconds'],
      ['grep drain_timeout ~/.hermes/config.yaml', 'how long the gateway has to finish its work, in s (no line: the default)'],
    ],
    s6: [
      ['cat /run/service/gateway-default/timeout-kill', 'how long a stop may take, in ms'],
      ['cat /run/s6/container_environment/S6_KILL_GRACETIME', 'how long a stop of the container may take, in ms; 3000 if unset'],
      ['grep drain_timeout ~/.hermes/config.yaml', 'how long the gateway has to finish its work, in s (no line: the default)'],
    ],
  },
  whatTheFixDoes:
    'The fix writes a stop timeout that is long enough for the drain timeouts in config.yaml. The time that a container has to stop is set where the container is started: the finding says how.',
  unsafe: 'for a service of another tool',
  ifItComesBack:
    'After each change of a drain timeout in config.yaml, type "hermes-svc fix stop-timeout". If the value changes back by itself, "hermes-svc diff" shows which file sets it.',
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
