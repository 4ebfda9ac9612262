import {type Door, HostError} from '../host/host.js'
import {listOpenFiles} from './lsof.js'

/** The pid of a process that has a file open, of those that this user may look at; undefined if there is none. Throws HostError. */
export function openerOf(host: Door, file: string): number | undefined {
  if (host.platform === 'darwin') return listOpenFiles(host, ['--', file])[0]?.pid
  for (const name of host.list('/proc') ?? []) {
    if (!/^\d+$/.test(name)) continue
    try {
      const isHeld = (host.list(`/proc/${name}/fd`) ?? []).some((fd) => host.readLink(`/proc/${name}/fd/${fd}`) === file)
      if (isHeld) return Number(name)
    } catch (error) {
      // Another user's process; it is not the gateway.
      if (!(error instanceof HostError)) throw error
    }
  }
  return undefined
}
