import path from 'node:path'
import {ExitStatus, ServiceError} from '../errors.js'
import {HostError} from '../host/host.js'
import type {Place} from '../observe/place.js'

/** Where the helpers and the watchdog remember what they must; its name is nobody else's. */
export function makeRunFolder({host, userHost, profile}: Place): string {
  const {XDG_RUNTIME_DIR, TMPDIR} = host.env
  // The home comes last: a container may have nothing else to write to.
  const places = [XDG_RUNTIME_DIR, TMPDIR, '/tmp', profile.home].filter((folder) => folder !== undefined && path.isAbsolute(folder))
  let last: HostError | undefined
  for (const place of places as string[]) {
    for (let number = 0; number < 100; number++) {
      const folder = path.join(place, `.hermes-svc-run-${host.pid}-${number}`)
      try {
        if (userHost.makeFolder(folder, 0o700)) return folder
      } catch (error) {
        if (!(error instanceof HostError)) throw error
        last = error
        break
      }
    }
  }
  throw new ServiceError(
    `hermes-svc run found no folder for the data that it keeps between two starts: ${last?.message ?? 'all names are taken'}`,
    {
      code: 'no-state-folder',
      exitStatus: ExitStatus.failed,
      next: ['set TMPDIR to a folder that you can write to'],
    },
  )
}

export function removeRunFolder({userHost}: Place, folder: string): void {
  try {
    for (const name of userHost.list(folder) ?? []) userHost.removeFile(path.join(folder, name))
    userHost.removeFolder(folder)
  } catch (error) {
    // What is left is a few bytes in a temporary folder.
    if (!(error instanceof HostError)) throw error
  }
}
