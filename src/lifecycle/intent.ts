import {HomeFile, type DesiredState} from '../gateway/contract.js'
import type {Step} from '../plan/plan.js'
import {isMirrorDue, mirrorDesired, mirroredDesired, takeMirrorBack} from './desired-mirror.js'
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
 * writes left behind is made up for. `untilBoot`: it is stopped for now all the same. `failsLate`: what the operator wants is done also where it
 * cannot be recorded, as on a disk that is full or read-only, and the command fails at its end.
 */
export function recordIntent(
  target: Target,
  seen: Observation,
  desired: DesiredState,
  by: string,
  {untilBoot = false, failsLate = false}: {untilBoot?: boolean; failsLate?: boolean} = {},
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
      why: `record that it should be ${desired}${boot === undefined ? '' : ' from the next boot on'}`,
      path: desiredStateFile(profile.home),
      text: formatDesired(record),
      mode: 0o600,
      as: account,
      whenFull: (content) => overwriteDesired(content, record),
      failsLate,
    },
    mirror,
  ]
}

/** Mirrors the intent; `gatewayRuns`: then only a field that is there already is touched. */
export function mirrorIntent(target: Target, desired: DesiredState, gatewayRuns: boolean): Step {
  const {userHost} = target
  const {home} = target.service.profile
  let before: DesiredState | undefined
  let hasWritten = false
  return {
    kind: 'act',
    why: `mirror it in ${HomeFile.state}`,
    act: () => {
      before = mirroredDesired(userHost, home)
      hasWritten = mirrorDesired(target, home, desired, gatewayRuns) && before !== desired
      return Promise.resolve(hasWritten)
    },
    undo: () => {
      if (hasWritten) takeMirrorBack(userHost, home, desired, before)
    },
  }
}
