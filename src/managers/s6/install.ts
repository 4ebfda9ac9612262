import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import type {Account, Host} from '../../host/host.js'
import {type Done, onUndo, type RunStep, type Step} from '../../plan/plan.js'
import {PUBLISH, REMOVE, S6_ENVIRONMENT, shell, SKELETON} from './control.js'
import {takeBack} from './ownership.js'
import {stagingOf} from './paths.js'

const CHANGE_TIMEOUT_MS = 60_000
const SCRIPTS = ['run', 'finish', 'log/run']

/** One call of s6's programs, or of a standard tool, that changes something. */
export function changeStep(why: string, argv: readonly string[], as?: Account): RunStep {
  return {kind: 'run', why, argv, env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS, ...(as ? {as} : {})}
}

/** Ends the supervisor of a slot and takes the slot away, with what is left of an earlier attempt. `memory`: goes with it. */
export function removeSlot(scan: string, name: string, as: Account | undefined, memory = ''): RunStep {
  return changeStep(`end the supervision of ${name}, and remove its slot`, shell(REMOVE, scan, name, memory), as)
}

/** Takes a slot back to root before anything is written there. What was the user's is not given back by an undo. */
export function takeBackStep(host: Host, slot: string): Step {
  const tampered = (what: string) =>
    new ServiceError(what, {code: 'slot-tampered', exitStatus: ExitStatus.failed, next: ['hermes-svc boot   # replaces it']})
  const act = async (): Promise<Done> => {
    // Those would be taken away, and are not all written anew.
    const theirs = SCRIPTS.map((name) => path.join(slot, name)).find((file) => (host.lstat(file)?.uid ?? 0) !== 0)
    if (theirs !== undefined) throw tampered(`${theirs} is not root's, so what it does cannot be known`)
    if (!takeBack(host, slot)) throw tampered(`${slot}/supervise was changed by others than s6`)
    return {changed: true, what: slot}
  }
  return {kind: 'act', why: `let only root change ${slot}`, act}
}

/**
 * Moves steps that make a slot's files to the place beside it where a new one is built, and has it renamed in when all of it is there, so
 * that s6-svscan never sees half of one. It is `down` until it is started. Steps about other places come first. `as`: whose the slot will be.
 */
export function buildBeside(scan: string, name: string, steps: readonly Step[], account: Account, as: Account | undefined): Step[] {
  const slot = `${scan}/${name}`
  const staging = stagingOf(scan, name)
  const isInside = (place: string) => place === slot || place.startsWith(`${slot}/`)
  const inside = steps.filter((step) => 'path' in step && isInside(step.path))
  const moved = inside.map((step): Step => {
    if (!('path' in step)) return step
    const place = staging + step.path.slice(slot.length)
    return {...step, path: place, why: step.why.replace(step.path, place)}
  })
  return [
    ...steps.filter((step) => !inside.includes(step)),
    ...onUndo([removeSlot(scan, name, as)]),
    ...moved,
    {kind: 'write-file', why: 'keep it down until it is started', path: `${staging}/down`, text: '', mode: 0o644, as},
    changeStep(`let ${account.name} control it`, shell(SKELETON, `${account.uid}:${account.gid}`, staging), as),
    changeStep(`put it in place as ${slot}`, shell(PUBLISH, staging, slot), as),
  ]
}
