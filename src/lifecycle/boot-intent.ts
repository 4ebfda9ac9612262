import {CUT_OFF_STATES, HomeFile, StateField, StateWord, type DesiredState} from '../gateway/contract.js'
import type {FileReading, GatewayState} from '../gateway/records.js'
import {type DesiredReading, wishOf} from '../service/desired-state.js'

/** What a boot decides on for one profile. */
export interface BootEvidence {
  /** Our own record of the operator's intent. */
  readonly desired: DesiredReading
  readonly state: FileReading<GatewayState>
  /** The operator has it stopped until the next boot, and this is still the same one. */
  readonly isStoppedUntilBoot: boolean
  /** What is meant where nobody recorded an intent and the gateway's last word does not tell. */
  readonly unrecorded: DesiredState
}

export interface BootDecision {
  readonly wanted: DesiredState
  /** One sentence for the boot log and `status`. */
  readonly reason: string
  /** It is down although nobody stopped it. */
  readonly isFinding: boolean
}

/**
 * Whether a profile's gateway is to run after a boot. A recorded stop, ours or upstream's, stands over any number of boots; the SIGTERM of a
 * container stop is none, whatever the gateway wrote when it got it. Pure.
 */
export function decideBoot({desired, state, isStoppedUntilBoot, unrecorded}: BootEvidence): BootDecision {
  const decide = (wanted: DesiredState, reason: string): BootDecision => ({wanted, reason, isFinding: false})
  const seen = state.kind === 'present' ? state.value : undefined
  if (desired.kind === 'recorded') {
    const {desiredState, by, since} = desired.record
    const said = `hermes-svc ${by} recorded ${since}`
    if (desiredState === 'stopped') return decide('stopped', `it was stopped (${said})`)
    if (isStoppedUntilBoot) return decide('stopped', `it is stopped until the next boot (${said})`)
    if (wishOf(desiredState, seen?.desiredState) === 'stopped')
      return decide('stopped', `it was stopped (${StateField.desired} in ${HomeFile.state})`)
    return decide('running', `it should run (${said})`)
  }
  const doubt = desired.kind === 'unreadable' ? `; the record of hermes-svc cannot be read (${desired.why})` : ''
  const wish = wishOf(undefined, seen?.desiredState)
  if (wish !== undefined) {
    const reason = wish === 'stopped' ? 'it was stopped' : 'it should run'
    return decide(wish, `${reason} (${StateField.desired} in ${HomeFile.state})${doubt}`)
  }
  const guess = (why: string): BootDecision => {
    const meant = unrecorded === 'running' ? 'so it starts (--unrecorded stopped prevents that)' : 'so it stays down (--unrecorded stopped)'
    return decide(unrecorded, `${why} and no desired state is recorded, ${meant}${doubt}`)
  }
  if (!seen) return guess(whyNoState(state))
  const {gatewayState, says} = seen
  if (gatewayState === StateWord.startupFailed) {
    const why = seen.exitReason === undefined ? '' : `: ${seen.exitReason.replace(/\s+/g, ' ').slice(0, 200)}`
    const reason = `its last start failed${why}; hermes-svc start tries again${doubt}`
    return {wanted: 'stopped', reason, isFinding: true}
  }
  if (CUT_OFF_STATES.has(gatewayState)) return decide('running', `it was ${says} when the container ended${doubt}`)
  // A planned restart writes "stopped" too, for the moment until it is up again.
  if (gatewayState === StateWord.stopped && seen.restartRequested)
    return decide('running', `it was about to restart when the container ended${doubt}`)
  return guess(
    says === undefined ? `${HomeFile.state} does not say what the gateway did` : `${HomeFile.state} says ${JSON.stringify(says)}`,
  )
}

function whyNoState(state: FileReading<GatewayState>): string {
  return 'why' in state ? `${HomeFile.state} cannot be read (${state.why})` : `${HomeFile.state} does not exist`
}

/**
 * True if a container's command is upstream's dashboard and nothing else, whose gateways run in another container on the same volume. `commandLines`:
 * of all processes; the one that names upstream's wrapper has the container's command behind it.
 */
export function isDashboardOnly(commandLines: readonly (readonly string[])[]): boolean {
  for (const argv of commandLines) {
    const wrapper = argv.findIndex((word) => word.endsWith('main-wrapper.sh'))
    if (wrapper < 0) continue
    const words = argv.slice(wrapper + 1)
    const isPrefix = (word: string | undefined) => word?.endsWith('entrypoint-dispatch.sh') === true || word?.split('/').at(-1) === 'hermes'
    while (isPrefix(words[0])) words.shift()
    return words[0] === 'dashboard'
  }
  return false
}
