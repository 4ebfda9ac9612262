import type {FakeFile} from './fake-host.js'

/** A process of the fake machine, as /proc shows it (proc(5)). */
export interface FakeProcess {
  readonly pid: number
  readonly state?: string
  readonly comm?: string
  readonly parentPid?: number
  readonly startTime?: number
  readonly uid?: number
  readonly argv?: readonly string[]
  /** Its environment; undefined if it may not be read. */
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly cgroup?: string
  /** The kernel function that its main thread sleeps in; the default is that of an event loop that waits for events. */
  readonly waitsIn?: string
  /** Files that it has open, by descriptor. `isLocked`: it holds flock(2) on it. Undefined if they may not be seen. */
  readonly open?: Readonly<Record<number, {readonly path: string; readonly isLocked?: boolean}>>
}

/** The text of /proc/self/mountinfo on a machine of one file system, whose device /proc/locks shows as 00:29. */
export const ONE_MOUNT = '22 1 0:41 / / rw,relatime shared:1 - ext4 /dev/vda rw\n'

export const GATEWAY_ARGV = ['/usr/bin/python3', '-m', 'hermes_cli.main', 'gateway', 'run']

/** The files below /proc of a process, for a FakeHost. */
export function processFiles(process: FakeProcess): Record<string, FakeFile> {
  const {
    pid,
    state = 'S',
    comm = 'hermes',
    parentPid = 1,
    startTime = 5000,
    uid = 1000,
    argv = GATEWAY_ARGV,
    cgroup,
    env,
    open,
    waitsIn = 'do_epoll_wait',
  } = process
  const folder = `/proc/${pid}`
  const owned = {uid, gid: uid}
  const closed = {...owned, mode: 0o000}
  // Fields 5 to 21 and those after the start time say nothing here.
  const stat = `${pid} (${comm}) ${state} ${parentPid} ${'0 '.repeat(17)}${startTime} ${'0 '.repeat(29)}0\n`
  const files: Record<string, FakeFile> = {
    [folder]: {folder: true, mode: 0o555, ...owned},
    [`${folder}/stat`]: {text: stat, ...owned},
    [`${folder}/cmdline`]: {text: argv.map((word) => `${word}\0`).join(''), ...owned},
    [`${folder}/environ`]: env
      ? {
          text: Object.entries(env)
            .map(([name, value]) => `${name}=${value}\0`)
            .join(''),
          ...owned,
        }
      : closed,
    [`${folder}/task/${pid}/stat`]: {text: stat, ...owned},
    [`${folder}/task/${pid}/status`]: {text: 'voluntary_ctxt_switches:\t7\n', ...owned},
    [`${folder}/task/${pid}/wchan`]: {text: waitsIn, ...owned},
    [`${folder}/cgroup`]: {text: `0::${cgroup ?? '/user.slice'}\n`, ...owned},
    [`${folder}/fd`]: open ? {folder: true, mode: 0o500, ...owned} : {folder: true, ...closed},
  }
  for (const [fd, {path, isLocked}] of Object.entries(open ?? {})) {
    files[`${folder}/fd/${fd}`] = {link: path, ...owned}
    const lock = isLocked ? `lock:\t1: FLOCK  ADVISORY  WRITE ${pid} 00:29:1 0 EOF\n` : ''
    files[`${folder}/fdinfo/${fd}`] = {text: `pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t1\n${lock}`, ...owned}
  }
  return files
}
