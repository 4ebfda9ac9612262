import {failingLate, inPhase, onUndo, type Step} from '../plan/plan.js'
import type {Observation} from '../observe/look.js'
import type {Target} from '../observe/where.js'
import {recordIntent} from './intent.js'
import {Phase} from './phase.js'
import {restoredTick} from './shared.js'

/** What a start and a restart begin with: the gateway is recorded as one that should be running, comes up at boot, and is ticked. `command`: who asks. */
export async function wantRunning(target: Target, seen: Observation, command: 'start' | 'restart'): Promise<Step[]> {
  const {manager, service} = target
  const {control} = manager
  const enable = seen.manager.enabled === false ? [...onUndo(control.disable(service)), ...failingLate(control.enable(service))] : []
  return [
    ...inPhase(Phase.record('running'), recordIntent(target, seen, 'running', command, {isBeside: true})),
    ...inPhase(Phase.enable, enable),
    ...inPhase(Phase.heartbeat, await restoredTick(target, seen.manager)),
  ]
}
