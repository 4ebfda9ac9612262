import {shellWord} from '../text/shell-quote.js'
import os from 'node:os'
import path from 'node:path'
import type {HostError} from './host.js'

const WITH_SUDO = 'run it as an account that may do that, for example with sudo'

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
        return [`ls -ld ${folder} ${place}; findmnt -T ${folder}   # root is refused too: a mount that does not know it, or a flag`]
      // What is in a home belongs to its account; sudo would but make more of it that does not.
      const isOurs = home !== '/' && subject.startsWith(`${home}/`)
      return isOurs ? [`ls -ld ${folder} ${place}   # if it is another's: sudo chown ${shellWord(name)} ${folder} ${place}`] : [WITH_SUDO]
    }
    case 'ENOMEM':
    case 'EAGAIN':
      return ['free -m; ulimit -u   # there is no memory, or no process more, for a program; then the same command again']
    case 'EROFS':
      return [`findmnt -T ${place}   # it is mounted read-only`]
    case 'ENOENT':
      if (message.startsWith('cannot run')) return [`install ${place}, then the same command again`]
      return [
        subject.startsWith('/')
          ? `ls -ld ${shellWord(path.dirname(subject))}   # it may be gone`
          : 'cd   # the folder that you are in may be gone',
      ]
    case 'ENOSPC':
    case 'EDQUOT':
      return subject.startsWith('/')
        ? [`df -h ${place}   # it is full; make room, then the same command again`]
        : ['make room where its output goes']
    case 'ELOOP':
    case 'EEXIST':
    case 'EISDIR':
    case 'ENOTDIR':
      return [`ls -ld ${place}   # what stands there is not what it should be`]
    case 'EMFILE':
    case 'ENFILE':
      return ['ulimit -n   # so many files may be open at once, and more are needed: ulimit -n 1024, then the same command again']
    case 'EIO':
      return ['sudo dmesg | tail   # the disk does not read or write']
    default:
      return []
  }
}
