import type {Account} from '../../host/host.js'
import {onUndo, type RunStep, type Step} from '../../plan/plan.js'
import {PUBLISH, REMOVE, S6_ENVIRONMENT, shell, SKELETON} from './control.js'
import {stagingOf} from './places.js'

const CHANGE_TIMEOUT_MS = 60_000

/** One call of s6's programs, or of a standard tool, that changes something. */
export function changeStep(why: string, argv: readonly string[], as?: Account): RunStep {
  return {kind: 'run', why, argv, env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS, ...(as ? {as} : {})}
}

/** Ends the supervisor of a slot and takes the slot away, with what is left of an earlier attempt. `memory`: goes with it. */
export function removeSlot(scan: string, name: string, memory = ''): RunStep {
  return changeStep(`end the supervision of ${name}, and remove its slot`, shell(REMOVE, scan, name, memory))
}

/**
 * Moves steps that make a slot's files to the place beside it where a new one is built, and has it renamed in when all of it is there, so
 * that s6-svscan never sees half of one. It is `down` until it is started. Steps about other places come first.
 */
export function buildBeside(scan: string, name: string, steps: readonly Step[], account: Account): Step[] {
  const slot = `${scan}/${name}`
  const staging = stagingOf(scan, name)
  const isInside = (path: string) => path === slot || path.startsWith(`${slot}/`)
  const inside = steps.filter((step) => 'path' in step && isInside(step.path))
  const moved = inside.map((step): Step => {
    if (!('path' in step)) return step
    const path = staging + step.path.slice(slot.length)
    return {...step, path, why: step.why.replace(step.path, path)}
  })
  return [
    ...steps.filter((step) => !inside.includes(step)),
    ...onUndo([removeSlot(scan, name)]),
    ...moved,
    {kind: 'write-file', why: 'keep it down until it is started', path: `${staging}/down`, text: '', mode: 0o644},
    changeStep(`let ${account.name} control it`, shell(SKELETON, `${account.uid}:${account.gid}`, staging)),
    changeStep(`put it in place as ${slot}`, shell(PUBLISH, staging, slot)),
  ]
}
