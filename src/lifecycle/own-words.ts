import {RESTING_STATES} from '../gateway/contract.js'
import {stateOf} from '../gateway/observation.js'
import type {GatewayState} from '../gateway/records.js'
import type {SeenGateway} from '../observe/look.js'
import type {Target} from '../observe/where.js'
import {redactLines} from '../service/redact.js'
import {knownSecrets} from './known-secrets.js'
import {lastEntries, linesOf} from './log-tail.js'

/** Of these as many are read again, since some are the manager's. */
const READ_PER_SHOWN = 4
/** Lines of the manager's beside the gateway's own. */
const OF_MANAGER = 3

/** What a state file said, to tell later whether it is news. */
export type SaidBefore = GatewayState['updatedAt']

export function saidNow({gateway}: SeenGateway): SaidBefore {
  return stateOf(gateway.state)?.updatedAt
}

/**
 * What a gateway that ended said last: the reason that it wrote of it since `before`, then the end of its own log, and last what its manager made of it.
 * Without what must not be shown. Never throws; empty if it said nothing.
 */
export function ownWords(target: Target, lines: number, seen?: SeenGateway, before?: SaidBefore): string[] {
  const state = seen && stateOf(seen.gateway.state)
  const isNews = state !== undefined && state.updatedAt !== before && RESTING_STATES.has(state.gatewayState)
  const reason =
    isNews && state.exitReason !== undefined ? [`the gateway said: ${state.exitReason.replace(/\s+/g, ' ').slice(0, 500)}`] : []
  const all = lastEntries(target, lines * READ_PER_SHOWN)
  const own = linesOf(all.filter(({origin}) => origin !== 'manager')).slice(-lines)
  const managers = linesOf(all.filter(({origin}) => origin === 'manager')).slice(-OF_MANAGER)
  return redactLines([...reason, ...own, ...managers], {accounts: [], values: knownSecrets(target)})
}
