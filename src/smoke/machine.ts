import {waitUntil} from '../host/wait-until.js'
import {ExitStatus, ServiceError} from '../errors.js'
import type {Account, Host, RunResult, Tethered} from '../host/host.js'
import {SYSTEM_FOLDERS} from '../service/unit-path.js'
import {keeperArgv, STATE_PREFIX} from './machine-keeper.js'

/** Where every machine has node: one file, executable by every user. */
export const MACHINE_NODE = '/opt/hermes-svc/node'
/** Where every machine has this package, as npm would install it: root's, readable by all, read-only. */
export const MACHINE_PACKAGE = '/opt/hermes-svc/package'

const SYSTEM_PATH = SYSTEM_FOLDERS.join(':')
const LOGIN_PATH = '/usr/local/bin:/usr/bin:/bin'
const BOOT_TIMEOUT_MS = 90_000
/** Of a machine that is killed: the kernel ends it in a moment, on a host that does much else in many. */
const DOWN_TIMEOUT_MS = 120_000
const POLL_MS = 50
/** Exit status of the keeper. */
const NAME_TAKEN = 73
const EXEC_TIMEOUT_MS = 30_000
/** What entering the machine may take on top. */
const EXEC_GRACE_MS = 10_000
/** CAP_SYS_ADMIN, capabilities(7): its bit in CapEff of proc_pid_status(5). */
const CAP_SYS_ADMIN = 1n << 21n

export interface MachineOptions {
  /** Lower case letters, digits and hyphens, at most 30; this process's pid is added, so it must be unique within the process only. */
  readonly name: string
  /** Root folder that the machine boots a temporary layer over; default `/`. It needs systemd, dbus, libpam-systemd and python3. */
  readonly root?: string
  /** Further files and folders of the host that are seen inside. */
  readonly binds?: readonly {readonly source: string; readonly target: string; readonly writable?: boolean}[]
  /** Aborted while it boots: it is taken down again, and the reason is thrown. */
  readonly signal?: AbortSignal
}

export interface MachineExecOptions {
  /** Whose ids, home and session the program gets, without a login; default root. */
  readonly user?: Account
  /** Default: the user's home. */
  readonly cwd?: string
  /** Added to the environment that a login of that user has; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly input?: string
  /** Default 30 s. */
  readonly timeoutMs?: number
}

/** A throw-away machine: a container whose PID 1 is a real systemd. What is written inside is gone after `down`. */
export interface Machine {
  /** No other machine on this host has it. */
  readonly name: string
  /** pid of the machine's PID 1, as the host sees it. */
  readonly leaderPid: number
  /** Runs a program inside. Never throws on an exit status; throws ServiceError `machine-gone` if the machine is down. */
  exec(argv: readonly string[], options?: MachineExecOptions): Promise<RunResult>
  /**
   * Adds a login user; unless `linger` is false, lingering is turned on and its user manager is waited for. An account of that name
   * which the root folder brings is replaced.
   */
  addUser(name: string, options?: {readonly linger?: boolean}): Promise<Account>
  /** Text of a file inside; undefined if it does not exist. */
  readText(path: string, options?: {readonly timeoutMs?: number}): Promise<string | undefined>
  /** Writes a file inside, as that user (default root); the folder must exist. Mode 0644 unless told otherwise. */
  writeText(path: string, text: string, options?: {readonly user?: Account; readonly mode?: number}): Promise<void>
  /** Ends the machine and waits until nothing of it is left on the host. May be called again. */
  down(): Promise<void>
}

interface Requirement {
  /** Debian package. */
  readonly package: string
  /** Satisfied by any of these. */
  readonly anyOf: readonly string[]
}

const HOST_PROGRAMS: readonly Requirement[] = [
  {package: 'systemd-container', anyOf: ['systemd-nspawn']},
  {package: 'util-linux', anyOf: ['unshare']},
  {package: 'util-linux', anyOf: ['nsenter']},
  {package: 'util-linux', anyOf: ['setpriv']},
  {package: 'util-linux', anyOf: ['flock']},
  {package: 'mount', anyOf: ['mount']},
]

const PAM_SYSTEMD = 'security/pam_systemd.so'
/** Files below the machine's root; `*` stands for one folder. */
const ROOT_FILES: readonly Requirement[] = [
  {package: 'systemd', anyOf: ['usr/lib/systemd/systemd', 'lib/systemd/systemd']},
  {package: 'dbus', anyOf: ['usr/lib/systemd/system/dbus.service', 'lib/systemd/system/dbus.service']},
  {package: 'dbus-user-session', anyOf: ['usr/lib/systemd/user/dbus.socket']},
  {package: 'libpam-systemd', anyOf: [`usr/lib/*/${PAM_SYSTEMD}`, `lib/*/${PAM_SYSTEMD}`, `usr/lib64/${PAM_SYSTEMD}`]},
  {package: 'passwd', anyOf: ['usr/sbin/useradd']},
  {package: 'python3', anyOf: ['usr/bin/python3']},
]

/** Why no throw-away machine can be booted here, in one line that says what to install; undefined if one can. Only reads. */
export function whyNoMachine(host: Host, root = '/'): string | undefined {
  if (host.platform !== 'linux') return 'a throw-away machine needs Linux'
  if (host.account.uid !== 0) return 'a throw-away machine needs root'
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(host.readText('/proc/self/status') ?? '')?.[1]
  if (capabilities && (BigInt(`0x${capabilities}`) & CAP_SYS_ADMIN) === 0n) {
    return 'a throw-away machine needs permission to mount (CAP_SYS_ADMIN), which root does not have in this container'
  }
  const missing = [
    ...HOST_PROGRAMS.filter(({anyOf}) => !anyOf.some((program) => host.which(program, SYSTEM_PATH))),
    ...ROOT_FILES.filter(({anyOf}) => !anyOf.some((pattern) => existsBelow(host, root, pattern))),
  ]
  if (missing.length === 0) return undefined
  const packages = [...new Set(missing.map((requirement) => requirement.package))].join(' ')
  return root === '/'
    ? `a throw-away machine needs these Debian packages: apt-get install -y ${packages}`
    : `a throw-away machine needs these Debian packages in ${root}: ${packages}`
}

/**
 * Boots a throw-away machine and waits until it runs. It ends with `down`, or with this process, however that ends. Machines with different
 * names may run side by side. Nothing is written outside /run, and what is written there is removed; what an earlier machine left behind,
 * because its keeper was killed, is removed first.
 * Errors (ServiceError): `no-machine` (see `whyNoMachine`; exit 4), `machine-failed` with the end of its console.
 */
export async function bootMachine(host: Host, options: MachineOptions): Promise<Machine> {
  const root = options.root ?? '/'
  const reason = whyNoMachine(host, root)
  if (reason) throw new ServiceError(reason, {code: 'no-machine', exitStatus: ExitStatus.cannotTell})
  if (!/^[a-z0-9][a-z0-9-]{0,29}$/.test(options.name)) throw new Error(`not a machine name: ${options.name}`)

  const state = `${STATE_PREFIX}${options.name}-${host.pid}`
  const name = `hermes-svc-${options.name}-${host.pid}`
  const {items, nspawnOptions} = contents(host, options)
  const keeper = host.tether(keeperArgv(state, [root, name, ...items, '--', ...nspawnOptions]), {
    env: {PATH: SYSTEM_PATH, LC_ALL: 'C.UTF-8'},
  })
  const failed = (message: string, evidence: readonly string[]) =>
    new ServiceError(`the throw-away machine ${message}`, {code: 'machine-failed', exitStatus: ExitStatus.failed, evidence})

  const {signal} = options
  let machine: RunningMachine | undefined
  try {
    signal?.throwIfAborted()
    const isUp = await waitUntil(host, {limitMs: BOOT_TIMEOUT_MS, everyMs: POLL_MS, signal}, async () => {
      const result = keeper.result()
      if (result) {
        const message = result.code === NAME_TAKEN ? `${name} exists already` : 'ended during its boot'
        throw failed(message, lines(result.stdout + result.stderr))
      }
      machine ??= findLeader(host, keeper, name)
      return (await machine?.isUp()) ?? false
    })
    if (!machine || !isUp) {
      throw failed(`did not finish its boot in ${BOOT_TIMEOUT_MS / 1000} s`, lines(host.readText(`${state}/console`) ?? '').slice(-15))
    }
    // As a user with no rights at all: node must be readable by everyone, and find its libraries in another root too.
    const nobody: Account = {uid: 65534, gid: 65534, name: 'nobody', home: '/'}
    const node = await machine.exec([MACHINE_NODE, '--version'], {user: nobody})
    if (node.code !== 0) throw failed(`cannot run ${host.nodePath}`, [node.stderr.trim()])
    return machine
  } catch (error) {
    await takeDown(host, keeper, state)
    throw error
  }
}

function lines(text: string): string[] {
  return text.split(/[\r\n]+/).filter((line) => line.trim() !== '')
}

/** What a machine sees of the host, as arguments of the keeper's starter. Copies are made in the machine's own memory. */
function contents(host: Host, options: MachineOptions): {items: string[]; nspawnOptions: string[]} {
  const root = host.packageRoot
  const manifest = JSON.parse(host.readText(`${root}/package.json`) ?? '{}') as {files?: string[]}
  // What npm would pack (`files` are plain paths), copied as npm would install it: root's and readable by everyone, whosever it is here.
  const files = ['package.json', ...(manifest.files ?? [])].filter((file) => host.stat(`${root}/${file}`))
  const items = files.flatMap((file) => ['copy', `${root}/${file}`, `package/${file}`])
  items.push('bind', host.realPath(host.nodePath) ?? host.nodePath, 'node')
  const nspawnOptions = [`--bind-ro=/run/package:${MACHINE_PACKAGE}`, `--bind-ro=/run/node:${MACHINE_NODE}`]
  for (const [index, {source, target, writable}] of (options.binds ?? []).entries()) {
    items.push('bind', source, `binds/${index}`)
    // systemd-nspawn(1), --bind=: a colon separates, a backslash escapes.
    nspawnOptions.push(`--bind${writable ? '' : '-ro'}=/run/binds/${index}:${target.replace(/[\\:]/g, '\\$&')}`)
  }
  return {items, nspawnOptions}
}

/**
 * Follows keeper → unshare → systemd-nspawn → the machine's PID 1. The last two are both the first process of a pid namespace, where
 * their pid is 1 (NSpid, proc_pid_status(5)).
 */
function findLeader(host: Host, keeper: Tethered, name: string): RunningMachine | undefined {
  const parents = new Map<number, number>()
  const firsts: number[] = []
  for (const entry of host.list('/proc') ?? []) {
    if (!/^[0-9]+$/.test(entry)) continue
    const status = host.readText(`/proc/${entry}/status`) ?? ''
    parents.set(Number(entry), Number(/^PPid:\s*([0-9]+)$/m.exec(status)?.[1] ?? 0))
    if (/^NSpid:.*\s1$/m.test(status)) firsts.push(Number(entry))
  }
  const parentOf = (pid: number | undefined) => (pid === undefined ? undefined : parents.get(pid))
  const leader = firsts.find((pid) => parentOf(parentOf(parentOf(pid))) === keeper.pid)
  const nspawn = parentOf(leader)
  const namespace = leader && host.readLink(`/proc/${leader}/ns/pid`)
  return leader && nspawn && namespace ? new RunningMachine(host, keeper, name, leader, nspawn, namespace) : undefined
}

async function takeDown(host: Host, keeper: Tethered, state: string): Promise<void> {
  keeper.release()
  const isDown = () => keeper.result() !== undefined
  if (!(await waitUntil(host, {limitMs: DOWN_TIMEOUT_MS, everyMs: POLL_MS}, isDown))) {
    host.signal(keeper.pid, 'SIGKILL')
    await waitUntil(host, {limitMs: Infinity, everyMs: POLL_MS}, isDown)
  }
  if (keeper.result()?.code !== NAME_TAKEN && host.stat(state)) {
    const message = `cannot remove the throw-away machine: see ${state}/console`
    throw new ServiceError(message, {code: 'machine-failed', exitStatus: ExitStatus.failed})
  }
}

/**
 * $1: file to write one's pid into. $2: uid. $3: gid. $4: leader. $5: time limit in seconds. $6: cwd. $7...: the program.
 * The limit is kept inside: were the process outside killed, the program would be left to the host's PID 1, and where that one never waits for
 * strangers (a container's, often) the machine could not end. Ctrl-C on the caller's terminal must not kill it either: Host.run sees to that.
 * It is timeout(1) without a limit, and not nsenter(1) itself, which stops when what it has started is stopped, and is continued by nobody: a machine
 * that powers itself off stops all that is inside for a moment (kill(-1, SIGSTOP), systemd-shutdown(8)), and would wait for ever, as would `down`, for
 * somebody to take note of the end of its processes.
 */
const ENTER = `umask 022
echo $$ >"$1" || exit
uid=$2 gid=$3 leader=$4
limit=$5
shift 5
exec nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup --no-fork -- timeout --foreground 0 \\
  setpriv --reuid="$uid" --regid="$gid" --init-groups -- timeout --signal=KILL "$limit" sh -c 'cd "$1" && shift && exec "$@"' sh "$@"
`
const KILLED = 128 + 9

class RunningMachine implements Machine {
  constructor(
    private readonly host: Host,
    private readonly keeper: Tethered,
    readonly name: string,
    readonly leaderPid: number,
    private readonly nspawnPid: number,
    private readonly namespace: string,
  ) {}

  async exec(argv: readonly string[], options: MachineExecOptions = {}): Promise<RunResult> {
    const {uid, gid, cwd, env, timeoutMs} = execDefaults(options)
    const enter = [this.cgroupProcs(), uid, gid, this.leaderPid, timeoutMs / 1000, cwd].map(String)
    const startMs = this.host.monotonicMs()
    const result = await this.host.run(['/bin/sh', '-c', ENTER, 'enter', ...enter, ...argv], {
      env,
      timeoutMs: timeoutMs + EXEC_GRACE_MS,
      ...(options.input === undefined ? {} : {input: options.input}),
    })
    const killed = result.code === KILLED || result.signal === 'SIGKILL'
    const timedOut = killed && this.host.monotonicMs() - startMs >= timeoutMs
    return {...result, argv, ...(timedOut ? {code: null, signal: 'SIGKILL', failure: 'TIMEOUT'} : {})}
  }

  /** True when systemd inside has done all that it does at boot. */
  async isUp(): Promise<boolean> {
    if (!this.exists()) return false
    const {stdout} = await this.exec(['systemctl', 'is-system-running'], {cwd: '/'})
    return ['running', 'degraded'].includes(stdout.trim())
  }

  async addUser(name: string, options: {readonly linger?: boolean} = {}): Promise<Account> {
    await this.must(['sh', '-c', ADD_USER, 'add-user', name, options.linger === false ? '' : 'linger'], `add the user ${name}`)
    const line = await this.must(['getent', 'passwd', name], `find the user ${name}`)
    const [, , uid, gid, , home] = line.split(':')
    return {name, uid: Number(uid), gid: Number(gid), home: home ?? '/'}
  }

  async readText(path: string, options: {readonly timeoutMs?: number} = {}): Promise<string | undefined> {
    const absent = 66
    const result = await this.exec(['sh', '-c', `[ -e "$1" ] || exit ${absent}; exec cat -- "$1"`, 'read', path], options)
    if (result.code === absent) return undefined
    if (result.code !== 0) throw failure(`read ${path}`, result)
    return result.stdout
  }

  async writeText(path: string, text: string, options: {readonly user?: Account; readonly mode?: number} = {}): Promise<void> {
    const mode = (options.mode ?? 0o644).toString(8)
    const result = await this.exec(['sh', '-c', 'cat >"$1" && chmod "$2" -- "$1"', 'write', path, mode], {
      input: text,
      ...(options.user ? {user: options.user} : {}),
    })
    if (result.code !== 0) throw failure(`write ${path}`, result)
  }

  async down(): Promise<void> {
    await takeDown(this.host, this.keeper, `${STATE_PREFIX}${this.name.slice('hermes-svc-'.length)}`)
  }

  private async must(argv: readonly string[], what: string): Promise<string> {
    const result = await this.exec(argv, {timeoutMs: 60_000})
    if (result.code !== 0) throw failure(what, result)
    return result.stdout.trim()
  }

  /** The pid may be another process's by now, on the host itself, if the machine is gone: its pid namespace tells. */
  private exists(): boolean {
    return this.host.readLink(`/proc/${this.leaderPid}/ns/pid`) === this.namespace
  }

  /** The file that takes a process into the cgroup of the machine's PID 1: logind refuses callers whose cgroup it cannot see. */
  private cgroupProcs(): string {
    if (!this.exists()) {
      throw new ServiceError(`the throw-away machine ${this.name} is gone`, {code: 'machine-gone', exitStatus: ExitStatus.failed})
    }
    const path = /^0::(.*)$/m.exec(this.host.readText(`/proc/${this.leaderPid}/cgroup`) ?? '')?.[1] ?? '/'
    return `/proc/${this.nspawnPid}/root/sys/fs/cgroup${path}/cgroup.procs`
  }
}

/** $1: user name. $2: not empty if lingering is wanted. */
const ADD_USER = `set -e
userdel --force "$1" >/dev/null 2>&1 || :
groupdel "$1" >/dev/null 2>&1 || :
useradd --create-home --user-group --shell /bin/bash "$1"
[ "$2" ] || exit 0
loginctl enable-linger "$1"
run=/run/user/$(id -u "$1")
tries=0
until [ -S "$run/bus" ] && [ -S "$run/systemd/private" ]; do
  [ $((tries += 1)) -le 600 ] || { echo "no user manager in $run" >&2; exit 1; }
  sleep 0.05
done
`

function failure(what: string, result: RunResult): ServiceError {
  const evidence = [result.stderr.trim(), result.failure].filter((line) => line !== undefined && line !== '') as string[]
  return new ServiceError(`could not ${what} in the throw-away machine`, {code: 'machine-failed', exitStatus: ExitStatus.failed, evidence})
}

/** Whose ids, which folder, environment and time limit a program inside gets. */
export function execDefaults(options: MachineExecOptions) {
  const {user} = options
  const env: Record<string, string> = {}
  for (const [key, value] of Object.entries({...loginEnv(user), ...options.env})) {
    if (value !== undefined) env[key] = value
  }
  const cwd = options.cwd ?? user?.home ?? '/root'
  return {uid: user?.uid ?? 0, gid: user?.gid ?? 0, cwd, env, timeoutMs: options.timeoutMs ?? EXEC_TIMEOUT_MS}
}

/** What login(1) and pam_systemd(8) would set. */
function loginEnv(user: Account | undefined): Record<string, string> {
  if (!user || user.uid === 0) return {HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/bin/bash', PATH: SYSTEM_PATH, LANG: 'C.UTF-8'}
  const runtimeDir = `/run/user/${user.uid}`
  return {
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: '/bin/bash',
    PATH: LOGIN_PATH,
    LANG: 'C.UTF-8',
    XDG_RUNTIME_DIR: runtimeDir,
    DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtimeDir}/bus`,
  }
}

/** Whether a file exists below a root folder; `*` in the pattern stands for any one folder. */
function existsBelow(host: Host, root: string, pattern: string): boolean {
  const [before = '', after] = pattern.split('*')
  const base = `${root}/${before}`
  if (after === undefined) return host.stat(base) !== undefined
  return (host.list(base) ?? []).some((folder) => host.stat(`${base}${folder}${after}`) !== undefined)
}
