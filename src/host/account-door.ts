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

/** The door of whoever has this uid, for names that a process of theirs chose; undefined where root finds no such account. */
export function doorOfUid(door: Door, uid: number | undefined): Door | undefined {
  if (!isOwn(door) || door.account.uid !== 0 || uid === 0) return door
  const account = uid === undefined ? undefined : door.accountOf(uid)
  return account && door.as(account)
}

/** The account that a text means, by its name or by its uid, as User= and --run-as have it; undefined if there is none. */
export function accountNamed(door: Pick<Door, 'accountOf'>, nameOrUid: string): Account | undefined {
  return door.accountOf(/^\d+$/.test(nameOrUid) ? Number(nameOrUid) : nameOrUid)
}

function isOwn(door: Door): door is Host {
  return 'isOwnDoor' in door && 'as' in door
}
