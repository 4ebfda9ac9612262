import {stateWordOf} from '../../src/gateway/contract.js'
import type {GatewayState} from '../../src/gateway/records.js'

/** What a state file said that names nothing but what is given; `says`: its `gateway_state`. */
export function gatewayState(given: Partial<Omit<GatewayState, 'gatewayState'>>): GatewayState {
  return {
    process: undefined,
    says: undefined,
    gatewayState: stateWordOf(given.says),
    exitReason: undefined,
    restartRequested: false,
    activeAgents: 0,
    activeWork: [],
    updatedAt: undefined,
    codeSha: undefined,
    codeVersion: undefined,
    desiredState: undefined,
    servedProfiles: [],
    platforms: [],
    ...given,
  }
}
