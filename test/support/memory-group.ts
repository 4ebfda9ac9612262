import {spawnSync} from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/** A hierarchy of control groups of this machine: where it is mounted, and the file that counts what the kernel has killed in a group. */
interface Hierarchy {
  readonly mount: string
  readonly version: 1 | 2
  readonly limitFile: string
  readonly countFile: string
  /** Where a container sees its own group. */
  readonly seenInside: string
}

/** The hierarchy whose groups count memory here, of either version of cgroups(7); undefined where there is none. */
function memoryHierarchy(): Hierarchy | undefined {
  const mounts = fs.existsSync('/proc/mounts') ? fs.readFileSync('/proc/mounts', 'utf8').split('\n') : []
  for (const line of mounts) {
    const [, mount = '', type, options = ''] = line.split(' ')
    const has = (file: string, word: string) => read(path.join(mount, file)).split(/\s+/).includes(word)
    if (type === 'cgroup' && options.split(',').includes('memory')) {
      return {mount, version: 1, limitFile: 'memory.limit_in_bytes', countFile: 'memory.oom_control', seenInside: '/sys/fs/cgroup/memory'}
    }
    if (type === 'cgroup2' && has('cgroup.subtree_control', 'memory')) {
      return {mount, version: 2, limitFile: 'memory.max', countFile: 'memory.events', seenInside: '/sys/fs/cgroup'}
    }
  }
  return undefined
}

const read = (file: string): string => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '')
const MB = 1024 ** 2
const HIERARCHY = process.platform === 'linux' ? memoryHierarchy() : undefined

/** Why no group with a limit of memory can be made here; undefined if one can. */
export function whyNoMemoryGroup(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  return HIERARCHY ? undefined : 'no control groups count memory'
}

/** Python program that takes memory until it is killed, or until the process $1 is, which the kernel kills first. */
const EATER = `import os, sys
victim = sys.argv[1]
if victim:
    with open('/proc/%s/oom_score_adj' % victim, 'w') as file: file.write('1000')
taken = []
while not victim or os.path.exists('/proc/' + victim): taken.append(b'x' * (1 << 20))
`

/** A control group of this machine with a limit of memory, for processes of a test. */
export class MemoryGroup {
  private constructor(
    /** Below each mount. */
    readonly name: string,
    /** As this machine sees it. */
    readonly folder: string,
    readonly hierarchy: Hierarchy,
  ) {}

  static make(limitMb: number): MemoryGroup {
    if (!HIERARCHY) throw new Error('no control groups count memory')
    const name = `/hermes-svc-test-${process.pid}-${(made += 1)}`
    const group = new MemoryGroup(name, path.join(HIERARCHY.mount, name), HIERARCHY)
    fs.mkdirSync(group.folder)
    fs.writeFileSync(path.join(group.folder, HIERARCHY.limitFile), String(limitMb * MB))
    return group
  }

  /** How many processes the kernel has killed in it for lack of memory. */
  get kills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(read(path.join(this.folder, this.hierarchy.countFile)))?.[1])
  }

  add(pid: number): void {
    fs.writeFileSync(path.join(this.folder, 'cgroup.procs'), String(pid))
  }

  /** A command line whose program runs in it. */
  within(argv: readonly string[]): string[] {
    return ['sh', '-c', 'echo "$$" >"$0" && exec "$@"', path.join(this.folder, 'cgroup.procs'), ...argv]
  }

  /** Has the kernel kill a process of a test's in it. */
  eat(): void {
    const {signal} = this.runEater('')
    if (signal !== 'SIGKILL') throw new Error(`what takes memory in ${this.folder} ended with ${signal}`)
  }

  /** Has the kernel kill the process in it that has this pid in a PID namespace of its own. */
  eatInsteadOf(pidInside: number): void {
    const pids = read(path.join(this.folder, 'cgroup.procs')).split('\n').filter(Boolean)
    const victim = pids.find((pid) => new RegExp(`^NSpid:.*\\s${pidInside}$`, 'm').test(read(`/proc/${pid}/status`)))
    if (victim === undefined) throw new Error(`no process ${pidInside} in ${this.folder}`)
    const before = this.kills
    const {status, signal} = this.runEater(victim)
    if (this.kills === before) throw new Error(`nothing was killed in ${this.folder}: what takes memory ended with ${status ?? signal}`)
  }

  private runEater(victim: string): {status: number | null; signal: string | null} {
    const [program = '', ...args] = this.within(['python3', '-c', EATER, victim])
    return spawnSync(program, args)
  }

  get isEmpty(): boolean {
    return read(path.join(this.folder, 'cgroup.procs')) === ''
  }

  /** Once nothing is in it any more. */
  remove(): void {
    fs.rmdirSync(this.folder)
  }
}

let made = 0
