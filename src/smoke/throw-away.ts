import type {ServiceReport} from '../observe/report.js'
import {waitUntil} from '../host/wait-until.js'
import type {Scope} from '../service/service.js'
import path from 'node:path'
import {GatewayVariable} from '../gateway/contract.js'
import type {DiagnosisReport} from '../doctor/summary.js'
import type {Finding} from '../doctor/finding.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {type Account, type AccountHost, type Host, HostError, type RunResult} from '../host/host.js'
import {resolveManaged, type Target} from '../observe/where.js'
import {shellQuote} from '../text/shell-quote.js'
import type {Failure} from '../ui/failure.js'
import type {StandInConfig} from './stand-in/config.js'

const COMMAND_TIMEOUT_MS = 120_000
const BACK_TIMEOUT_MS = 30_000
const REMOVE_TIMEOUT_MS = 30_000
const LOOK_EVERY_MS = 200
const PROGRAM_PATH = '/usr/local/bin:/usr/bin:/bin'

export interface ThrowAwayOptions {
  readonly scope: Scope
  /** The flag, as it was given. */
  readonly manager: string | undefined
  /** The account that the stand-in gateway runs as. */
  readonly account: Account
  /** Aborted: the commands that run are ended, and no other one is begun. Cleaning up is not bound by it. */
  readonly signal: AbortSignal
}

/** Why the stand-in gateway cannot run here; undefined if it can. */
export function whyNoStandIn(host: Host): string | undefined {
  return host.which('python3', PROGRAM_PATH) ? undefined : 'the stand-in gateway needs Python 3: apt-get install -y python3'
}

/**
 * A stand-in gateway in a home and under a name of its own, worked on by the very commands that people type. The home's name is this process's
 * pid, so that the next self-test knows what one that was killed has left.
 */
export class ThrowAwayService {
  readonly home: string
  readonly userHost: AccountHost
  private readonly folder: string

  constructor(
    readonly host: Host,
    private readonly options: ThrowAwayOptions,
  ) {
    this.userHost = host.as(options.account)
    this.folder = path.join(options.account.home, '.local/state/hermes-svc/smoke', options.scope)
    this.home = path.join(this.folder, `${host.pid}`)
  }

  /** The stand-in's own command line. */
  get gatewayArgv(): readonly string[] {
    return [this.host.which('python3', PROGRAM_PATH) ?? 'python3', path.join(this.home, 'hermes')]
  }

  /** Variables of a shell of the account's in which the stand-in finds its home. */
  get gatewayEnv(): Record<string, string> {
    return {[GatewayVariable.home]: this.home, HOME: this.options.account.home, PATH: PROGRAM_PATH}
  }

  makeHome(): void {
    const {home: accountHome} = this.options.account
    let folder = accountHome
    for (const name of path.relative(accountHome, this.home).split('/')) {
      folder = path.join(folder, name)
      this.userHost.makeFolder(folder, 0o700)
    }
    const standIn = this.host.readText(path.join(this.host.packageRoot, 'dist/stand-in/hermes'))
    if (standIn === undefined) throw new Error('the package is incomplete: dist/stand-in/hermes is missing')
    // In the home, because the package may stand where the service's user cannot read.
    this.userHost.writeAtomic(path.join(this.home, 'hermes'), standIn, 0o700)
    const platform = this.host.platform === 'darwin' ? 'darwin' : 'by machine'
    const config: StandInConfig = {version: '0.16', startup_ms: 50, platform}
    this.userHost.writeAtomic(path.join(this.home, 'stand-in.json'), JSON.stringify(config), 0o600)
  }

  install(): Promise<RunResult> {
    return this.hermesSvc('install', '--command', this.gatewayArgv.map(shellQuote).join(' '), '--no-linger')
  }

  /** Runs one of our own commands on it. Throws if it does not end with 0. */
  hermesSvc(command: string, ...flags: readonly string[]): Promise<RunResult> {
    return this.expect([ExitStatus.ok], command, flags)
  }

  async status(expected: ExitStatus): Promise<ServiceReport> {
    return JSON.parse((await this.expect([expected], 'status', [])).stdout) as ServiceReport
  }

  async findings(): Promise<readonly Finding[]> {
    const {ok, failed, cannotTell} = ExitStatus
    const {services} = JSON.parse((await this.expect([ok, failed, cannotTell], 'doctor', [])).stdout) as {services: DiagnosisReport[]}
    return services.flatMap(({findings}) => findings)
  }

  /** The pid of its gateway, which is alive. Throws if none is. */
  async alivePid(): Promise<{readonly pid: number; readonly evidence: string}> {
    const {verdict, actual} = await this.status(ExitStatus.ok)
    if (verdict.state !== 'alive' || actual !== 'running' || verdict.pid === null) throw new Error(`${actual}, ${verdict.state}`)
    return {pid: verdict.pid, evidence: verdict.evidence[0] ?? `pid ${verdict.pid}`}
  }

  /** Waits until the gateway is alive under another pid. */
  async comesBack(formerPid: number): Promise<number> {
    let last = 'nothing seen'
    const back = await this.poll(BACK_TIMEOUT_MS, async () => {
      try {
        const {pid} = await this.alivePid()
        last = `pid ${pid}`
        return pid === formerPid ? undefined : pid
      } catch (error) {
        last = error instanceof Error ? error.message : String(error)
        return undefined
      }
    })
    if (back === undefined) throw new Error(`the gateway is not back after ${BACK_TIMEOUT_MS / 1000} s: ${last}`)
    return back
  }

  /** Asks again and again until there is an answer; undefined if there is none in that time. Throws as soon as the self-test is to end. */
  poll<T>(limitMs: number, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    return waitUntil(this.host, {limitMs, everyMs: LOOK_EVERY_MS, signal: this.options.signal}, ask)
  }

  /** As its commands see it. */
  target(): Promise<Target> {
    const {scope, manager, account} = this.options
    return resolveManaged(
      this.host,
      {home: this.home, scope, manager, runAs: this.host.account.uid === 0 ? account.name : undefined},
      'read',
    )
  }

  /** Removes what self-tests have left that were killed: a home of this very pid is of one before it. Throws as `remove`. */
  async sweepAbandoned(): Promise<void> {
    for (const name of this.userHost.list(this.folder) ?? []) {
      const pid = Number(name)
      if (Number.isInteger(pid) && (pid === this.host.pid || !this.isAlive(pid))) await this.remove(path.join(this.folder, name))
    }
  }

  /** Takes all of it away, whatever became of it. Throws a ServiceError if it cannot: the home is kept then, by which the next self-test finds it. */
  async remove(home = this.home): Promise<void> {
    if (this.userHost.lstat(home) === undefined) return
    // A command of a self-test that was killed may be at work yet.
    const result = await waitUntil(this.host, {limitMs: REMOVE_TIMEOUT_MS, everyMs: LOOK_EVERY_MS}, async () => {
      const tried = await this.command(home, 'uninstall', ['--timeout', '30'])
      return failureOf(tried)?.code === 'busy' ? undefined : tried
    })
    if (result?.code !== 0) {
      throw new ServiceError(`The self-test cannot remove what it made: ${result ? howItEnded(result) : 'its home is locked'}`, {
        code: 'smoke-left',
        exitStatus: ExitStatus.failed,
        next: [
          `hermes-svc uninstall --home ${home} --scope ${this.options.scope}`,
          'hermes-svc smoke   # also removes it, before it starts',
        ],
      })
    }
    removeTree(this.userHost, home)
    for (let folder = path.dirname(home); folder.startsWith(`${this.options.account.home}/`); folder = path.dirname(folder)) {
      if (!this.userHost.removeFolder(folder)) break
    }
  }

  private async expect(expected: readonly ExitStatus[], command: string, flags: readonly string[]): Promise<RunResult> {
    const {signal} = this.options
    const result = await this.command(this.home, command, flags, signal)
    signal.throwIfAborted()
    if (!expected.some((status) => status === result.code)) throw new Error(`hermes-svc ${command} ended with ${howItEnded(result)}`)
    return result
  }

  private command(home: string, command: string, flags: readonly string[], signal?: AbortSignal): Promise<RunResult> {
    const {scope, manager, account} = this.options
    const runAs = this.host.account.uid === 0 ? ['--run-as', account.name] : []
    const kind = manager === undefined ? [] : ['--manager', manager]
    const bin = path.join(this.host.packageRoot, 'bin/hermes-svc.cjs')
    const argv = [this.host.nodePath, bin, ...command.split(' '), '--home', home, '--scope', scope, ...runAs, ...kind, '--json', ...flags]
    return this.host.run(argv, {timeoutMs: COMMAND_TIMEOUT_MS, ...(signal ? {signal} : {})})
  }

  private isAlive(pid: number): boolean {
    try {
      return this.host.signal(pid, 0)
    } catch (error) {
      return error instanceof HostError && error.code === 'EPERM'
    }
  }
}

/** Removes a folder and what is in it, links not followed. */
function removeTree(host: AccountHost, place: string): void {
  if (host.lstat(place)?.kind !== 'folder') {
    host.removeFile(place)
    return
  }
  for (const name of host.list(place) ?? []) removeTree(host, path.join(place, name))
  host.removeFolder(place)
}

function howItEnded(result: RunResult): string {
  return `${result.failure ?? result.code ?? result.signal}: ${failureText(result)}`
}

function failureText(result: RunResult): string {
  const failure = failureOf(result)
  return failure ? [failure.message, ...failure.evidence].join('\n') : result.stderr.trim()
}

/** What a command says in its JSON document about why it failed. */
function failureOf({stdout}: RunResult): Failure | undefined {
  try {
    return (JSON.parse(stdout) as {error?: Failure}).error
  } catch {
    return undefined
  }
}
