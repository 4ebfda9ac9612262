import path from 'node:path'
import type {Account, AccountHost, FileStat, Host} from '../../host/host.js'
import {isRoots} from '../../host/roots-alone.js'
import type {Service} from '../../service/service.js'
import {scanDirectory, slotPaths} from './paths.js'

const ROOT_UID = 0
/** Has no rights of its own, so it sees of slots what all may see, which is all that s6 needs of them (user_namespaces(7), overflowuid). */
const NOBODY: Account = {uid: 65_534, gid: 65_534, name: 'nobody', home: '/'}

/** The parts of a slot in which root's s6-supervise works by name, a folder above what is in it. The logger has a supervisor of its own. */
const FOLDERS = ['', 'log', 'helpers', 'supervise', 'log/supervise']
/** s6-supervise opens for writing whatever in it has the name of a subscriber's FIFO, through links too (ftrigw_notify): so only root puts things there. */
const EVENTS = ['event', 'supervise/event', 'log/event', 'log/supervise/event']
const FOLDER_MODE = 0o755
/** As s6-supervise makes them (s6-mkfifodir). */
const EVENT_MODE = 0o3730
/** What s6-supervise keeps beside it; without `status` nobody can tell its state, without `lock` a second one could start. */
const KEPT = ['control', 'status', 'lock']

/** True for nothing, and for a folder in which only root can change anything. */
function isRootsFolder(stat: FileStat | undefined): boolean {
  return stat === undefined || (stat.kind === 'folder' && isRoots(stat))
}

/**
 * The account with whose ids slots are written, undefined for this process's own. Upstream's image gives the whole scan directory to the gateway's
 * user, who then decides what stands in it: root writes nothing by name there.
 */
export function slotsAccount(host: Host, scan: string, account: Account): Account | undefined {
  if (host.account.uid !== ROOT_UID || account.uid === ROOT_UID) return undefined
  return isRootsFolder(host.stat(scan)) ? undefined : account
}

/** What stands in a scan directory, read by ids that whoever may change it has too. */
export interface SlotsDoor {
  /** The names in the scan directory, unsorted; none where there is no such folder. Throws HostError. */
  names(): string[]
  /** The door to what is in the slot of this name. Throws HostError. */
  of(name: string): AccountHost
}

/**
 * The door to the slots of a scan directory, for those who do not ask for one service of a known account. Root looks with its own ids only where nobody
 * else can change the folder, else as its owner: in a scan directory that upstream's image gave away that is the gateway's user, who can put a link in
 * the place of any file. Of a folder that others may write, or whose owner is unknown, nobody can tell who did: that is looked at as nobody.
 */
export function slotsDoor(host: Host, scan: string): SlotsDoor {
  const own = host.as(host.account)
  const known = new Map<number, AccountHost>()
  const doorTo = ({uid}: FileStat): AccountHost => {
    const door = known.get(uid) ?? host.as((uid === ROOT_UID ? undefined : host.accountOf(uid)) ?? NOBODY)
    known.set(uid, door)
    return door
  }
  const of = (name: string): AccountHost => {
    if (host.account.uid !== ROOT_UID) return own
    const folder = host.stat(scan)
    if (folder && !isRootsFolder(folder)) return doorTo(folder)
    // Only root can have put it there, so a link is root's too.
    const slot = host.stat(path.join(scan, name))
    return slot && !isRootsFolder(slot) ? doorTo(slot) : own
  }
  return {names: () => of('').list(scan) ?? [], of}
}

/**
 * The account with whose ids s6's programs work on a slot, undefined for this process's own. They open its FIFO and its files by name, so root does
 * that only where nobody else could have put something in their place.
 */
export function controlAccount(host: Host, slot: string, account: Account): Account | undefined {
  const scan = path.dirname(slot)
  if (host.account.uid !== ROOT_UID || account.uid === ROOT_UID) return undefined
  const isOwn = isRootsFolder(host.stat(scan)) && [slot, `${slot}/supervise`].every((folder) => isRootsFolder(host.lstat(folder)))
  return isOwn ? undefined : account
}

/** The s6 of a container, whose slots are those of one scan directory. */
export interface S6 {
  readonly host: Host
  readonly scan: string
  readonly slots: SlotsDoor
}

export function s6Of(host: Host): S6 {
  const scan = scanDirectory(host)
  return {host, scan, slots: slotsDoor(host, scan)}
}

/** With whose ids a slot is looked at: of one that its user can change, with that user's. */
export function doorTo({host, scan, slots}: S6, service: Service): AccountHost {
  const as = controlAccount(host, slotPaths(scan, service).slot, service.account)
  return as ? host.as(as) : slots.of(service.name)
}

/** True if root alone can change what root's s6-supervise works with; as s6-svperms has it only the FIFO is the user's, who commands with it. */
export function isClosed(host: Host, slot: string): boolean {
  if (!isRootsFolder(host.lstat(slot))) return false
  const folders = FOLDERS.map((name) => host.lstat(path.join(slot, name)))
  // The sticky bit keeps others from removing FIFOs, not from putting links beside them.
  const events = EVENTS.map((name) => host.lstat(path.join(slot, name))).filter((stat) => stat !== undefined)
  return folders.every(isRootsFolder) && events.every(({uid, gid, kind}) => uid === ROOT_UID && gid === 0 && kind === 'folder')
}

/**
 * Takes a slot back to root that its user owned, in a scan directory of root's, while its supervisor goes on. From the slot down, each folder before
 * what is in it: once it is root's, nothing in it changes any more, and what is no file of root's is taken away. Returns false if its supervisor's own
 * files are not what they were: then only another slot can take its place. Throws HostError.
 */
export function takeBack(host: Host, slot: string): boolean {
  const root = host.accountOf(ROOT_UID)
  if (!root || host.lstat(slot)?.kind !== 'folder') return false
  const own = (folder: string, mode: number, isEvent: boolean): boolean => {
    const stat = host.lstat(folder)
    if (stat === undefined) return false
    if (stat.kind !== 'folder') {
      host.removeFile(folder)
      return false
    }
    if (stat.uid !== ROOT_UID || stat.gid !== root.gid) host.setOwner(folder, root)
    if (stat.mode !== mode) host.setMode(folder, mode)
    for (const name of host.list(folder) ?? []) {
      const entry = host.lstat(path.join(folder, name))
      const isKept = isEvent
        ? entry?.kind === 'other' || entry?.kind === 'folder'
        : entry?.kind === 'folder' || name === 'control' || (entry?.kind === 'file' && entry.uid === ROOT_UID)
      if (!isKept) host.removeFile(path.join(folder, name))
    }
    return true
  }
  let isWhole = true
  for (const name of FOLDERS) {
    const folder = path.join(slot, name)
    if (!own(folder, FOLDER_MODE, false) || path.basename(name) !== 'supervise') continue
    const has = (kept: string) => host.lstat(path.join(folder, kept))?.kind === (kept === 'control' ? 'other' : 'file')
    isWhole &&= KEPT.every(has)
  }
  for (const name of EVENTS) own(path.join(slot, name), EVENT_MODE, true)
  return isWhole
}
