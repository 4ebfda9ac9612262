import type {DesiredState} from '../managers/manager.js'
import type {Step} from '../plan/plan.js'
import {isMirrorDue, mirrorDesired} from '../gateway/desired-mirror.js'
import {desiredStateFile, formatDesired} from '../service/desired-state.js'
import type {Observation} from './observe.js'
import type {Target} from './target.js'

/**
 * Records the operator's intent, and mirrors it where upstream looks. What is so already is no step; a mirror that a kill between the two
 * writes left behind is made up for.
 */
export function recordIntent(target: Target, seen: Observation, desired: DesiredState, by: string): Step[] {
  const {profile, account} = target.service
  const gatewayRuns = seen.verdict.state !== 'dead'
  const mirror = mirrorIntent(target, desired, gatewayRuns)
  if (seen.desired.kind === 'recorded' && seen.desired.record.desiredState === desired) {
    return isMirrorDue(target.userHost, profile.home, desired, gatewayRuns) ? [mirror] : []
  }
  const since = new Date(target.host.nowMs()).toISOString()
  return [
    {
      kind: 'write-file',
      why: `record that it should be ${desired}`,
      path: desiredStateFile(profile.home),
      text: formatDesired({schemaVersion: 1, desiredState: desired, since, by}),
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
      mirrorDesired(target.userHost, target.service.profile.home, desired, gatewayRuns)
      return Promise.resolve()
    },
  }
}
