import {shellWord} from '../text/shell-quote.js'
import os from 'node:os'
import path from 'node:path'
import type {HostError} from './host.js'

const WITH_SUDO = 'run the same command as a user with permission, for example with sudo'

/** Who is refused: whose home it is matters for what to do about it. */
export interface Refused {
  readonly uid: number | undefined
  readonly name: string
  readonly home: string
}

function ourselves(): Refused {
  const {username: name, homedir: home} = os.userInfo()
  return {uid: process.geteuid?.(), name, home}
}

/** What to type after a system call that failed; nothing where there is nothing to try. */
export function adviceFor(
  {code, path: subject, message}: Pick<HostError, 'code' | 'path' | 'message'>,
  {uid, name, home}: Refused = ourselves(),
): string[] {
  const place = shellWord(subject)
  switch (code) {
    case 'EACCES':
    case 'EPERM': {
      if (!subject.startsWith('/')) return uid === 0 ? [] : [WITH_SUDO]
      const folder = shellWord(path.dirname(subject))
      if (uid === 0)
        return [`ls -ld ${folder} ${place}; findmnt -T ${folder}   # root has no access either: look for a mount option or a file flag`]
      // What is in a home belongs to its account; sudo would but make more of it that does not.
      const isOurs = home !== '/' && subject.startsWith(`${home}/`)
      return isOurs
        ? [`ls -ld ${folder} ${place}   # if another user owns it: sudo chown ${shellWord(name)} ${folder} ${place}`]
        : [WITH_SUDO]
    }
    case 'ENOMEM':
    case 'EAGAIN':
      return ['free -m; ulimit -u   # no memory or no process is left for a program; close some programs, then run the same command again']
    case 'EROFS':
      return [`findmnt -T ${place}   # it is mounted read-only`]
    case 'ENOENT':
      if (message.startsWith('cannot run')) return [`install ${place}, then run the same command again`]
      return [
        subject.startsWith('/')
          ? `ls -ld ${shellWord(path.dirname(subject))}   # this folder may be missing`
          : 'cd   # your current folder may have been deleted',
      ]
    case 'ENOSPC':
    case 'EDQUOT':
      return subject.startsWith('/')
        ? [`df -h ${place}   # the disk is full; free some space, then run the same command again`]
        : ['free some space on the disk that the output goes to']
    case 'ELOOP':
    case 'EEXIST':
    case 'EISDIR':
    case 'ENOTDIR':
      return [`ls -ld ${place}   # something else is in its place`]
    case 'EMFILE':
    case 'ENFILE':
      return ['ulimit -n   # too few files may be open at once: run ulimit -n 1024, then run the same command again']
    case 'EIO':
      return ['sudo dmesg | tail   # the disk reports read or write errors']
    default:
      return []
  }
}
