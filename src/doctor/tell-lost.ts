import type {Finding} from './finding.js'
import {HEARTBEAT} from '../notify/conditions.js'
import {deliverAll} from '../notify/deliver-all.js'
import {readNotify} from '../notify/notify-file.js'
import {doctorNotifyFile, readNotifyState, type StateFiles, writeNotifyState} from '../notify/notify-state.js'
import {queued} from '../notify/queue.js'
import {targetKey} from '../notify/target-key.js'
import {transition} from '../notify/transition.js'
import type {Target} from '../observe/where.js'

/** Findings by which a tick does not run. */
const isLost = ({id, kind}: Finding): boolean => (id === 'notify' || id === 'missing-heartbeat') && kind === 'off'

/**
 * Tells the targets of a service that its heartbeat is lost, which the heartbeat itself cannot, and once more when it is back: what `doctor --notify` does beside
 * looking. What was told is remembered in a file of its own, so that it is told once however often doctor is run. Returns lines of what could not be told. Throws
 * HostError where it cannot be remembered.
 */
export async function tellLost(target: Target, findings: readonly Finding[], signal: AbortSignal): Promise<string[]> {
  const {userHost, service, manager} = target
  const {home, name: profile} = service.profile
  const reading = readNotify(userHost, home)
  if (reading.kind === 'unreadable' || reading.settings.targets.length === 0) return []
  const {settings} = reading
  const files: StateFiles = [doctorNotifyFile(home)]
  const before = readNotifyState(userHost, files)
  const [lost] = findings.filter(isLost)
  const nowMs = userHost.nowMs()
  const bad = lost
    ? [{about: HEARTBEAT, kind: 'heartbeat-lost' as const, sinceMs: undefined, what: `has lost its heartbeat: ${lost.what}`}]
    : []
  const {memory, told} = transition(before.memory, {bad, well: [HEARTBEAT], meant: []}, {nowMs, reminderMs: settings.reminderMs})
  const keys = settings.targets.map(targetKey)
  const source = {name: service.name, scope: manager.scope, profile, home}
  const state = {...before, memory, outbox: await queued(target, source, told, {settings, state: before, keys, nowMs})}
  if (JSON.stringify(state) === JSON.stringify(before) && state.outbox.waiting.length === 0) return []
  writeNotifyState(userHost, files, state)
  return deliverAll(userHost, {settings, state, files}, {whole: signal, prompt: signal})
}
