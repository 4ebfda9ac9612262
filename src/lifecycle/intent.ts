import {HomeFile, StateField, type DesiredState} from '../gateway/contract.js'
import type {Step} from '../plan/plan.js'
import {ownCommand} from './own-command.js'
import {isMirrorDue, mirrorBackEdit, mirrorEdit} from './desired-mirror.js'
import {stateFile} from '../gateway/records.js'
import {
  bootId,
  type DesiredRecord,
  desiredStateFile,
  formatDesired,
  isStoppedUntilBoot,
  overwriteDesired,
} from '../service/desired-state.js'
import type {Observation} from '../observe/look.js'
import type {Target} from '../observe/where.js'

/**
 * Records the operator's intent, and mirrors it where upstream looks. What is so already is no step; a mirror that a kill between the two
 * writes left behind is made up for. `untilBoot`: it is stopped for now all the same. `isBeside`: what the operator wants is done also where it
 * cannot be recorded. On a disk that takes nothing that is a warning, since what was asked for matters more than the note of it; else the command fails at its end.
 */
export function recordIntent(
  target: Target,
  seen: Observation,
  desired: DesiredState,
  by: string,
  {untilBoot = false, isBeside = false}: {untilBoot?: boolean; isBeside?: boolean} = {},
): Step[] {
  const {profile, account} = target.service
  const gatewayRuns = seen.verdict.state !== 'dead'
  const mirror = mirrorIntent(target, desired, gatewayRuns)
  const boot = untilBoot ? bootId(target.host) : undefined
  const before = seen.desired.kind === 'recorded' && seen.desired.record.desiredState === desired ? seen.desired.record : undefined
  if (before && isStoppedUntilBoot(target.host, seen.desired) === (boot !== undefined)) {
    return isMirrorDue(target.userHost, profile.home, desired, gatewayRuns) ? [mirror] : []
  }
  const {since, by: recordedBy} = before ?? {since: new Date(target.host.nowMs()).toISOString(), by}
  const record: DesiredRecord = {schemaVersion: 1, desiredState: desired, since, by: recordedBy, ...(boot && {stoppedInBoot: boot})}
  return [
    {
      kind: 'write-file',
      why: `record that the service should be ${desired}${boot === undefined ? '' : ' from the next boot on'}`,
      path: desiredStateFile(profile.home),
      text: formatDesired(record),
      mode: 0o600,
      as: account,
      whenFull: (content) => overwriteDesired(content, record),
      ...(isBeside ? {failsLate: true, isRecord: {again: ownCommand(target, by)}} : {}),
    },
    mirror,
  ]
}

/** Mirrors the intent; `gatewayRuns`: then only a field that is there already is touched. */
export function mirrorIntent(target: Target, desired: DesiredState, gatewayRuns: boolean): Step {
  const {profile, account} = target.service
  return {
    kind: 'edit-json',
    why: `copy the desired state to ${HomeFile.state}`,
    path: stateFile(profile.home),
    field: StateField.desired,
    value: desired,
    as: account,
    edit: () => mirrorEdit(target, profile.home, desired, gatewayRuns),
    takeBack: (before) => mirrorBackEdit(desired, before),
    // It is a copy: what cannot be written there is recorded all the same.
    mayFail: true,
  }
}
