import {tickProgramFaults} from './checks/helper-missing.js'
import type {Scene} from './scene.js'
import {tickFaultsOf} from './heartbeat-of.js'
import {hasOurPolicy} from './reinstall.js'
import {HEARTBEAT} from '../notify/conditions.js'
import {deliverAll} from '../notify/deliver-all.js'
import {readNotify} from '../notify/notify-file.js'
import {doctorNotifyFile, readNotifyState, type StateFiles, writeNotifyState} from '../notify/notify-state.js'
import {queued} from '../notify/queue.js'
import {targetKey} from '../notify/target-key.js'
import {type Sight, transition} from '../notify/transition.js'
import {isSettling} from '../observe/settling.js'
import {DEFAULT_HEARTBEAT} from '../service/settings.js'

/**
 * Tells the targets of a service that its heartbeat is lost, which the heartbeat itself cannot, and once more when it is back: what `doctor --notify` does beside
 * looking. What was told is remembered in a file of its own, so that it is told once however often doctor is run. Returns lines of what could not be told. Throws
 * HostError where it cannot be remembered, HostError or ServiceError where it cannot be told whether there is a heartbeat.
 */
export async function tellLost(scene: Scene, signal: AbortSignal): Promise<string[]> {
  const {target} = scene
  const {userHost, service, manager} = target
  const {home, name: profile} = service.profile
  const reading = readNotify(userHost, home)
  if (reading.kind === 'unreadable' || reading.settings.targets.length === 0) return []
  const {settings} = reading
  const files: StateFiles = [doctorNotifyFile(home)]
  const before = readNotifyState(userHost, files)
  const nowMs = userHost.nowMs()
  const {memory, told} = transition(before.memory, sightOf(await whyLost(scene)), {nowMs, reminderMs: settings.reminderMs})
  const keys = settings.targets.map(targetKey)
  const source = {name: service.name, scope: manager.scope, profile, home}
  const state = {...before, memory, outbox: await queued(target, source, told, {settings, state: before, keys, nowMs})}
  if (JSON.stringify(state) === JSON.stringify(before) && state.outbox.waiting.length === 0) return []
  writeNotifyState(userHost, files, state)
  return deliverAll(userHost, {settings, state, files}, {whole: signal, prompt: signal})
}

function sightOf(faults: readonly string[] | undefined): Sight {
  if (faults === undefined) return {bad: [], well: [], meant: []}
  const what = `has lost its heartbeat: ${faults.join('; ')}`
  const bad = faults.length === 0 ? [] : [{about: HEARTBEAT, kind: 'heartbeat-lost' as const, sinceMs: undefined, what}]
  return {bad, well: faults.length === 0 ? [HEARTBEAT] : [], meant: []}
}

/** Why the tick of a service does not run, if it does not, whichever checks have looked; undefined if that cannot be told, or no tick is ours to run. */
async function whyLost(scene: Scene): Promise<readonly string[] | undefined> {
  const {target, seen, unreachable, servedBy, monotonicMs} = scene
  if (servedBy !== undefined || isSettling(monotonicMs, DEFAULT_HEARTBEAT.intervalSec * 1000)) return undefined
  const {manager, service} = target
  if (unreachable) {
    const isOurs = manager.observer.recorded?.().some(({home, heartbeat}) => home === service.profile.home && heartbeat.enabled)
    return unreachable.code === 'no-user-manager' && isOurs ? [unreachable.message] : undefined
  }
  if (!hasOurPolicy(seen)) return undefined
  if (seen.manager.settings?.heartbeat.enabled === false) return ['it is off in the settings of the service']
  const programs = tickProgramFaults(scene)
  const faults = await tickFaultsOf(scene)
  return programs.length > 0 ? [...programs, ...(faults ?? [])] : faults
}
