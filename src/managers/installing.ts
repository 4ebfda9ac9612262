import {ExitStatus, ServiceError} from '../errors.js'
import type {Installer, Manager} from './manager.js'

/** The steps by which a manager's services are installed. Throws (exit 4) for one in which nothing can be. */
export function installerOf({installer, title}: Pick<Manager, 'installer' | 'title'>): Installer {
  if (installer) return installer
  throw new ServiceError(`Nothing can be installed in ${title}: it keeps a gateway alive in the foreground, for as long as it runs`, {
    code: 'no-manager',
    exitStatus: ExitStatus.cannotTell,
    next: ['hermes-svc run   # keeps one gateway alive in the foreground, under the same policy'],
  })
}
