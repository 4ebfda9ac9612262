import type {DesiredState} from '../managers/manager.js'
import type {Step} from '../plan/plan.js'
import {isMirrorDue, mirrorDesired} from '../gateway/desired-mirror.js'
import {bootId, desiredStateFile, formatDesired, isStoppedUntilBoot} from '../service/desired-state.js'
import type {Observation} from './observe.js'
import type {Target} from './target.js'

/**
 * Records the operator's intent, and mirrors it where upstream looks. What is so already is no step; a mirror that a kill between the two
 * writes left behind is made up for. `untilBoot`: it is stopped for now all the same.
 */
export function recordIntent(
  target: Target,
  seen: Observation,
  desired: DesiredState,
  by: string,
  {untilBoot = false}: {untilBoot?: boolean} = {},
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
  return [
    {
      kind: 'write-file',
      why: `record that it should be ${desired}${boot === undefined ? '' : ' from the next boot on'}`,
      path: desiredStateFile(profile.home),
      text: formatDesired({schemaVersion: 1, desiredState: desired, since, by: recordedBy, ...(boot && {stoppedInBoot: boot})}),
      mode: 0o600,
      as: account,
    },
    mirror,
  ]
}

/** Mirrors the intent; `gatewayRuns`: then only a field that is there already is touched. */
export function mirrorIntent(target: Target, desired: DesiredState, gatewayRuns: boolean): Step {
  return {
    kind: 'act',
    why: 'mirror it in gateway_state.json',
    act: () => {
      mirrorDesired(target, target.service.profile.home, desired, gatewayRuns)
      return Promise.resolve()
    },
  }
}
