import path from 'node:path'
import type {TickPlaces} from '../../lifecycle/tick-all.js'

/** The folder of what a service's launcher and helpers remember. launchd has no runtime folder that a user's job could have. */
export function stateFolderOf(supportFolder: string, serviceName: string): string {
  return path.join(supportFolder, serviceName, 'state')
}

/** Where launchd's definition has what the tick needs. Kept apart from the definition, which is far too large for a tick to load. */
export function launchdTickPlaces(supportFolder: string): TickPlaces {
  return {
    supportFolder,
    serviceName: (folder) => folder,
    // Without control groups it cannot be told here; the watchdog then leaves a gateway alone.
    isOwn: () => false,
    runtimeFolder: (folder) => stateFolderOf(supportFolder, folder),
  }
}
