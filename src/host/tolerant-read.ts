import path from 'node:path'
import {type Door, type FileStat, HostError, isTemporaryOf} from './host.js'

/** Why something cannot be read, in a word or the name of the errno. */
export function whyUnreadable({code}: HostError): string {
  return code === 'EFBIG' ? 'too large' : code === 'EINVAL' ? 'not a regular file' : code
}

/** The text of a file; `undefined` where there is none, and where this user may not read it: what may not be read says nothing. */
export function readIfAllowed(host: Door, file: string): string | undefined {
  return ifAllowed(() => host.readText(file))
}

/** The names in a folder, in no order; none where there is no such folder, and where this user may not list it. */
export function listIfAllowed(host: Door, folder: string): string[] {
  return ifAllowed(() => host.list(folder)) ?? []
}

/** What writes of a file that never came to their end have left beside it. Whoever asks must know that no write of it is under way. */
export function temporariesOf(host: Door, file: string): string[] {
  const folder = path.dirname(file)
  const left = listIfAllowed(host, folder).filter((name) => isTemporaryOf(path.basename(file), name))
  // A folder of such a name is somebody else's.
  return left.map((name) => path.join(folder, name)).filter((place) => host.lstat(place)?.kind !== 'folder')
}

/** What is at a path, links followed; `undefined` where there is nothing, and where this user may not look. */
export function statIfAllowed(host: Door, file: string): FileStat | undefined {
  return ifAllowed(() => host.stat(file))
}

/** A path with every link followed; the path itself where it ends in nothing, and where this user may not follow it. */
export function realPathIfAllowed(host: Door, file: string): string {
  return ifAllowed(() => host.realPath(file)) ?? file
}

function ifAllowed<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}
