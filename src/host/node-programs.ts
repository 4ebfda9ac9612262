import {isTerminal} from './terminal.js'
import type * as ChildProcess from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {errnoError, errnoOf} from './errno.js'
import {type AttachOptions, HostError, type Launched, type RunOptions, type RunResult, type Tethered} from './host.js'
import {ignoresHangup} from './hangup.js'
import {NodeFiles} from './node-files.js'

const READ_TIMEOUT_MS = 30_000
/** A program that does not end when it is asked to at its time limit is killed this much later. */
const FORCE_AFTER_MS = 2000
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024
/** Of a line that a program prints while it runs, in characters. */
const MAX_LINE_LENGTH = 64 * 1024
/** Where the programs of the system itself are looked for, whatever the caller's PATH says; the last one is NixOS's. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin'

/** node:child_process costs some ms to load, so only commands that run a program pay for it. */
export function childProcess(): typeof ChildProcess {
  return process.getBuiltinModule('node:child_process')
}

/** The programs and processes of this machine, which an account runs and signals. See Host. */
export abstract class NodePrograms extends NodeFiles {
  readonly platform = process.platform
  readonly env = process.env

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
      // Of spawnSync too, whatever its types say: a key pressed on the terminal is for us, and an answer that it broke off would be none.
      ...{detached: true},
      encoding: 'utf8',
      env: this.runEnv(options),
      cwd: options.cwd ?? this.actorFolder(),
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
    // In a process group of its own: a key pressed on the terminal does not break it off half-way.
    let child
    try {
      child = execa(program ?? '', args, {
        ...this.actorIds(),
        env: this.runEnv(options),
        extendEnv: false,
        // execa enters the folder by its name, and after su or sudo ours may be one that this user cannot enter.
        cwd: options.cwd ?? '/',
        input: options.input ?? '',
        detached: true,
        reject: false,
        stripFinalNewline: false,
        timeout: options.timeoutMs ?? READ_TIMEOUT_MS,
        killSignal: 'SIGTERM',
        forceKillAfterDelay: FORCE_AFTER_MS,
        ...(options.signal ? {cancelSignal: options.signal} : {}),
      })
    } catch (error) {
      return {argv, code: null, signal: null, stdout: '', stderr: '', failure: startFailure(error)}
    }
    let letGo: NodeJS.Timeout | undefined
    child.once('exit', () => {
      if (!child.killed) return
      // execa ends the program alone, and waits for whoever has its output open: its children go with it, and what has left the group is let go of.
      signalGroup(child.pid, 'SIGKILL')
      letGo = setTimeout(() => {
        child.stdout.destroy()
        child.stderr.destroy()
      }, FORCE_AFTER_MS)
    })
    const result = await child
    clearTimeout(letGo)
    const ended = result.timedOut ? 'TIMEOUT' : result.isCanceled ? 'ABORTED' : undefined
    const failure = ended ?? (result.exitCode === undefined && !result.signal ? (result.code ?? 'EUNKNOWN') : undefined)
    return {
      argv,
      code: result.exitCode ?? null,
      signal: result.signal ?? null,
      stdout: result.stdout,
      stderr: result.stderr,
      ...(failure ? {failure} : {}),
    }
  }

  async attach(argv: readonly string[], {onLine, signal: ended, ...options}: AttachOptions = {}): Promise<number> {
    const {execa} = await import('execa')
    const [program, ...args] = this.actorArgv(argv)
    const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
    // A program of somebody else's gets nothing of this terminal: what it prints comes through pipes.
    const isOthers = this.actor !== undefined
    let child
    try {
      child = execa(program ?? '', args, {
        ...this.actorIds(),
        stdin: isOthers ? 'ignore' : 'inherit',
        stdout: onLine || isOthers ? 'pipe' : 'inherit',
        stderr: isOthers ? 'pipe' : 'inherit',
        detached: isOthers,
        env: this.runEnv(options),
        extendEnv: false,
        cwd: options.cwd ?? '/',
        reject: false,
        // It may print for days.
        buffer: false,
        // Whoever passes a signal on means that signal, and no other one after it.
        forceKillAfterDelay: false,
        cleanup: false,
        ...(ended ? {cancelSignal: ended} : {}),
      })
    } catch (error) {
      throw new HostError(startFailure(error), 'a program', 'cannot start')
    }
    const passOn = (signal: NodeJS.Signals) => void child.kill(signal)
    for (const signal of signals) process.on(signal, passOn)
    let rest = ''
    child.stdout?.setEncoding('utf8').on('data', (data: string) => {
      if (!onLine) return void process.stdout.write(data)
      const lines = (rest + data).split('\n')
      rest = lines.pop() ?? ''
      // A line without an end is shown in parts.
      if (rest.length > MAX_LINE_LENGTH) {
        lines.push(rest)
        rest = ''
      }
      for (const line of lines) onLine(line)
    })
    child.stderr?.on('data', (data: Buffer) => process.stderr.write(data))
    const {exitCode, signal, code} = await child
    for (const signal of signals) process.off(signal, passOn)
    if (exitCode === undefined && !signal) throw new HostError(code ?? 'EUNKNOWN', program ?? '', 'cannot run')
    if (rest !== '') onLine?.(rest)
    return exitCode ?? 128 + (signal ? os.constants.signals[signal] : 0)
  }

  // The next two are node's own: execa ties what it starts to a promise, and what is to outlive this process, or to end with it alone, is awaited by nobody.

  tether(argv: readonly string[], options: Pick<RunOptions, 'env' | 'cwd'> = {}): Tethered {
    const [program, ...args] = this.actorArgv(argv)
    const child = spawned(() =>
      childProcess().spawn(program ?? '', args, {
        ...this.actorIds(),
        stdio: 'pipe',
        detached: true,
        env: this.runEnv(options),
        cwd: options.cwd ?? this.actorFolder(),
      }),
    )
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
    const outputs = [1, 2].map((fd) => (this.actor !== undefined && isTerminal(fd) ? 'pipe' : 'inherit'))
    const child = childProcess().spawn(program ?? '', args, {stdio: ['ignore', ...outputs], detached: true, env, cwd})
    child.stdout?.pipe(process.stdout, {end: false})
    child.stderr?.pipe(process.stderr, {end: false})
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
    const isDeaf = ignoresHangup(this)
    const heard = signals.filter((signal) => signal !== 'SIGHUP' || !isDeaf)
    for (const signal of heard) process.on(signal, listener)
    return () => {
      for (const signal of heard) process.off(signal, listener)
    }
  }

  onExit(listener: () => void): () => void {
    process.on('exit', listener)
    return () => process.off('exit', listener)
  }

  signal(pid: number, signal: NodeJS.Signals | 0): boolean {
    try {
      // kill(2) judges by the real uid too, which a change of the effective one leaves alone: for somebody else a process has to ask.
      process.kill(pid, this.actor ? 0 : signal)
      if (!this.actor) return true
      const name = signal === 0 ? '0' : signal.replace(/^SIG/, '')
      if (this.read(['sh', '-c', 'kill -s "$0" "$1"', name, String(pid)]).code === 0) return true
      // It may have ended just now; only one that is still there was kept from us.
      process.kill(pid, 0)
      throw errnoError('EPERM')
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

  /** Ours may be one that the account cannot enter. */
  private actorFolder(): string | undefined {
    return this.actor ? '/' : undefined
  }

  /** Of this process's environment another account sees nothing: all its processes can read it (proc_pid_environ(5)). */
  protected runEnv(options: Pick<RunOptions, 'env'>): NodeJS.ProcessEnv {
    if (options.env) return {...options.env}
    if (this.actor) {
      const {home, name} = this.actor
      return {PATH: SYSTEM_PATH, LC_ALL: 'C.UTF-8', HOME: home, USER: name, LOGNAME: name}
    }
    const env: NodeJS.ProcessEnv = {...this.env, LC_ALL: 'C.UTF-8'}
    // sudo may keep the PATH of a user, who can write what is on it; root would run that with its own rights.
    if (process.geteuid?.() === 0) env.PATH = SYSTEM_PATH
    return env
  }
}

/** Why a program could not be started. Without descriptors for its pipes node leaves them out, so what uses them fails without a code. */
function startFailure(error: unknown): string {
  const code = errnoOf(error)
  return code === 'EUNKNOWN' || code.startsWith('ERR_') ? 'EMFILE' : code
}

/** A program that was started with pipes. Throws HostError where it was not: too many files are open, or no memory is left for a process. */
function spawned<Child extends ChildProcess.ChildProcess>(start: () => Child): Child {
  let child: Child
  try {
    child = start()
  } catch (error) {
    throw new HostError(startFailure(error), 'a program', 'cannot start')
  }
  // Without descriptors for its pipes there are none, whatever the types say.
  if (child.stdio !== undefined) return child
  child.on('error', () => undefined)
  throw new HostError('EMFILE', 'a program', 'cannot start')
}

function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (leader !== undefined) process.kill(-leader, signal)
  } catch {
    // Nobody is left in it.
  }
}
