import type {TickPlaces} from '../tick-places.js'
import path from 'node:path'
import type {Account} from '../../host/host.js'
import {OWN_PREFIX} from '../../service/naming.js'
import {runtimeFolder} from './bus.js'

/** The folder of a service's own memory below the runtime folder; `folder`: the service's name without `.service`. */
export function runtimeDirectoryOf(folder: string): string {
  return `${OWN_PREFIX}${folder}`
}

/** Where systemd's definition has what the tick needs. Kept apart from the definition, which is far too large for a tick to load. */
export function systemdTickPlaces(supportFolder: string, account: Account): TickPlaces {
  return {
    supportFolder,
    serviceName: (folder) => `${folder}.service`,
    isOwn: (folder, {cgroup}) => cgroup?.split('/').includes(`${folder}.service`) === true,
    runtimeFolder: (folder, {scope}) => path.join(runtimeFolder(scope, account), runtimeDirectoryOf(folder)),
  }
}
