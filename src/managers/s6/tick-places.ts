import type {TickPlaces} from '../tick-places.js'
import path from 'node:path'
import {readProcess} from '../../gateway/process.js'
import type {Host} from '../../host/host.js'

const MEMORY_FOLDER = '/run/hermes-svc'

/** Where s6's definition has what the tick needs. Kept apart from the definition, which is far too large for a tick to load. */
export function s6TickPlaces(host: Host, scan: string): TickPlaces {
  return {
    supportFolder: scan,
    isService: (folder) => /^gateway-[a-z0-9]/.test(folder),
    serviceName: (folder) => folder,
    runtimeFolder: (folder) => path.join(MEMORY_FOLDER, folder),
    // s6 has no control groups; what it starts again is the child of the supervisor that has the slot's name as its argument.
    isOwn: (folder, {parentPid}) => {
      const [program, name] = readProcess(host, parentPid)?.argv ?? []
      return path.basename(program ?? '') === 's6-supervise' && name === folder
    },
  }
}
