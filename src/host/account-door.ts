import type {Account, AccountHost, Door, Host} from './host.js'

/**
 * The door of an account as far as this process may open it: with the account's ids as root, else with its own, which are then all that it is allowed
 * to look with.
 */
export function accountDoor(host: Host, account: Account): AccountHost {
  return host.as(host.account.uid === 0 ? account : host.account)
}

/** The door to files that belong to an account, or, without one, to root or to whoever runs this. */
export function ownerDoor(host: Host, owner: Account | undefined): Door {
  return owner ? accountDoor(host, owner) : host
}
