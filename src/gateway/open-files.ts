import {type Door, type Doors, HostError} from '../host/host.js'
import {listOpenFiles} from './lsof.js'

/** The pid of a process that has a file open, of those that this user may look at; undefined if there is none. Throws HostError. */
export function openerOf({host, userHost}: Doors, file: string): number | undefined {
  if (host.platform === 'darwin') return listOpenFiles(host, ['--', file])[0]?.pid
  for (const name of host.list('/proc') ?? []) {
    if (!/^\d+$/.test(name)) continue
    // Root without CAP_SYS_PTRACE, as in a container, sees no open files but its own; the gateway's user sees the gateway's.
    if ([host, userHost].some((door) => hasOpen(door, name, file))) return Number(name)
  }
  return undefined
}

function hasOpen(door: Door, pid: string, file: string): boolean {
  try {
    return (door.list(`/proc/${pid}/fd`) ?? []).some((fd) => door.readLink(`/proc/${pid}/fd/${fd}`) === file)
  } catch (error) {
    // Another user's process; it is not the gateway.
    if (error instanceof HostError) return false
    throw error
  }
}
