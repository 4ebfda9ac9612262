import fs from 'node:fs'
import path from 'node:path'
import {errnoError} from './errno.js'
import type {Account} from './host.js'

/** open(2) of macOS: no part of the path may be a symbolic link. */
const O_NOFOLLOW_ANY = 0x2000_0000

/** What `withExactly` sets: permission bits, or an owner. */
type Setting = {readonly mode: number} | {readonly owner: Account}

/**
 * Sets something of what is at an absolute path, no part of which may be a link: whoever may write a folder on the way could turn a link
 * elsewhere at any moment.
 */
export function withExactly(file: string, setting: Setting): void {
  if (process.platform === 'darwin') return setOnDarwin(file, setting)
  withPlace(file, (place, stat) => {
    if ('mode' in setting) return fs.chmodSync(place, setting.mode)
    requireOneName(stat)
    fs.chownSync(place, setting.owner.uid, setting.owner.gid)
  })
}

/** Another name of it may be a file elsewhere that was linked to here. */
function requireOneName(stat: fs.Stats): void {
  if (!stat.isDirectory() && stat.nlink > 1) throw errnoError('EMLINK')
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
    requireOneName(stat)
    fs.fchownSync(fd, setting.owner.uid, setting.owner.gid)
  })
}

/**
 * Each folder is entered by the descriptor of the one above (proc_pid_fd(5)), and `place` names the last one, so that what may not be read
 * can be worked on too (open(2), O_PATH).
 */
function withPlace(file: string, work: (place: string, stat: fs.Stats) => void): void {
  const {O_NOFOLLOW, O_DIRECTORY} = fs.constants
  const O_PATH = 0o10000000
  let fd = fs.openSync('/', O_PATH | O_DIRECTORY)
  try {
    const parts = path.normalize(file).split('/').filter(Boolean)
    for (const [index, part] of parts.entries()) {
      const folder = fd
      fd = fs.openSync(`/proc/self/fd/${folder}/${part}`, O_PATH | O_NOFOLLOW | (index < parts.length - 1 ? O_DIRECTORY : 0))
      fs.closeSync(folder)
    }
    const stat = fs.fstatSync(fd)
    if (stat.isSymbolicLink()) throw errnoError('ELOOP')
    work(`/proc/self/fd/${fd}`, stat)
  } finally {
    fs.closeSync(fd)
  }
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
