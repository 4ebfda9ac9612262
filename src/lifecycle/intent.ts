import type {DesiredState} from '../managers/manager.js'
import type {Step} from '../plan/plan.js'
import {mirrorDesired} from '../gateway/desired-mirror.js'
import {desiredStateFile, formatDesired} from '../service/desired-state.js'
import type {Observation} from './observe.js'
import type {Target} from './target.js'

/**
 * Records the operator's intent, and mirrors it where upstream looks; no step if it is recorded already. `untilBoot`: a stop that the next boot
 * ends, which upstream's field has no word for.
 */
export function recordIntent(target: Target, seen: Observation, desired: DesiredState, by: string, untilBoot = false): Step[] {
  const {profile, account} = target.service
  const recorded = seen.desired.kind === 'recorded' ? seen.desired.record : undefined
  if (recorded?.desiredState === desired && (recorded.untilBoot === true) === untilBoot) return []
  const since = new Date(target.host.nowMs()).toISOString()
  return [
    {
      kind: 'write-file',
      why: `record that it should be ${desired}`,
      path: desiredStateFile(profile.home),
      text: formatDesired({schemaVersion: 1, desiredState: desired, since, by, ...(untilBoot ? {untilBoot} : {})}),
      mode: 0o600,
      as: account,
    },
    ...(untilBoot ? [] : [mirrorIntent(target, desired, seen.verdict.state !== 'dead')]),
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
