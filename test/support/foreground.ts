import {type ChildProcess, spawn} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type {StandInConfig, StandInEvent} from '../../src/smoke/stand-in/config.js'
import {testHost, waitFor} from './machines.js'
import type {MemoryGroup} from './memory-group.js'

export const ENTRY = path.join(testHost.packageRoot, 'bin', 'hermes-svc.cjs')
const STAND_IN = path.join(testHost.packageRoot, 'dist', 'stand-in', 'hermes')
const ENVIRONMENT = {PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8'}

/** Small inits that reap. */
export const INITS = ['tini', 'catatonit'] as const

/** Why no PID namespace with a small init can be made here; undefined if one can. */
export function whyNoNamespace(): string | undefined {
  if (process.platform !== 'linux') return 'a PID namespace needs Linux'
  if (process.getuid?.() !== 0) return 'a PID namespace needs root'
  const missing = [...INITS, 'unshare', 'nsenter', 'setpriv', 'flock', 'python3'].filter((program) => !testHost.which(program))
  return missing.length > 0 ? `not installed: ${missing.join(', ')} (Debian packages tini, catatonit, util-linux, python3)` : undefined
}

/** A home in a temporary folder. */
export class Home {
  readonly path = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-home-')))

  configure(standIn: StandInConfig): void {
    fs.writeFileSync(this.file('stand-in.json'), JSON.stringify(standIn))
  }

  file(name: string): string {
    return path.join(this.path, name)
  }

  exists(name: string): boolean {
    return fs.existsSync(this.file(name))
  }

  text(name: string): string {
    return fs.readFileSync(this.file(name), 'utf8')
  }

  json(name: string): Record<string, unknown> {
    return JSON.parse(fs.readFileSync(this.file(name), 'utf8')) as Record<string, unknown>
  }

  /** What the stand-in has noted, whole lines only. */
  events(): StandInEvent[] {
    if (!this.exists('stand-in.starts')) return []
    const lines = fs.readFileSync(this.file('stand-in.starts'), 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as StandInEvent)
  }

  starts(): StandInEvent[] {
    return this.events().filter(({event}) => event === 'start')
  }

  /** The pid, inside, of the `count`th gateway, once it says that it runs. */
  runs(count = 1, timeoutMs = 30_000): Promise<number> {
    const nth = () => this.events().filter(({event}) => event === 'running')[count - 1]?.pid
    return waitFor(nth, `gateway ${count} to run`, timeoutMs)
  }

  drop(): void {
    fs.rmSync(this.path, {recursive: true, force: true})
  }
}

/** The end of a program inside. */
export interface InsideResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A PID namespace of its own, as a plain container has one, with a program as its PID 1. Ends with the test, however that ends. */
export class Namespace {
  private output = ''
  readonly ended: Promise<number | null>

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()))
    this.ended = new Promise((resolve) => child.once('close', (code) => resolve(code)))
  }

  /** With `init` as PID 1, which runs `argv`. */
  static start(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Namespace {
    const unshare = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--pid', '--mount-proc', '--fork', '--kill-child=KILL', '--']
    const [program, ...args] = [...unshare, ...argv]
    return new Namespace(spawn(program ?? '', args, {env: {...ENVIRONMENT, ...env}, cwd: '/', stdio: ['ignore', 'pipe', 'pipe']}))
  }

  /** With a small init as PID 1 and `hermes-svc run` of a home beneath it. `group`: its limit of memory. */
  static run(home: Home, args: readonly string[] = [], init: (typeof INITS)[number] = 'tini', group?: MemoryGroup): Namespace {
    const argv = [init, '--', process.execPath, ENTRY, 'run', '--home', home.path, '--command', STAND_IN, ...args]
    return Namespace.start(group?.within(argv) ?? argv)
  }

  /** The same in a namespace that goes on after its end, which is then printed: PID 1 takes all others with it when it ends. */
  static beside(home: Home, args: readonly string[] = []): Namespace {
    const run = [process.execPath, ENTRY, 'run', '--home', home.path, '--command', STAND_IN, ...args]
    return Namespace.start(['tini', '--', 'sh', '-c', '"$@"; echo "run ended with $?"; exec sleep infinity', 'beside', ...run])
  }

  /** What has been printed inside. */
  get log(): string {
    return this.output
  }

  /** PID 1 as this machine sees it. */
  get init(): number {
    const children = `/proc/${this.child.pid}/task/${this.child.pid}/children`
    return Number(fs.readFileSync(children, 'utf8').trim().split(' ')[0])
  }

  /** What `docker kill -s` does. */
  signal(signal: NodeJS.Signals): void {
    const {init} = this
    if (init > 0) process.kill(init, signal)
  }

  /** Ends everything inside at once. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.signal('SIGKILL')
    await this.ended
  }

  /** Runs a program inside. */
  exec(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<InsideResult> {
    const child = spawn('nsenter', ['--target', String(this.init), '--mount', '--pid', '--', ...argv], {
      env: {...ENVIRONMENT, ...env},
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({code, stdout, stderr}))
    })
  }

  hermesSvc(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<InsideResult> {
    return this.exec([process.execPath, ENTRY, ...args], env)
  }

  /** State letters (proc(5)) of all processes inside. */
  async states(): Promise<string> {
    const {stdout} = await this.exec(['ps', '-e', '-o', 'state='])
    return stdout.replace(/\s/g, '')
  }
}
