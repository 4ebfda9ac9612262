import type {ProcessInfo} from '../gateway/process-info.js'
import type {ServiceSettings} from '../service/settings.js'

/** Names of files and folders that the tick goes by; the manager's definition makes them. */
export interface TickPlaces {
  /** Folder with one folder a service, each with its settings.json. */
  readonly supportFolder: string
  /** The runtime folder of the service whose folder has that name. */
  readonly runtimeFolder: (serviceFolder: string, settings: ServiceSettings) => string
  /** The manager's name for that service. */
  readonly serviceName: (serviceFolder: string) => string
  /** False for folders there that are no gateway's; absent: all of them are. */
  readonly isService?: (folder: string) => boolean
  /** Why the manager does not start that service again, which is down; absent where it always does. Reads only, and never throws. */
  readonly whyKeptDown?: (serviceFolder: string, settings: ServiceSettings) => Promise<'start-limit' | undefined>
  /** True if a process is the service's own, which its manager starts again when it ends. */
  readonly isOwn: (serviceFolder: string, process: ProcessInfo) => boolean
}
