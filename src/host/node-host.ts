import type * as ChildProcess from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {
  type Account,
  type AttachOptions,
  type FileStat,
  type HeldLock,
  type Host,
  HostError,
  type InPlaceWrite,
  type Launched,
  type RunOptions,
  type RunResult,
  type Tethered,
  temporaryPath,
} from './host.js'
import {parseMasterPasswd} from './master-passwd.js'

const READ_TIMEOUT_MS = 30_000
/** A program that does not end when it is asked to at its time limit is killed this much later. */
const FORCE_AFTER_MS = 2000
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024
const IN_PLACE_TRIES = 5
/** Where the programs of the system itself are looked for, whatever the caller's PATH says; the last one is NixOS's. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin'

/** open(2) of macOS: takes flock(2)'s exclusive lock in the same step; with O_NONBLOCK it fails with EAGAIN where another has it. */
const O_EXLOCK = 0x20
/** open(2) of macOS: no part of the path may be a symbolic link. */
const O_NOFOLLOW_ANY = 0x2000_0000

/** node:child_process costs some ms to load, so only commands that run a program pay for it. */
function childProcess(): typeof ChildProcess {
  return process.getBuiltinModule('node:child_process')
}

/** The real host, acting as the user that runs this process. `packageRoot` is the folder of package.json. */
export function createNodeHost(packageRoot: string): Host {
  return new NodeHost(packageRoot, undefined)
}

class NodeHost implements Host {
  readonly platform = process.platform
  readonly env = process.env
  readonly pid = process.pid
  readonly nodePath = process.execPath
  private ownAccount: Account | undefined
  private actorGroups: readonly number[] | undefined
  /** The actor's ids are taken on at this moment. */
  private hasIds = false

  /** `actor`: the account whose ids are used; undefined means the process's own. */
  constructor(
    readonly packageRoot: string,
    private readonly actor: Account | undefined,
  ) {}

  // Asked of the descriptor: merely touching process.stdin loads node's streams.
  get stdinIsTty(): boolean {
    return process.getBuiltinModule('node:tty').isatty(0)
  }

  get stdoutIsTty(): boolean {
    return process.getBuiltinModule('node:tty').isatty(1)
  }

  get stderrIsTty(): boolean {
    return process.getBuiltinModule('node:tty').isatty(2)
  }

  get account(): Account {
    if (this.actor) return this.actor
    if (!this.ownAccount) {
      const uid = process.geteuid?.() ?? 0
      const gid = process.getegid?.() ?? 0
      this.ownAccount = this.accountOf(uid) ?? {uid, gid, name: String(uid), home: this.env.HOME ?? '/'}
    }
    return this.ownAccount
  }

  accountOf(nameOrUid: string | number): Account | undefined {
    // os.userInfo() asks the user database (getpwuid_r), whatever it is; other accounts need getent.
    if (typeof nameOrUid === 'number' && nameOrUid === process.geteuid?.()) {
      try {
        const user = os.userInfo()
        if (user.uid === nameOrUid) return {uid: user.uid, gid: user.gid, name: user.username, home: user.homedir}
      } catch {
        return undefined
      }
    }
    const key = String(nameOrUid)
    if (this.platform === 'darwin')
      return accountOnDarwin(this.read(['/usr/bin/id', '-P', key], {env: {PATH: SYSTEM_PATH}}).stdout, nameOrUid)
    const matches = (line: string) => line.split(':')[typeof nameOrUid === 'number' ? 2 : 0] === key
    const local = this.readText('/etc/passwd')?.split('\n').find(matches)
    const line = local ?? (this.which('getent') ? this.read(['getent', 'passwd', key]).stdout.split('\n').find(matches) : undefined)
    const fields = line?.split(':')
    if (!fields || fields.length < 7) return undefined
    return {name: fields[0] ?? '', uid: Number(fields[2]), gid: Number(fields[3]), home: fields[5] ?? '/'}
  }

  as(account: Account): Host {
    const self = this.account
    if (self.uid === account.uid) return this
    if (process.geteuid?.() !== 0) throw new HostError('EPERM', account.name, 'cannot act as')
    return new NodeHost(this.packageRoot, account)
  }

  atOnce<T>(work: () => T): T {
    return this.withActorIds(() => {
      const before = this.hasIds
      this.hasIds = true
      try {
        return work()
      } finally {
        this.hasIds = before
      }
    })
  }

  nowMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return Number(process.hrtime.bigint() / 1_000_000n)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      signal?.addEventListener('abort', end)
    })
  }

  readText(file: string): string | undefined {
    // O_NONBLOCK: a FIFO in the place of a file must not make a reader wait.
    return this.absentIsUndefined('cannot read', file, () =>
      fs.readFileSync(file, {encoding: 'utf8', flag: (fs.constants.O_RDONLY | fs.constants.O_NONBLOCK) as unknown as string}),
    )
  }

  list(folder: string): string[] | undefined {
    return this.absentIsUndefined('cannot list', folder, () => fs.readdirSync(folder))
  }

  stat(file: string): FileStat | undefined {
    // An error for each file that is not there would cost more than all else.
    return this.absentIsUndefined('cannot look at', file, () => fileStat(fs.statSync(file, {throwIfNoEntry: false})))
  }

  lstat(file: string): FileStat | undefined {
    return this.absentIsUndefined('cannot look at', file, () => fileStat(fs.lstatSync(file, {throwIfNoEntry: false})))
  }

  readLink(file: string): string | undefined {
    if (this.lstat(file)?.kind !== 'link') return undefined
    return this.absentIsUndefined('cannot read the link', file, () => fs.readlinkSync(file))
  }

  realPath(file: string): string | undefined {
    return this.absentIsUndefined('cannot resolve', file, () => fs.realpathSync(file))
  }

  isExecutable(file: string): boolean {
    try {
      if (this.stat(file)?.kind !== 'file') return false
    } catch (error) {
      // In a folder that may not be searched.
      if (error instanceof HostError) return false
      throw error
    }
    // access(2) judges by the real uid, which a change of the effective one leaves alone: for somebody else a process has to ask.
    if (this.actor) return this.read(['test', '-x', file], {env: {PATH: SYSTEM_PATH}}).code === 0
    try {
      fs.accessSync(file, fs.constants.X_OK)
      return true
    } catch {
      return false
    }
  }

  writeAtomic(file: string, text: string, mode: number): void {
    this.guard('cannot write', file, () => {
      const old = fs.lstatSync(file, {throwIfNoEntry: false})
      if (old?.isSymbolicLink()) throw Object.assign(new Error(), {code: 'ELOOP'})
      const folder = path.dirname(file)
      const temporary = temporaryPath(file)
      const fd = createAnew(temporary)
      try {
        fs.writeFileSync(fd, text)
        if (old && (old.uid !== process.geteuid?.() || old.gid !== process.getegid?.())) fs.fchownSync(fd, old.uid, old.gid)
        fs.fchmodSync(fd, mode)
        fs.fsyncSync(fd)
        fs.renameSync(temporary, file)
      } catch (error) {
        fs.rmSync(temporary, {force: true})
        throw error
      } finally {
        fs.closeSync(fd)
      }
      syncFolder(folder)
    })
  }

  editInPlace(file: string, edit: (content: Buffer) => InPlaceWrite | undefined): boolean {
    const {O_RDWR, O_NOFOLLOW, O_NONBLOCK} = fs.constants
    const edited = this.absentIsUndefined('cannot write', file, () => {
      for (let attempt = 0; attempt < IN_PLACE_TRIES; attempt++) {
        const fd = fs.openSync(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
        try {
          const before = fs.fstatSync(fd, {bigint: true})
          if (!before.isFile()) throw Object.assign(new Error(), {code: 'EINVAL'})
          const write = edit(fs.readFileSync(fd))
          if (!write) return true
          const now = fs.statSync(file, {bigint: true})
          if (now.ino !== before.ino || now.dev !== before.dev || now.size !== before.size || now.ctimeNs !== before.ctimeNs) continue
          const {offset, bytes} = write
          if (fs.writeSync(fd, bytes, 0, bytes.length, offset) < bytes.length) throw Object.assign(new Error(), {code: 'ENOSPC'})
          return true
        } finally {
          fs.closeSync(fd)
        }
      }
      throw Object.assign(new Error(), {code: 'EBUSY'})
    })
    return edited ?? false
  }

  appendLine(file: string, line: string, mode: number): void {
    this.guard('cannot append to', file, () => {
      const {O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK} = fs.constants
      // O_NONBLOCK: a FIFO without a reader is an error (ENXIO), not a wait.
      const fd = fs.openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode)
      try {
        fs.writeSync(fd, `${line}\n`)
      } finally {
        fs.closeSync(fd)
      }
    })
  }

  setMode(file: string, mode: number): void {
    this.guard('cannot set the mode of', file, () => withExactly(file, {mode}))
  }

  setOwner(file: string, account: Account): void {
    this.guard('cannot set the owner of', file, () => withExactly(file, {owner: account}))
  }

  readTail(file: string, bytes: number): string | undefined {
    return this.absentIsUndefined('cannot read', file, () => {
      const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
      try {
        const {size} = fs.fstatSync(fd)
        const start = Math.max(0, size - bytes)
        const buffer = Buffer.alloc(size - start)
        const text = buffer.toString('utf8', 0, fs.readSync(fd, buffer, 0, buffer.length, start))
        return start === 0 ? text : text.slice(text.indexOf('\n') + 1)
      } finally {
        fs.closeSync(fd)
      }
    })
  }

  makeFolder(folder: string, mode: number): boolean {
    return this.guard('cannot create', folder, () => {
      try {
        fs.mkdirSync(folder, {mode})
        fs.chmodSync(folder, mode)
        return true
      } catch (error) {
        if (errnoOf(error) === 'EEXIST' && fs.statSync(folder).isDirectory()) return false
        throw error
      }
    })
  }

  removeFile(file: string): boolean {
    return this.absentIsUndefined('cannot remove', file, () => (fs.unlinkSync(file), true)) ?? false
  }

  removeFolder(folder: string): boolean {
    return this.guard('cannot remove', folder, () => {
      try {
        fs.rmdirSync(folder)
        return true
      } catch (error) {
        if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error))) return false
        throw error
      }
    })
  }

  which(program: string, searchPath = this.env.PATH ?? SYSTEM_PATH): string | undefined {
    for (const folder of searchPath.split(':')) {
      if (!folder.startsWith('/')) continue
      const candidate = path.join(folder, program)
      if (this.isExecutable(candidate)) return candidate
    }
    return undefined
  }

  read(argv: readonly string[], options: RunOptions = {}): RunResult {
    const [program, ...args] = this.actorArgv(argv)
    const result = childProcess().spawnSync(program ?? '', args, {
      ...this.actorIds(),
      encoding: 'utf8',
      env: this.runEnv(options),
      cwd: options.cwd,
      input: options.input ?? '',
      timeout: options.timeoutMs ?? READ_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
    })
    const failure = result.error ? (errnoOf(result.error) === 'ETIMEDOUT' ? 'TIMEOUT' : errnoOf(result.error)) : undefined
    return {
      argv,
      code: result.status,
      signal: result.signal,
      // Both are null, whatever the types say, when the program could not be started.
      stdout: String(result.stdout ?? ''),
      stderr: String(result.stderr ?? ''),
      ...(failure ? {failure} : {}),
    }
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const {execa} = await import('execa')
    const [program, ...args] = this.actorArgv(argv)
    // In a process group of its own: a key pressed on the terminal does not break it off half-way, and at its time limit it ends together
    // with its children, which would hold its output open.
    const child = execa(program ?? '', args, {
      ...this.actorIds(),
      env: this.runEnv(options),
      extendEnv: false,
      // execa enters the folder by its name, and after su or sudo ours may be one that this user cannot enter.
      cwd: options.cwd ?? '/',
      input: options.input ?? '',
      detached: true,
      reject: false,
      stripFinalNewline: false,
    })
    let timedOut = false
    const limitMs = options.timeoutMs ?? READ_TIMEOUT_MS
    const timers = [
      setTimeout(() => {
        timedOut = true
        signalGroup(child.pid, 'SIGTERM')
      }, limitMs),
      setTimeout(() => {
        signalGroup(child.pid, 'SIGKILL')
        // One that has left the group may still hold them.
        child.stdout.destroy()
        child.stderr.destroy()
      }, limitMs + FORCE_AFTER_MS),
    ]
    const result = await child
    for (const timer of timers) clearTimeout(timer)
    const failure = timedOut ? 'TIMEOUT' : result.exitCode === undefined && !result.signal ? (result.code ?? 'EUNKNOWN') : undefined
    return {
      argv,
      code: result.exitCode ?? null,
      signal: result.signal ?? null,
      stdout: result.stdout,
      stderr: result.stderr,
      ...(failure ? {failure} : {}),
    }
  }

  attach(argv: readonly string[], {onLine, ...options}: AttachOptions = {}): Promise<number> {
    const [program, ...args] = this.actorArgv(argv)
    const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
    return new Promise((resolve, reject) => {
      const stdout = onLine ? 'pipe' : 'inherit'
      const child = childProcess().spawn(program ?? '', args, {
        ...this.actorIds(),
        stdio: ['inherit', stdout, 'inherit'],
        env: this.runEnv(options),
        cwd: options.cwd,
      })
      const passOn = (signal: NodeJS.Signals) => void child.kill(signal)
      const ended = () => {
        for (const signal of signals) process.off(signal, passOn)
      }
      for (const signal of signals) process.on(signal, passOn)
      let rest = ''
      child.stdout?.setEncoding('utf8').on('data', (data: string) => {
        const lines = (rest + data).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) onLine?.(line)
      })
      child.on('error', (error) => {
        ended()
        reject(new HostError(errnoOf(error), program ?? '', 'cannot run'))
      })
      child.on('close', (code, signal) => {
        ended()
        if (rest !== '') onLine?.(rest)
        resolve(code ?? 128 + (signal ? os.constants.signals[signal] : 0))
      })
    })
  }

  tether(argv: readonly string[], options: Pick<RunOptions, 'env' | 'cwd'> = {}): Tethered {
    const [program, ...args] = this.actorArgv(argv)
    const child = childProcess().spawn(program ?? '', args, {
      ...this.actorIds(),
      stdio: 'pipe',
      detached: true,
      env: this.runEnv(options),
      cwd: options.cwd,
    })
    const output = {stdout: '', stderr: ''}
    let result: RunResult | undefined
    child.on('error', (error) => (result ??= {argv, code: null, signal: null, ...output, failure: errnoOf(error)}))
    child.on('close', (code, signal) => (result ??= {argv, code, signal, ...output}))
    child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()))
    child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()))
    // Its end may come while the pipe is being closed here.
    child.stdin.on('error', () => undefined)
    child.unref()
    for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as unknown as {unref(): void}).unref()
    return {pid: child.pid ?? 0, release: () => child.stdin.destroy(), result: () => result}
  }

  launch(argv: readonly string[], {env, cwd}: Required<Pick<RunOptions, 'env' | 'cwd'>>): Launched {
    const [program, ...args] = this.actorArgv(argv)
    const child = childProcess().spawn(program ?? '', args, {stdio: ['ignore', 'inherit', 'inherit'], detached: true, env, cwd})
    return {
      pid: child.pid ?? 0,
      ended: new Promise((resolve) => {
        child.once('error', (error) => {
          if (child.pid === undefined) resolve({code: null, signal: null, status: 127, failure: errnoOf(error)})
        })
        child.once('exit', (code, signal) => resolve({code, signal, status: code ?? 128 + (signal ? os.constants.signals[signal] : 0)}))
      }),
    }
  }

  onSignals(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): () => void {
    // Bit 0 of SigIgn in proc_pid_status(5) is SIGHUP.
    const ignored = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(this.readText('/proc/self/status') ?? '')?.[1] ?? '0'
    const heard = signals.filter((signal) => signal !== 'SIGHUP' || (Number.parseInt(ignored, 16) & 1) === 0)
    for (const signal of heard) process.on(signal, listener)
    return () => {
      for (const signal of heard) process.off(signal, listener)
    }
  }

  /** A lock that dies with its holder needs no cleaning up after a kill -9. */
  async lock(file: string): Promise<HeldLock | undefined> {
    // flock(1) would make a file of that name.
    if (!this.stat(file)) throw new HostError('ENOENT', file, 'cannot lock')
    if (this.platform !== 'darwin') return this.lockByProgram(file)
    // Root's own ids, as for the program: the lock is on the file, whoever takes it.
    let fd: number | undefined
    try {
      fd = openLocked(file)
    } catch (error) {
      throw new HostError(errnoOf(error), file, 'cannot lock')
    }
    if (fd === undefined) return undefined
    return {
      release: async () => {
        if (fd !== undefined) fs.closeSync(fd)
        fd = undefined
        await Promise.resolve()
      },
    }
  }

  /** flock(1) holds it for us: node has no flock(2), and Linux's open(2) takes no locks. */
  private lockByProgram(file: string): Promise<HeldLock | undefined> {
    const held = 75
    return new Promise((resolve, reject) => {
      const child = childProcess().spawn('flock', ['-n', '-E', String(held), file, 'sh', '-c', 'echo held && exec cat'], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: this.runEnv({}),
      })
      let stderr = ''
      child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
      const exited = new Promise<void>((done) => child.on('close', () => done()))
      child.on('error', (error) => reject(new HostError(errnoOf(error), 'flock', 'cannot run')))
      child.on('exit', (code) => {
        if (code === held) resolve(undefined)
        else reject(new HostError('ENOLCK', file, `cannot lock (${stderr.trim()})`))
      })
      child.stdout.once('data', () => {
        child.unref()
        resolve({
          release: async () => {
            child.ref()
            child.stdin.end()
            await exited
          },
        })
      })
    })
  }

  exchange(socket: string, request: string, options: {readonly timeoutMs: number; readonly until?: string}): Promise<string> {
    return new Promise((resolve, reject) => {
      let reply = ''
      const connection = process.getBuiltinModule('node:net').connect({path: socket})
      const fail = (code: string) => {
        connection.destroy()
        if (reply !== '') resolve(reply)
        else reject(new HostError(code, socket, 'cannot talk to'))
      }
      connection.setEncoding('utf8')
      connection.setTimeout(options.timeoutMs, () => fail('TIMEOUT'))
      // A socket that speaks unasked may have closed again by now, and writing to it would fail.
      if (request !== '') connection.on('connect', () => connection.write(request))
      connection.on('data', (data: string) => {
        reply += data
        if (options.until !== undefined && reply.includes(options.until)) connection.destroy()
      })
      connection.on('error', (error) => fail(errnoOf(error)))
      connection.on('close', () => resolve(reply))
    })
  }

  signal(pid: number, signal: NodeJS.Signals | 0): boolean {
    try {
      // kill(2) judges by the real uid too, which a change of the effective one leaves alone: for somebody else a process has to ask.
      process.kill(pid, this.actor ? 0 : signal)
      if (!this.actor) return true
      const name = signal === 0 ? '0' : signal.replace(/^SIG/, '')
      if (this.read(['sh', '-c', 'kill -s "$0" "$1"', name, String(pid)]).code !== 0) throw Object.assign(new Error(), {code: 'EPERM'})
      return true
    } catch (error) {
      if (errnoOf(error) === 'ESRCH') return false
      throw new HostError(errnoOf(error), `process ${pid}`, 'cannot signal')
    }
  }

  killGroup(leader: number): boolean {
    try {
      process.kill(-leader, 'SIGKILL')
      return true
    } catch (error) {
      if (errnoOf(error) === 'ESRCH') return false
      throw new HostError(errnoOf(error), `process group ${leader}`, 'cannot signal')
    }
  }

  /** setpriv(1) gives the other account's supplementary groups too, which spawn's own uid and gid options drop. */
  private actorArgv(argv: readonly string[]): readonly string[] {
    if (!this.actor || this.platform === 'darwin') return argv
    // By its path: it must not be looked for on the PATH that the program is to have.
    const setpriv =
      SYSTEM_PATH.split(':')
        .map((folder) => path.join(folder, 'setpriv'))
        .find((file) => fs.existsSync(file)) ?? 'setpriv'
    return [setpriv, `--reuid=${this.actor.uid}`, `--regid=${this.actor.gid}`, '--init-groups', '--', ...argv]
  }

  /**
   * macOS has no setpriv(1). sudo(8) would hide the end of what it runs from us, and drop its environment; so a program gets the account's
   * user and main group, which is `staff` for all people, and none of its further ones.
   */
  private actorIds(): {uid?: number; gid?: number} {
    return this.actor && this.platform === 'darwin' ? {uid: this.actor.uid, gid: this.actor.gid} : {}
  }

  private runEnv(options: Pick<RunOptions, 'env'>): NodeJS.ProcessEnv {
    if (options.env) return {...options.env}
    const env: NodeJS.ProcessEnv = {...this.env, LC_ALL: 'C.UTF-8'}
    // sudo may keep the PATH of a user, who can write what is on it; root would run that with its own rights.
    if (process.geteuid?.() === 0) env.PATH = SYSTEM_PATH
    if (!this.actor) return env
    return {...env, HOME: this.actor.home, USER: this.actor.name, LOGNAME: this.actor.name}
  }

  /** Runs a file operation with the actor's ids. It must not await: the ids are the whole process's. */
  private withActorIds<T>(operation: () => T): T {
    const {actor} = this
    if (!actor || this.hasIds) return operation()
    const groups = process.getgroups?.() ?? []
    const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0]
    this.takeGroups(actor)
    process.setegid?.(actor.gid)
    process.seteuid?.(actor.uid)
    try {
      return operation()
    } finally {
      process.seteuid?.(uid)
      process.setegid?.(gid)
      process.setgroups?.(groups)
    }
  }

  /** Looking the groups up reads the user database, which is much for each file of many. */
  private takeGroups({name, gid}: Account): void {
    if (this.actorGroups) {
      process.setgroups?.([...this.actorGroups])
      return
    }
    ;(process as unknown as {initgroups(user: string, group: number): void}).initgroups(name, gid)
    this.actorGroups = process.getgroups?.() ?? []
  }

  private guard<T>(what: string, subject: string, operation: () => T): T {
    try {
      return this.withActorIds(operation)
    } catch (error) {
      throw new HostError(errnoOf(error), subject, what)
    }
  }

  private absentIsUndefined<T>(what: string, subject: string, operation: () => T): T | undefined {
    try {
      return this.withActorIds(operation)
    } catch (error) {
      // ESRCH: a file of a process under /proc whose process ended in between.
      // ENAMETOOLONG: there can be nothing of such a name.
      if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ESRCH'].includes(errnoOf(error))) return undefined
      throw new HostError(errnoOf(error), subject, what)
    }
  }
}

/** Opens a file that is not there for writing; what an earlier run left of it goes. */
function createAnew(file: string): number {
  const {O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW} = fs.constants
  const open = () => fs.openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    return open()
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    fs.rmSync(file, {force: true})
    return open()
  }
}

/** What `withExactly` sets: permission bits, or an owner. */
type Setting = {readonly mode: number} | {readonly owner: Account}

/**
 * Sets something of what is at an absolute path, no part of which may be a link: whoever may write a folder on the way could turn a link
 * elsewhere at any moment.
 */
function withExactly(file: string, setting: Setting): void {
  if (process.platform === 'darwin') return setOnDarwin(file, setting)
  withPlace(file, (place, stat) => {
    if ('mode' in setting) return fs.chmodSync(place, setting.mode)
    requireOneName(stat)
    fs.chownSync(place, setting.owner.uid, setting.owner.gid)
  })
}

/** Another name of it may be a file elsewhere that was linked to here. */
function requireOneName(stat: fs.Stats): void {
  if (!stat.isDirectory() && stat.nlink > 1) throw Object.assign(new Error(), {code: 'EMLINK'})
}

/**
 * By a descriptor, where there is one to be had. What one may not read oneself has none; but whoever has no other rights than its owner
 * gains nothing by a link that is put on the way.
 */
function setOnDarwin(file: string, setting: Setting): void {
  if ('mode' in setting && process.geteuid?.() !== 0) {
    if (fs.realpathSync(file) !== file) throw Object.assign(new Error(), {code: 'ELOOP'})
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
    if (stat.isSymbolicLink()) throw Object.assign(new Error(), {code: 'ELOOP'})
    work(`/proc/self/fd/${fd}`, stat)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Locks a file or folder, as flock(2) does; undefined if another holds it. The descriptor is the lock: node closes it in every program that
 * it starts, so it ends with `fs.closeSync` or with this process, however that dies. A stock macOS has no flock(1).
 */
function openLocked(file: string): number | undefined {
  try {
    return fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | O_EXLOCK)
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return undefined
    throw error
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
    if (fs.realpathSync(file) !== file || now.ino !== stat.ino || now.dev !== stat.dev) throw Object.assign(new Error(), {code: 'ELOOP'})
    work(fd, stat)
  } finally {
    fs.closeSync(fd)
  }
}

/** id(1) takes a name of digits for a uid, or the other way round. */
function accountOnDarwin(text: string, nameOrUid: string | number): Account | undefined {
  const account = parseMasterPasswd(text)
  return account?.name === nameOrUid || account?.uid === nameOrUid ? account : undefined
}

function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (leader !== undefined) process.kill(-leader, signal)
  } catch {
    // Nobody is left in it.
  }
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
}

function syncFolder(folder: string): void {
  const fd = fs.openSync(folder, fs.constants.O_RDONLY)
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

function fileStat(stat: fs.Stats | undefined): FileStat | undefined {
  if (!stat) return undefined
  const kind = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'folder'
      : stat.isSymbolicLink()
        ? 'link'
        : stat.isSocket()
          ? 'socket'
          : 'other'
  return {
    kind,
    uid: stat.uid,
    gid: stat.gid,
    mode: stat.mode & 0o7777,
    size: stat.size,
    inode: stat.ino,
    device: stat.dev,
    modifiedMs: stat.mtimeMs,
  }
}
