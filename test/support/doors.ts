import type {Doors, Host} from '../../src/host/host.js'

/** The two doors of this very process's own account. */
export function ownDoors(host: Host): Doors {
  return {host, userHost: host.as(host.account)}
}
