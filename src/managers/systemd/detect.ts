import type {Host} from '../../host/host.js'

/** A systemd that runs as PID 1 shows itself by this folder (sd_booted(3)). */
const SYSTEMD_BOOTED = '/run/systemd/system'

export function isHere(host: Host): boolean {
  return host.stat(SYSTEMD_BOOTED)?.kind === 'folder'
}
