import {shownPing} from '../../notify/ping.js'
import {type NotifyReading, notifyFile, readNotify} from '../../notify/notify-file.js'
import {type NotifyState, notifyStateFile, readNotifyState} from '../../notify/notify-state.js'
import type {TargetFault} from '../../notify/outbox.js'
import {shownTarget} from '../../notify/target.js'
import {targetKey} from '../../notify/target-key.js'
import {inWords} from '../../text/layout.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import {tickFaultsOf, tickSteps} from '../heartbeat-of.js'
import type {Scene} from '../scene.js'

interface Evidence {
  readonly reading: NotifyReading
  readonly state: NotifyState | undefined
  /** Why the manager does not run the tick that would tell. */
  readonly tickFaults: readonly string[]
}

/** Failures are no news before that: networks and servers come back. */
const LONG_MS = 3_600_000
const MANY = 3

/** `off`: nothing finds out what there is to tell. `failing`: a target that has not been reached for long, or the ping. `unreadable`: who is told is not known. */
export const definition: CheckDefinition<Evidence> = {
  id: 'notify',
  title: 'notifications that do not arrive, because the heartbeat does not run or a target fails',
  why: 'The gateway may be down for days before somebody notices.',
  seeByHand: {
    systemd: [
      ['systemctl --user list-timers hermes-svc-heartbeat.timer', 'when the heartbeat, which notifies you, last ran'],
      ['ls -l ~/.hermes/.hermes-svc-notify.json', 'the list of targets'],
    ],
    launchd: [
      ['launchctl print gui/$(id -u)/ai.hermes-svc.heartbeat', 'whether the heartbeat, which notifies you, is loaded'],
      ['ls -l ~/.hermes/.hermes-svc-notify.json', 'the list of targets'],
    ],
    s6: [
      ['s6-svstat /run/service/hermes-svc-heartbeat', 'whether the heartbeat, which notifies you, is up'],
      ['ls -l ~/.hermes/.hermes-svc-notify.json', 'the list of targets'],
    ],
  },
  whatTheFixDoes:
    'The fix starts the heartbeat. It cannot repair a target that fails: "hermes-svc notify test" sends a test message to each target and shows the error.',
  ifItComesBack:
    'A target fails when its address, its password or the network has changed. "hermes-svc notify list" shows since when each target fails, and why.',
  needsService: true,
  needsManager: true,
  look: async (scene) => {
    const {userHost, service} = scene.target
    const reading = readNotify(userHost, service.profile.home)
    const isUsed = reading.kind === 'read' && (reading.settings.targets.length > 0 || reading.settings.ping !== undefined)
    if (!isUsed) return {reading, state: undefined, tickFaults: []}
    const state = readNotifyState(userHost, [notifyStateFile(service.profile.home)])
    return {reading, state, tickFaults: (await tickFaultsOf(scene)) ?? []}
  },
  diagnose: (scene, {reading, state, tickFaults}) => {
    const {home} = scene.target.service.profile
    if (reading.kind === 'unreadable') {
      const what = `nobody is notified of a failure: ${notifyFile(home)}, the list of targets, cannot be read (${reading.why})`
      return [
        {
          kind: 'unreadable',
          severity: 'warning',
          what,
          isFixable: false,
          cure: [`rm ${notifyFile(home)}   # then add each target again with hermes-svc notify add`],
        },
      ]
    }
    if (!state) return []
    const {targets, ping} = reading.settings
    const failing = targets.flatMap((target) => {
      const fault = state.outbox.faults[targetKey(target)]
      return fault ? aboutFault(scene, `notifications to ${shownTarget(target)}`, fault) : []
    })
    const pings = ping !== undefined && state.pingFault ? aboutFault(scene, `pings to ${shownPing(ping)}`, state.pingFault) : []
    return [...aboutTick(scene, tickFaults), ...failing, ...pings]
  },
  fix: {
    isSafe: true,
    interrupts: false,
    plan: async ({target, seen}) => ({
      title: `start the heartbeat of ${target.service.name}`,
      steps: await tickSteps(target, seen.manager.settings),
      outcome: `the heartbeat of ${target.service.name} runs and sends notifications`,
    }),
  },
}

function aboutTick(scene: Scene, tickFaults: readonly string[]): Found[] {
  const {manager} = scene.seen
  if (manager.settings?.heartbeat.enabled === false && !manager.isForeground) {
    const cure = [commandLine(scene, 'config set heartbeat=on')]
    return [
      {
        kind: 'off',
        severity: 'warning',
        what: 'nobody is notified of a failure: the heartbeat, which notices failures, is off',
        isFixable: false,
        cure,
      },
    ]
  }
  if (tickFaults.length === 0) return []
  const what = `nobody is notified of a failure: the heartbeat of ${manager.service.name} does not run (${tickFaults.join('; ')})`
  return [{kind: 'off', severity: 'warning', what}]
}

function aboutFault(scene: Scene, messages: string, {failures, sinceMs, why}: TargetFault): Found[] {
  const forMs = scene.nowMs - sinceMs
  if (failures < MANY || forMs < LONG_MS) return []
  return [
    {
      kind: 'failing',
      severity: 'warning',
      what: `${messages} have failed for ${inWords(forMs)}`,
      evidence: [`${failures} failures in a row; the last one: ${why}`],
      isFixable: false,
      cure: [commandLine(scene, 'notify test'), commandLine(scene, 'notify list')],
    },
  ]
}

export const check = defineCheck(definition)
