import {ExitStatus, ServiceError} from '../errors.js'
import {errnoOf} from './errno.js'
import type {Account} from './host.js'

/** What node says where it lets no process change its ids (src/node_credentials.cc). */
const REFUSED = 'ERR_INVALID_STATE'

/**
 * Throws (exit 1) if this node does not let root act as another account. It refuses that where io_uring may be in use, which would go on with root's rights
 * (CVE-2024-22017): with a libuv that is not its own, from 1.45 on, as Debian 13 has it, and with UV_USE_IO_URING.
 */
export function requireSwitching({name}: Account): void {
  try {
    process.setegid?.(process.getegid?.() ?? 0)
  } catch (error) {
    if (errnoOf(error) !== REFUSED) throw error
    const node = `${process.execPath} (${process.version}, libuv ${process.versions.uv})`
    throw new ServiceError(`hermes-svc has to act as user ${name} here, but this Node does not let root do that: ${node}`, {
      code: 'needs-other-node',
      exitStatus: ExitStatus.failed,
      evidence: [error instanceof Error ? error.message : String(error)],
      next: isAskedFor()
        ? ['unset UV_USE_IO_URING']
        : [
            'install Node from nodejs.org or NodeSource: those let root act as another user',
            `or become ${name}, whose own services need no root: sudo -iu ${name}`,
          ],
    })
  }
}

const isAskedFor = (): boolean => (process.env.UV_USE_IO_URING ?? '0') !== '0'
