import type {DesiredState} from '../../src/gateway/contract.js'
import {editJson} from '../../src/gateway/edit-json.js'
import {stateFile} from '../../src/gateway/records.js'
import type {Doors} from '../../src/host/host.js'
import {mirrorEdit} from '../../src/lifecycle/desired-mirror.js'

/** Mirrors the desired state into gateway_state.json, as the step does that is made of it; true if that says so then. */
export function mirror(doors: Doors, home: string, desired: DesiredState, gatewayRuns: boolean): boolean {
  const member = {path: stateFile(home), field: 'desired_state', value: desired}
  return editJson(doors.userHost, member, mirrorEdit(doors, home, desired, gatewayRuns)).saysIt
}
