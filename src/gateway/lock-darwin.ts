import type {LockReading} from './lock-reading.js'
import {HomeFile} from './contract.js'
import {type Door, type Doors, type FileStat, HostError} from '../host/host.js'
import {listOpenFiles, type OpenFile} from './lsof.js'
import {isGatewayCommandLine, readProcesses} from './process.js'

/** lsof(8), "LOCK". */
const WRITE_LOCKS = ['W', 'w', 'U', 'u']

/**
 * Tells who holds the lock from what lsof(8) shows. macOS shows no locks, but a gateway has its lock file open for as long as it lives, and
 * locked from the moment after it has opened it. Whoever else has it open (a search index, a backup) is no gateway by its command line.
 * First the files of the processes that the records name: to find all that have a file open takes a look at every process.
 */
export function readDarwinLock({host, userHost}: Doors, lock: string, candidatePids: readonly number[]): LockReading {
  try {
    const file = userHost.stat(lock)
    if (candidatePids.length > 0) {
      const open = listOpenFiles(host, ['-p', candidatePids.join(',')])
      const held = open.find((one) => candidatePids.includes(one.pid) && isHolding(one, lock, file))
      if (held) return {kind: 'held', pid: held.pid, unlinked: isUnlinked(held, lock)}
    }
    if (!file) return {kind: 'absent'}
    const {uid} = host.account
    if (uid !== 0 && uid !== file.uid) return {kind: 'unreadable', why: 'only root can see which files other users have open'}
    const holders = listOpenFiles(host, ['--', lock]).filter((one) => isLocked(one))
    const pids = [...new Set(holders.map(({pid}) => pid))]
    const processes = readProcesses(host, pids)
    const pid = pids.find((one) => {
      const process = processes.find((other) => other.pid === one)
      return process === undefined || isGatewayCommandLine(process.argv)
    })
    return pid === undefined ? {kind: 'free'} : {kind: 'held', pid, unlinked: false}
  } catch (error) {
    if (error instanceof HostError) return {kind: 'unreadable', why: `${error.path}: ${error.code}`}
    throw error
  }
}

/**
 * True if another command of ours has a file or folder open, which none does but to lock it. Editors watch folders by opening them too, so it goes
 * by the command line. Throws HostError.
 */
export function isLockedOnDarwin(host: Door, place: string): boolean {
  const pids = [...new Set(listOpenFiles(host, ['--', place]).map(({pid}) => pid))].filter((pid) => pid !== host.pid)
  return readProcesses(host, pids).some(({argv}) => argv.slice(0, 4).some((word) => /(?:^|\/)hermes-svc(?:$|[/.])/.test(word)))
}

function isHolding(open: OpenFile, path: string, file: FileStat | undefined): boolean {
  return (
    isLocked(open) &&
    ((open.inode !== undefined && open.inode === file?.inode && open.name.endsWith(`/${HomeFile.lock}`)) || isUnlinked(open, path))
  )
}

/** Linux marks the name; macOS, as far as it still tells the name, has no link left. */
function isUnlinked({name, links}: OpenFile, path: string): boolean {
  return name === `${path} (deleted)` || (name === path && links === 0)
}

function isLocked({lock}: OpenFile): boolean {
  return lock === undefined || WRITE_LOCKS.includes(lock)
}
