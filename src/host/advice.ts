import {shellWord} from '../service/shell-quote.js'
import path from 'node:path'
import type {HostError} from './host.js'

/** What to type after a system call that failed; nothing where there is nothing to try. */
export function adviceFor({code, path: subject, message}: Pick<HostError, 'code' | 'path' | 'message'>): string[] {
  const place = shellWord(subject)
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return ['run it as an account that may do that, for example with sudo']
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
      return ['ulimit -n   # too many files are open']
    case 'EIO':
      return ['sudo dmesg | tail   # the disk does not read or write']
    default:
      return []
  }
}
