import fs from 'node:fs'
import path from 'node:path'
import {errnoError} from './errno.js'
import type {Account} from './host.js'
import {isRoots} from './roots-alone.js'

/** open(2) of Linux: a descriptor for the place alone; what may not be read has one too. Node has no name for it. */
const O_PATH = 0o10000000
/** open(2) of macOS: no part of the path may be a symbolic link. */
const O_NOFOLLOW_ANY = 0x2000_0000
/** As many links as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40

/** What `withExactly` sets: permission bits, or an owner, of what lies in a folder. */
type Setting = {readonly mode: number} | {readonly owner: Account; readonly within: string | undefined}

/** A place that was walked to, each folder by the descriptor of the one above. */
interface Place {
  /** Names it by its descriptor: nobody can put another in its place. */
  readonly byDescriptor: string
  /** Absolute, without a link. */
  readonly path: string
  readonly stat: fs.Stats
  /** The folders on the way, `/` first. */
  readonly folders: readonly Folder[]
}

interface Folder {
  readonly path: string
  readonly uid: number
  /** Only root can put something else into it, or into those above it. */
  readonly isRoots: boolean
}

/**
 * Sets something of what is at an absolute path, walked as it is named. Only root's own links are followed, those in folders that nobody else can
 * change: whoever may write a folder on the way could turn a link elsewhere at any moment.
 */
export function withExactly(file: string, setting: Setting): void {
  if (process.platform === 'darwin') return setOnDarwin(file, setting)
  withPlace(file, (place) => {
    if ('mode' in setting) return fs.chmodSync(place.byDescriptor, setting.mode)
    requireGivable(place, setting.owner, setting.within)
    fs.chownSync(place.byDescriptor, setting.owner.uid, setting.owner.gid)
  })
}

/** Throws EPERM or EMLINK for what is not root's to give away: see Host.setOwner. */
function requireGivable(
  {path: file, stat, folders}: Pick<Place, 'path' | 'stat' | 'folders'>,
  owner: Account,
  within: string | undefined,
): void {
  // Another name of it may be a file elsewhere that was linked to here.
  if (!stat.isDirectory() && stat.nlink > 1) throw errnoError('EMLINK')
  const isInRoots = folders.every(({isRoots}) => isRoots)
  // Root takes back what lies in a folder of its own, whoever has it.
  if (owner.uid === 0 && within === undefined) {
    if (!isInRoots) throw errnoError('EPERM')
    return
  }
  const isTheirs = (uid: number) => uid === 0 || uid === owner.uid
  if (owner.uid !== 0 && (!isTheirs(stat.uid) || !folders.every(({uid}) => isTheirs(uid)))) throw errnoError('EPERM')
  const place = fs.realpathSync(within ?? owner.home)
  const isThere = file === place || file.startsWith(`${place}/`)
  // Somebody could have put the folder itself elsewhere.
  const isPlaced = folders.every((folder) => folder.isRoots || folder.path === place || folder.path.startsWith(`${place}/`))
  if (!isThere || !isPlaced || place === '/') throw errnoError('EPERM')
}

function withPlace(file: string, work: (place: Place) => void): void {
  const {O_NOFOLLOW, O_DIRECTORY} = fs.constants
  let fd = fs.openSync('/', O_PATH | O_DIRECTORY)
  let at = '/'
  const folders: Folder[] = []
  try {
    let parts = path.normalize(file).split('/').filter(Boolean)
    let links = 0
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      const folder = fs.fstatSync(fd)
      const isRootsAlone = (folders.at(-1)?.isRoots ?? true) && isRoots(folder)
      folders.push({path: at, uid: folder.uid, isRoots: isRootsAlone})
      const name = `/proc/self/fd/${fd}/${part}`
      const next = fs.openSync(name, O_PATH | O_NOFOLLOW | (parts.length > 0 && !isRootsAlone ? O_DIRECTORY : 0))
      if (fs.fstatSync(next).isSymbolicLink()) {
        fs.closeSync(next)
        if (!isRootsAlone || (links += 1) > MAX_LINKS) throw errnoError('ELOOP')
        // From the start again: what it names may lead anywhere.
        parts = [...path.resolve(at, fs.readlinkSync(name)).split('/').filter(Boolean), ...parts]
        fs.closeSync(fd)
        fd = fs.openSync('/', O_PATH | O_DIRECTORY)
        at = '/'
        folders.length = 0
        continue
      }
      fs.closeSync(fd)
      fd = next
      at = path.join(at, part)
    }
    work({byDescriptor: `/proc/self/fd/${fd}`, path: at, stat: fs.fstatSync(fd), folders})
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * By a descriptor, where there is one to be had. What one may not read oneself has none; but whoever has no other rights than its owner
 * gains nothing by a link that is put on the way.
 */
function setOnDarwin(file: string, setting: Setting): void {
  if ('mode' in setting && process.geteuid?.() !== 0) {
    if (fs.realpathSync(file) !== file) throw errnoError('ELOOP')
    return fs.chmodSync(file, setting.mode)
  }
  withDescriptor(file, (fd, stat) => {
    if ('mode' in setting) return fs.fchmodSync(fd, setting.mode)
    requireGivable({path: file, stat, folders: foldersAbove(file)}, setting.owner, setting.within)
    fs.fchownSync(fd, setting.owner.uid, setting.owner.gid)
  })
}

/** Of a path without a link, by name: macOS has no descriptor for the place alone. */
function foldersAbove(file: string): Folder[] {
  const parts = path.dirname(file).split('/').filter(Boolean)
  let isRootsAlone = true
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)].map((folder) => {
    const stat = fs.lstatSync(folder)
    isRootsAlone &&= isRoots(stat)
    return {path: folder, uid: stat.uid, isRoots: isRootsAlone}
  })
}

/**
 * Works on what is at an absolute path, no part of which may be a link (ELOOP), by a descriptor. A system that is too old to know
 * O_NOFOLLOW_ANY is caught by a look at the path afterwards. Throws EACCES for what may not be read.
 */
function withDescriptor(file: string, work: (fd: number, stat: fs.Stats) => void): void {
  const {O_RDONLY, O_NONBLOCK, O_NOFOLLOW} = fs.constants
  const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOFOLLOW_ANY)
  try {
    const [stat, now] = [fs.fstatSync(fd), fs.lstatSync(file)]
    if (fs.realpathSync(file) !== file || now.ino !== stat.ino || now.dev !== stat.dev) throw errnoError('ELOOP')
    work(fd, stat)
  } finally {
    fs.closeSync(fd)
  }
}
