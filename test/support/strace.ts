import fs from 'node:fs'

/** Why what is traced cannot run here; undefined if it can. */
export const whyNoStrace = fs.existsSync('/usr/bin/strace') ? undefined : 'needs strace: apt-get install -y strace'

/** System calls by which a program changes a file, a lock or a process, for strace(1); "?": not on every machine. */
const CHANGING = {
  opening: ['?open', 'openat', '?openat2', '?creat'],
  signalling: ['kill', 'tkill', 'tgkill', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo', '?pidfd_send_signal'],
  locking: ['flock', 'fcntl'],
  others: [
    ...['?unlink', 'unlinkat', '?rmdir', '?rename', '?renameat', 'renameat2', '?link', 'linkat', '?symlink', 'symlinkat', '?mkdir'],
    ...['mkdirat', '?mknod', 'mknodat', '?chmod', 'fchmod', 'fchmodat', '?chown', '?lchown', 'fchown', 'fchownat', '?utime', '?utimes'],
    ...['?futimesat', 'utimensat', 'truncate', 'ftruncate', 'fallocate', 'setxattr', 'lsetxattr', 'fsetxattr', 'removexattr'],
    ...['lremovexattr', 'fremovexattr', 'bind', 'mount', 'umount2', 'setns', 'unshare', 'ptrace', 'process_vm_writev', '?copy_file_range'],
    // Would do any of the above without a system call of its name.
    ...['?io_uring_setup', '?io_uring_enter'],
  ],
} as const

/** Arguments of strace for `changes`; the trace goes to that file, and the program's command line follows. */
export function straceArgv(trace: string): string[] {
  // What is not traced does not stop for it: --seccomp-bpf.
  return [
    'strace',
    '-f',
    '--seccomp-bpf',
    '-y',
    '-qq',
    '-s',
    '4096',
    '-o',
    trace,
    '-e',
    `trace=${Object.values(CHANGING).flat().join(',')}`,
  ]
}

/**
 * The lines of a trace that show a change: a file opened for writing, a lock, a signal other than 0, or any other call of CHANGING, even
 * one that failed. Left out: what is not a file (/dev/null and the like), and all that is below the `allowed` folder.
 */
export function changes(trace: string, allowed: string): string[] {
  return trace.split('\n').filter((line) => {
    const [, call = '', rest = ''] = /^\d+\s+(\w+)\((.*)$/.exec(line) ?? []
    if (call === '' || isHarmless(call, rest)) return false
    const places = [...rest.replaceAll(/AT_FDCWD<[^>]*>/g, '').matchAll(/"(\/[^"]*)"|<(\/[^>]*)>/g)].map(
      (match) => match[1] ?? match[2] ?? '',
    )
    return places.length === 0 || !places.every((place) => place === allowed || place.startsWith(`${allowed}/`))
  })
}

function isHarmless(call: string, rest: string): boolean {
  if (call.startsWith('open')) return !/O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)/.test(rest) || /"\/dev\/(null|tty|urandom)"/.test(rest)
  if (call === 'fcntl') return !/, F_(OFD_)?SETLKW?|, F_SETLEASE|, F_NOTIFY/.test(rest)
  // SIGRT_1: glibc tells the other threads of the process to change their ids, too (nptl(7)).
  if (call.includes('kill')) return /, 0(?:\)| <)/.test(rest) || (call === 'tgkill' && /, SIGRT_1(?:\)| <)/.test(rest))
  return call === 'pidfd_send_signal' && /, 0,/.test(rest)
}
