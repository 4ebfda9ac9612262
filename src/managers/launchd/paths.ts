import type {TickPlaces} from '../tick-places.js'
import path from 'node:path'
import {ancestorsOf} from '../../gateway/process.js'
import type {Host} from '../../host/host.js'

/** The folder of what a service's launcher and helpers remember. launchd has no runtime folder that a user's job could have. */
export function stateFolderOf(supportFolder: string, serviceName: string): string {
  return path.join(supportFolder, serviceName, 'state')
}

/** Where launchd's definition has what the tick needs. Kept apart from the definition, which is far too large for a tick to load. */
export function launchdTickPlaces(host: Host, supportFolder: string): TickPlaces {
  return {
    supportFolder,
    serviceName: (folder) => folder,
    runtimeFolder: (folder) => stateFolderOf(supportFolder, folder),
    isOwn: (folder, {pid}) => {
      const [started] = (host.readText(path.join(stateFolderOf(supportFolder, folder), 'gateway')) ?? '').split(' ')
      const line = [pid, ...ancestorsOf(host, pid)]
      const index = line.indexOf(Number(started))
      // Without its launcher a process is a child of launchd's own, and nobody waits for its end.
      return index >= 0 && (line[index + 1] ?? 1) !== 1
    },
  }
}
