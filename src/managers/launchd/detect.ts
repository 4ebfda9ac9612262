import type {Host} from '../../host/host.js'

/** Where launchctl is, whatever the caller's PATH says: the system's own folders come first. */
export const LAUNCHCTL_PATH = '/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin'

/** launchd is PID 1 wherever there is one, and nothing but it has a launchctl. */
export function isHere(host: Host): boolean {
  return host.which('launchctl', LAUNCHCTL_PATH) !== undefined
}
