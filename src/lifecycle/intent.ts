import type {DesiredState} from '../managers/manager.js'
import type {Step} from '../plan/plan.js'
import {mirrorDesired} from '../gateway/desired-mirror.js'
import {desiredStateFile, formatDesired} from '../service/desired-state.js'
import type {Observation} from './observe.js'
import type {Target} from './target.js'

/** Who recorded a stop that the next boot ends: the service stays enabled, and runs after that as it should. */
export const STOPPED_UNTIL_BOOT = 'stop --until-boot'

/** Records the operator's intent, and mirrors it where upstream looks; no step if it is recorded already. */
export function recordIntent(target: Target, seen: Observation, desired: DesiredState, by: string): Step[] {
  const {profile, account} = target.service
  if (seen.desired.kind === 'recorded' && seen.desired.record.desiredState === desired) return []
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
    mirrorIntent(target, desired, seen.verdict.state !== 'dead'),
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
