import {ExitStatus, ServiceError} from '../errors.js'
import {adviceFor} from '../host/advice.js'
import {HostError} from '../host/host.js'

/** What a look finds. Throws (exit 4) where it may not be looked at: that is "cannot tell". */
export function orNoAccess<T>(look: () => T): T {
  try {
    return look()
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    throw new ServiceError(error.message, {code: 'no-access', exitStatus: ExitStatus.cannotTell, next: adviceFor(error)})
  }
}
