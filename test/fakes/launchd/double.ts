import {type ChildProcess, execFile, spawn} from 'node:child_process'
import {once} from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

const PYTHON = '/usr/bin/python3'
const SOURCE = import.meta.dirname

/** What a bootstrap that fails for this reason ends with; three of them are of other verbs, and say so. */
export interface LaunchdCodes {
  readonly alreadyLoaded: 5 | 37 | 17
  /** A second bootstrap of a label within `bootstrapMs` of the first. */
  readonly bootstrapInProgress: 37 | 5
  /** A bootstrap while the label is being booted out. */
  readonly tearingDown: 5 | 37
  readonly disabled: 5 | 119
  readonly sessionType: 134 | 5
  readonly malformed: 5 | 109
  readonly missingPlist: 5 | 2
  readonly noLabel: 5 | 110
  readonly noProgram: 5 | 111
  readonly ownership: 122 | 5
  /** The plist or the program lies under one of `externalVolumes`. */
  readonly externalVolume: 5 | 108
  readonly notPermitted: 5 | 1
  /** 0: accepted, yet the service stays unknown. */
  readonly loginItemOff: 5 | 0
  /** `kill` without a process to signal. */
  readonly killNoProcess: 3 | 1
  /** A second `bootout`: 36 before macOS 12. */
  readonly bootoutInProgress: 0 | 36
  /** `kickstart` of a running service without `-k`. */
  readonly kickstartRunning: 0 | 37
}

/** A launchctl that goes wrong: the next `times` (1) of that verb. One of: `signal`; `hang`; a reply of its own. */
export interface LaunchdFault {
  readonly verb: string
  readonly times?: number
  /** The signal that ends launchctl, such as SIGABRT. */
  readonly signal?: NodeJS.Signals
  /** It never answers. */
  readonly hang?: true
  readonly code?: number
  readonly stdout?: string
  readonly stderr?: string
}

/** What a test may choose; the first value of each is the default. Why there is a choice stands in launchd_double/switches.py. */
export interface LaunchdSwitches {
  /** Users with a desktop session. Default: this user; for root 501. */
  readonly guiUids: readonly number[]
  /** Users with any session. Default: 0 and those of `guiUids`. */
  readonly userUids: readonly number[]
  /** What `managername` prints. null: System for root, Aqua for a user with a desktop session, else Background. */
  readonly callerSession: null | 'Aqua' | 'Background' | 'LoginWindow' | 'StandardIO' | 'System'
  /** Whom every launchctl is taken to be called by, unless LAUNCHD_DOUBLE_UID says otherwise; null: by its effective user. */
  readonly callerUid: null | number
  /** By user id: folders whose plists `login` loads. */
  readonly agentFolders: Readonly<Record<string, readonly string[]>>
  /** Folders whose plists `reboot` loads. */
  readonly daemonFolders: readonly string[]
  /** true: the double's own user stands for every user: jobs run as that user, who owns all plists and may do everything. */
  readonly sameUser: false | true

  /** Default 1. Multiplies the seconds of a plist: ThrottleInterval, ExitTimeOut, StartInterval; not the `…Ms` below. */
  readonly timeScale: number
  /** Default 20: from the decision to start a job to its process. */
  readonly spawnDelayMs: number
  /** Default 200: how long a service stays registered after its bootout at least; longer, as long as its process lives. */
  readonly teardownMs: number
  /** Default 0: how long after a bootstrap another one counts as being in flight at the same time. */
  readonly bootstrapMs: number

  readonly defaultExitTimeOutSec: 5 | 20
  /** For gui and user domains. */
  readonly exitTimeOutClampSec: null | 60
  /** After so many crashes in a row each restart waits twice as long as the one before. */
  readonly successiveCrashLimit: null | number
  readonly kickstartThrottled: false | true
  readonly kickstartSignal: 'SIGTERM' | 'SIGKILL'
  readonly processGroupSignal: 'SIGTERM' | 'SIGKILL'
  readonly missingProgram: 'penalty-box' | 'retry'
  /** How the penalty box is left; each way includes those after it. */
  readonly penaltyBoxLeave: 'executable-appears' | 'kickstart' | 'bootout'
  /** `spawn`: exit 78 before the program runs. `bootstrap`: error 5. */
  readonly unopenableLog: 'spawn' | 'bootstrap'
  /** Default none. Path prefixes that launchd may not read. */
  readonly externalVolumes: readonly string[]
  /** A program that changed since the bootstrap is killed for its code signature. */
  readonly lwcr: false | true
  /** `changed`: print says `needs LWCR update` before anything was killed. */
  readonly lwcrTold: 'killed' | 'changed'
  /** Default none. Labels that are switched off as background items. */
  readonly loginItemsOff: readonly string[]
  /** A plist with LimitLoadToSessionType is refused with 5. */
  readonly rejectsSessionTypeKey: false | true
  /** HOME, USER, LOGNAME and SHELL are set for agents. */
  readonly userEnvironment: false | true
  /** Default none: more environment for every job, over that of its plist. */
  readonly extraEnvironment: Readonly<Record<string, string>>

  readonly codes: Partial<LaunchdCodes>
  /** `Bad request.` before the text of error 113 of `print`. */
  readonly badRequest: true | false
  readonly badRequestBeforeDomain: false | true
  readonly messageStream: 'stderr' | 'stdout'
  readonly bootoutWait: false | true
  readonly disabledLayout: 'words' | 'booleans' | 'indented'
  readonly emptyDisabled: 'block' | 'words'
  readonly idleState: 'not running' | 'waiting' | 'exited'
  readonly spawningState: 'spawning' | 'xpcproxy' | 'spawn scheduled'
  readonly jobState: true | false
  /** Default none; used up as they happen. */
  readonly faults: readonly LaunchdFault[]
}

/** What happened, oldest first. `ms` is CLOCK_MONOTONIC. */
export type LaunchdEvent = {readonly ms: number} & (
  | {
      readonly event: 'launchctl'
      readonly argv: readonly string[]
      readonly uid: number
      readonly code: number
      readonly stdout: string
      readonly stderr: string
    }
  | {readonly event: 'fault'; readonly argv: readonly string[]; readonly uid: number; readonly fault: LaunchdFault}
  /** Something that the code under test must never do. */
  | {readonly event: 'violation'; readonly argv: readonly string[]; readonly text: string}
  | {readonly event: 'not-loaded'; readonly domain: string; readonly path: string; readonly cause: string}
  | ({readonly domain: string; readonly label: string} & (
      | {readonly event: 'loaded'; readonly path: string}
      /** Keys of the plist that launchd, or this double, does not know. */
      | {readonly event: 'ignored-keys'; readonly keys: readonly string[]}
      | {readonly event: 'spawn'; readonly pid: number}
      | {readonly event: 'spawn-failed'; readonly step: string; readonly errno: number}
      | {readonly event: 'signal'; readonly pid: number; readonly signal: NodeJS.Signals}
      /** `status` is this machine's wait status. */
      | {readonly event: 'exit'; readonly pid: number; readonly status: number}
      /** A line of launchd's own log. */
      | {readonly event: 'message'; readonly text: string}
      | {readonly event: 'removed'}
    ))
)

export interface LaunchctlResult {
  /** null if a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A launchd of its own: several of them do not know of each other. Whatever it started ends with it, also when this process is killed. */
export class Launchd {
  /** Where it keeps the store of disabled services, its log and its socket. */
  readonly folder: string
  /** The double's `launchctl` first on PATH. It also works without LAUNCHD_DOUBLE_STATE. */
  readonly env: {readonly PATH: string; readonly LAUNCHD_DOUBLE_STATE: string}
  private readonly daemon: ChildProcess
  private forgiven = 0

  constructor(folder: string, daemon: ChildProcess) {
    this.folder = folder
    this.daemon = daemon
    this.env = {PATH: `${path.join(folder, 'bin')}:${process.env.PATH ?? '/usr/bin:/bin'}`, LAUNCHD_DOUBLE_STATE: folder}
  }

  /** Runs its launchctl. With `uid` as another user, without any change of rights. */
  async launchctl(argv: readonly string[], {uid}: {readonly uid?: number} = {}): Promise<LaunchctlResult> {
    const env = {...this.env, ...(uid === undefined ? {} : {LAUNCHD_DOUBLE_UID: String(uid)})}
    return new Promise((resolve) => {
      const child = execFile('launchctl', argv, {env}, (_error, stdout, stderr) => {
        resolve({code: child.exitCode, signal: child.signalCode, stdout, stderr})
      })
    })
  }

  /**
   * Changes switches while it runs; those that are not named stay. Resolves with what they were, which undoes it. Rejects if there is no
   * such switch or value.
   */
  async config(switches: Partial<LaunchdSwitches>): Promise<Partial<LaunchdSwitches>> {
    const {was = {}} = await this.control({control: 'configure', switches})
    return was
  }

  /** Kills and forgets all jobs, and empties the stores of disabled services: a clean start for the next test. Switches and log stay. */
  async clear(): Promise<void> {
    await this.control({control: 'clear'})
  }

  /** Ends a user's desktop session with all its jobs; resolves when they are gone. */
  async logout(uid: number): Promise<void> {
    await this.control({control: 'logout', uid})
  }

  /** Begins a user's desktop session: loads the agents of `agentFolders` that are not disabled. */
  async login(uid: number): Promise<void> {
    await this.control({control: 'login', uid})
  }

  /** Ends all jobs and loads those of `daemonFolders`; nobody is logged in afterwards. */
  async reboot(): Promise<void> {
    await this.control({control: 'reboot'})
  }

  log(): readonly LaunchdEvent[] {
    const file = path.join(this.folder, 'log.jsonl')
    if (!fs.existsSync(file)) return []
    const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as LaunchdEvent)
  }

  /** What the code under test must never do and did since the last call, which `stop` then does not complain about. */
  violations(): readonly string[] {
    const found = this.log().flatMap((one) => (one.event === 'violation' ? [one.text] : []))
    const fresh = found.slice(this.forgiven)
    this.forgiven = found.length
    return fresh
  }

  /** Kills all its processes and removes its folder. Rejects if the code under test did what it must never do, such as `load`. */
  async stop(): Promise<void> {
    const gone = this.daemon.exitCode === null && this.daemon.signalCode === null ? once(this.daemon, 'exit') : undefined
    this.daemon.ref()
    // One that has refused a switch may have ended between these lines.
    this.daemon.stdin?.on('error', () => undefined)
    // Whatever it hears before the end, it leaves the folder to be read here.
    this.daemon.stdin?.end('stop')
    await gone
    const violations = fs.existsSync(this.folder) ? this.violations() : []
    fs.rmSync(this.folder, {recursive: true, force: true})
    if (violations.length > 0) throw new Error(violations.join('\n'))
  }

  private async control(message: object): Promise<{readonly was?: Partial<LaunchdSwitches>}> {
    const socket = net.connect(path.join(this.folder, 'socket'))
    socket.write(`${JSON.stringify(message)}\n`)
    let answer = ''
    for await (const part of socket.setEncoding('utf8')) answer += part as string
    const reply = JSON.parse(answer) as {error?: string; was?: Partial<LaunchdSwitches>}
    if (reply.error !== undefined) throw new Error(reply.error)
    return reply
  }
}

/** Starts a launchd double. Rejects if there is no such switch or value. */
export async function startLaunchd(switches: Partial<LaunchdSwitches> = {}): Promise<Launchd> {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'launchd-')))
  // Other users' launchctl comes here too.
  fs.chmodSync(folder, 0o755)
  fs.mkdirSync(path.join(folder, 'bin'))
  fs.copyFileSync(path.join(SOURCE, 'launchctl'), path.join(folder, 'bin/launchctl'))
  fs.chmodSync(path.join(folder, 'bin/launchctl'), 0o755)
  fs.writeFileSync(path.join(folder, 'switches.json'), JSON.stringify(switches))
  // Its standard input is the life line: it ends when this process does, however that ends.
  const daemon = spawn(PYTHON, ['-IS', path.join(SOURCE, 'launchd'), folder], {stdio: ['pipe', 'pipe', 'inherit']})
  const said = await new Promise<string>((resolve, reject) => {
    daemon.once('error', reject)
    daemon.once('exit', () => {
      resolve('it ended')
    })
    daemon.stdout.setEncoding('utf8').once('data', (text: string) => {
      resolve(text.trim())
    })
  })
  daemon.stdout.destroy()
  const launchd = new Launchd(folder, daemon)
  if (said !== 'ready') {
    await launchd.stop()
    throw new Error(`launchd double: ${said}`)
  }
  daemon.unref()
  return launchd
}

/** Why there is no launchd double here; undefined if there can be one. */
export function noLaunchdDouble(): string | undefined {
  if (process.platform !== 'linux') return 'it finds its processes in /proc'
  return fs.existsSync(PYTHON) ? undefined : `${PYTHON} is missing`
}
