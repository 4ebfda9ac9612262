import {type ChildProcess, spawn} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type {StandInConfig, StandInEvent} from '../../src/smoke/stand-in/config.js'
import {waitFor} from './machines.js'

export const PYTHON = '/usr/bin/python3'
export const STAND_IN = path.join(import.meta.dirname, '../../dist/stand-in/hermes')

export interface GatewayOptions {
  readonly config?: StandInConfig
  /** Default: a new one, which anybody may read. */
  readonly home?: string
  /** Program with its arguments that starts the gateway's command line. */
  readonly within?: readonly string[]
  /** The gateway's program; default: the stand-in. */
  readonly program?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What is waited for; null: nothing. Default: `running`. */
  readonly until?: StandInEvent['event'] | null
}

/** Gateways that run on this machine without a service, for the time of one test. */
export class LiveGateways {
  private readonly children: ChildProcess[] = []
  private readonly folders: string[] = []

  /** A new home that anybody may read. */
  makeHome(): string {
    const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'hermes-svc-live-')))
    this.folders.push(folder)
    fs.chmodSync(folder, 0o755)
    const home = path.join(folder, '.hermes')
    fs.mkdirSync(home)
    return home
  }

  /** Starts a gateway and waits for it. `child` is what was started, which with `within` is another process than the gateway. */
  async start(options: GatewayOptions = {}): Promise<{readonly home: string; readonly pid: number; readonly child: ChildProcess}> {
    const {config = {}, home = this.makeHome(), within = [], program = [PYTHON, STAND_IN], until = 'running'} = options
    fs.writeFileSync(path.join(home, 'stand-in.json'), JSON.stringify(config))
    const [command = '', ...args] = [...within, ...program, 'gateway', 'run']
    const env = {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: path.dirname(home), HERMES_HOME: home, ...options.env}
    const events = this.events(home).length
    const child = this.keep(spawn(command, args, {env, stdio: 'ignore', detached: true}))
    if (until !== null)
      await waitFor(
        () =>
          this.events(home)
            .slice(events)
            .some(({event}) => event === until),
        `a gateway in ${home}`,
      )
    const pid = this.events(home).at(-1)?.pid ?? child.pid ?? 0
    if (until === 'freeze' && (config.freeze ?? 'block') === 'block' && within.length === 0) {
      // It says so just before it blocks.
      await waitFor(() => fs.readFileSync(`/proc/${pid}/wchan`, 'utf8').includes('nanosleep'), `a blocked gateway in ${home}`)
    }
    return {home, pid, child}
  }

  /** Starts any other program; it ends with the test. */
  spawn(command: string, ...args: readonly string[]): ChildProcess {
    return this.keep(spawn(command, args, {stdio: 'ignore', detached: true}))
  }

  /** What the stand-in has noted, oldest first; whole lines only. */
  events(home: string): StandInEvent[] {
    const file = path.join(home, 'stand-in.starts')
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as StandInEvent)
  }

  /** Ends everything that was started and removes the homes. */
  end(): void {
    for (const child of this.children.splice(0)) {
      try {
        // The group, since what was started may have started others.
        process.kill(-(child.pid ?? 0), 'SIGKILL')
      } catch {
        // It has ended.
      }
    }
    for (const folder of this.folders.splice(0)) fs.rmSync(folder, {recursive: true, force: true})
  }

  private keep(child: ChildProcess): ChildProcess {
    this.children.push(child)
    return child
  }
}

/** One letter, proc(5); undefined if there is no such process. */
export function processState(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2)[0]
  } catch {
    return undefined
  }
}
