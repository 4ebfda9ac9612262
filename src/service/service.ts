import type {Account} from '../host/host.js'
import type {Profile} from './profile.js'

export const SCOPES = ['user', 'system'] as const
export type Scope = (typeof SCOPES)[number]

/** One profile's gateway under one service manager. */
export interface Service {
  readonly profile: Profile
  /** The manager's own name for it, e.g. `hermes-gateway-work.service`. */
  readonly name: string
  /** Whose gateway it is: the account it runs as. */
  readonly account: Account
}
