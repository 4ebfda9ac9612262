import {type ChildProcess, spawn} from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import {GatewayVariable, HomeFile, STANDARD_ROOT, StateField, stateWordOf, tickSocket, UP_STATES} from '../../src/gateway/contract.js'
import {type Bench, NotTried, type Purpose} from './claim.js'

export type Json = Readonly<Record<string, unknown>>

/** How a gateway's process ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const START_MS = 90_000
const END_MS = 60_000
const POLL_MS = 10

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Waits until `isSo`; false if that took longer than `limitMs`. */
export async function seenWithin(limitMs: number, isSo: () => boolean, everyMs = POLL_MS): Promise<boolean> {
  for (const until = performance.now() + limitMs; performance.now() < until; await pause(everyMs)) if (isSo()) return true
  return isSo()
}

/** Puts this into each python that it is on the path of: a signal on which the main thread, and so the event loop, sleeps. */
const BLOCKING = `import signal, time
try:
    signal.signal(signal.SIGUSR2, lambda *_: time.sleep(3600))
except ValueError:
    pass
`
/** Bit of SIGUSR2 in SigCgt of proc_pid_status(5). */
const SIGUSR2_BIT = 1n << 11n

/** A home, and the gateways that live in it one after the other. */
export class Home {
  readonly account: string
  readonly root: string

  constructor(
    readonly bench: Bench,
    name: string,
    private readonly purpose: Purpose = 'life',
    account = path.join(bench.folder, name),
  ) {
    this.account = account
    this.root = path.join(account, STANDARD_ROOT)
    fs.mkdirSync(this.root, {recursive: true, mode: 0o700})
    bench.prepare?.(this.root, purpose)
  }

  path(file: string): string {
    return path.join(this.root, file)
  }

  has(file: string): boolean {
    return fs.existsSync(this.path(file))
  }

  text(file: string): string | undefined {
    try {
      return fs.readFileSync(this.path(file), 'utf8')
    } catch {
      return undefined
    }
  }

  /** The object in a file; undefined if there is none, or not yet a whole one. */
  json(file: string): Json | undefined {
    return jsonOf(this.text(file))
  }

  get state(): Json | undefined {
    return this.json(HomeFile.state)
  }

  get word(): string | undefined {
    const word = this.state?.[StateField.state]
    return typeof word === 'string' ? word : undefined
  }

  /** pid of the record. */
  get pid(): number | undefined {
    const pid = this.json(HomeFile.pid)?.pid
    return typeof pid === 'number' ? pid : undefined
  }

  /** The environment of its gateways: nothing of ours is in it. */
  get environment(): Record<string, string> {
    const hooks = path.join(this.account, 'hooks')
    fs.mkdirSync(hooks, {recursive: true})
    fs.writeFileSync(path.join(hooks, 'sitecustomize.py'), BLOCKING)
    const env = {PATH: '/usr/local/bin:/usr/bin:/bin', HOME: this.account, LC_ALL: 'C.UTF-8', [GatewayVariable.home]: this.root}
    const unbraked = this.purpose === 'starts' ? {[GatewayVariable.maxStarts]: '0'} : {}
    return {...env, ...unbraked, PYTHONPATH: hooks, PYTHONDONTWRITEBYTECODE: '1'}
  }

  /** Starts a gateway without waiting for it. */
  launch(words: readonly string[] = ['gateway', 'run'], env: Readonly<Record<string, string>> = {}): Life {
    const [program = '', ...args] = [...this.bench.command, ...words]
    const output = fs.openSync(path.join(this.account, 'output'), 'a')
    const former = this.state?.pid
    const child = spawn(program, args, {
      cwd: '/',
      env: {...this.environment, ...env},
      stdio: ['ignore', output, output],
      detached: true,
    })
    fs.closeSync(output)
    return new Life(this, child, former)
  }

  /** Starts a gateway and waits until it runs. Throws NotTried if it does not. */
  async start(words?: readonly string[], env?: Readonly<Record<string, string>>): Promise<Life> {
    const life = this.launch(words, env)
    await life.comesUp()
    return life
  }

  /** Writes a marker of a stop that is about to come, as our own helper does; `ageSec`: that long ago. */
  planStop(pid: number, ageSec = 0): void {
    const marker = {target_pid: pid, target_start_time: startTicks(pid), stopper_pid: process.pid, written_at: isoTime(ageSec)}
    fs.writeFileSync(this.path(HomeFile.plannedStop), JSON.stringify(marker))
  }

  /** What the gateways have printed last. */
  get lastWords(): string {
    const text = fs.readFileSync(path.join(this.account, 'output'), 'utf8')
    return text.trim().split('\n').slice(-3).join(' | ').slice(-300)
  }
}

/** One process of a gateway. */
export class Life {
  private readonly child: ChildProcess
  readonly ended: Promise<End>
  end: End | undefined

  constructor(
    readonly home: Home,
    child: ChildProcess,
    /** pid in the state file when it was started. */
    private readonly former: unknown,
  ) {
    this.child = child
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => {
        this.end = {code, signal}
        resolve(this.end)
      })
    })
    this.ended.catch(() => undefined)
    leftovers.add(this)
  }

  /** The gateway's own, which its record names; a program that starts it may have another. */
  get pid(): number {
    return this.home.pid ?? this.child.pid ?? 0
  }

  get isAlive(): boolean {
    return this.end === undefined
  }

  async comesUp(): Promise<void> {
    const {home, former} = this
    const isUp = () =>
      home.pid !== undefined && home.pid !== former && home.state?.pid === home.pid && UP_STATES.has(stateWordOf(home.word))
    const seen = await seenWithin(START_MS, () => !this.isAlive || isUp())
    if (!seen || !this.isAlive) throw new NotTried(`no gateway came up: ${this.home.lastWords}`)
  }

  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(this.pid, signal)
    } catch {
      // It has ended meanwhile.
    }
  }

  /** Waits for its end; undefined if it goes on living. */
  async ends(limitMs = END_MS): Promise<End | undefined> {
    await Promise.race([this.ended, pause(limitMs)])
    return this.end
  }

  /** Signals it and waits for its end. Throws NotTried if it does not end. */
  async endBy(signal: NodeJS.Signals): Promise<End> {
    this.signal(signal)
    const end = await this.ends()
    if (!end) throw new NotTried(`it did not end within ${END_MS / 1000} s of ${signal}`)
    return end
  }

  /** Ends it as it is meant to be ended. */
  async stop(): Promise<End> {
    this.home.planStop(this.pid)
    return this.endBy('SIGTERM')
  }

  /** Puts its event loop to sleep. Throws NotTried if its python could not be made to do that. */
  async block(): Promise<void> {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(fs.readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1] ?? '0'
    if ((BigInt(`0x${caught}`) & SIGUSR2_BIT) === 0n) throw new NotTried('its event loop cannot be blocked: it takes no sitecustomize.py')
    this.signal('SIGUSR2')
    await pause(1000)
  }

  /** Ends all that is left of it. */
  kill(): void {
    leftovers.delete(this)
    for (const pid of [-(this.child.pid ?? 0), this.isAlive ? this.pid : 0]) {
      try {
        if (pid !== 0) process.kill(pid, 'SIGKILL')
      } catch {
        // Nothing is left.
      }
    }
  }
}

const leftovers = new Set<Life>()

/** Ends what is left of all gateways that were started. */
export function killLeftovers(): void {
  for (const life of [...leftovers]) life.kill()
}

export function isoTime(ageSec = 0): string {
  return new Date(Date.now() - ageSec * 1000).toISOString().replace('Z', '+00:00')
}

export function jsonOf(text: string | undefined): Json | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
  } catch {
    return undefined
  }
}

/** Field 22 of /proc/PID/stat. */
export function startTicks(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19])
}

/** Whether a process holds a lock (flock(2)) on a file, from /proc/locks. */
export function holdsLock(pid: number, file: string): boolean {
  const inode = fs.existsSync(file) ? String(fs.statSync(file).ino) : ''
  return fs
    .readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(([, kind, , , holder, place]) => kind === 'FLOCK' && holder === String(pid) && place?.split(':')[2] === inode)
}

/** What a socket says; undefined if nobody listens there. */
export function ask(socket: string, request: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let reply = ''
    const connection = net.connect(socket, () => void (request !== '' && connection.write(request)))
    connection.setTimeout(3000, () => connection.destroy())
    connection.on('data', (data) => (reply += data.toString()))
    connection.on('error', () => resolve(undefined))
    connection.on('close', () => resolve(reply))
  })
}

export const tickSocketOf = (home: Home, pid: number): string => home.path(tickSocket(pid))
