import {ExitStatus, ServiceError} from '../errors.js'
import type {Installer, Manager} from './manager.js'

/** The steps by which a manager's services are installed. Throws (exit 4) for one in which nothing can be. */
export function installerOf({installer, title}: Pick<Manager, 'installer' | 'title'>): Installer {
  if (installer) return installer
  throw new ServiceError(
    `${title} cannot have an installed service: it keeps a gateway running in the foreground only while it runs itself`,
    {
      code: 'no-manager',
      exitStatus: ExitStatus.cannotTell,
      next: ['hermes-svc run   # keeps one gateway running in the foreground, with the same restart policy'],
    },
  )
}
