import path from 'node:path'
import {ExitStatus, ServiceError} from '../errors.js'
import {type Account, type Host, HostError, type RunResult} from '../host/host.js'
import type {ServiceReport} from '../lifecycle/status.js'
import {resolveTarget} from '../lifecycle/target.js'
import type {Scope} from '../managers/manager.js'
import type {StandInConfig} from './stand-in/config.js'

const COMMAND_TIMEOUT_MS = 120_000
const BACK_TIMEOUT_MS = 30_000
const LOOK_EVERY_MS = 200
/** A service that comes back would have done so within this time: our longest delay before a first restart is far shorter. */
const STAYS_STOPPED_MS = 3000
const PROGRAM_PATH = '/usr/local/bin:/usr/bin:/bin'

/** One step of the self-test, as it went. */
export interface SmokeStep {
  readonly name: string
  readonly ok: boolean
  readonly durationMs: number
  /** Why it failed, or what was seen. */
  readonly detail: string
}

export interface SmokeOptions {
  readonly scope: Scope
  readonly manager: string | undefined
  /** The account that the stand-in gateway runs as. */
  readonly account: Account
  readonly onStep: (step: SmokeStep) => void
  readonly cancelled: () => boolean
}

/** Why the self-test cannot run on this machine's own manager; undefined if it can. */
export function whyNoSmoke(host: Host): string | undefined {
  return host.which('python3', PROGRAM_PATH) ? undefined : 'the stand-in gateway needs Python 3: apt-get install -y python3'
}

/**
 * Runs the main job end to end on this machine's own service manager, through the very commands that people type, with a stand-in gateway
 * in a throw-away home under a throw-away name. Whatever happens, everything is taken away again. Stops at the first step that fails.
 */
export async function selfTest(host: Host, options: SmokeOptions): Promise<SmokeStep[]> {
  const test = new SelfTest(host, options)
  await test.sweepAbandoned()
  return test.run()
}

class SelfTest {
  private readonly steps: SmokeStep[] = []
  private readonly userHost: Host
  private readonly folder: string
  private readonly home: string

  constructor(
    private readonly host: Host,
    private readonly options: SmokeOptions,
  ) {
    this.userHost = host.as(options.account)
    this.folder = path.join(options.account.home, '.local/state/hermes-svc/smoke')
    this.home = path.join(this.folder, `${host.pid}`)
  }

  async run(): Promise<SmokeStep[]> {
    try {
      this.makeHome()
      await this.sequence()
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error
    } finally {
      await this.cleanUp(this.home)
    }
    return this.steps
  }

  /** Homes of self-tests that were killed: their services are removed first. The folder's name is the pid that made it. */
  async sweepAbandoned(): Promise<void> {
    for (const name of this.userHost.list(this.folder) ?? []) {
      const pid = Number(name)
      if (!Number.isInteger(pid) || pid === this.host.pid || this.isAlive(pid)) continue
      await this.cleanUp(path.join(this.folder, name))
    }
  }

  private async sequence(): Promise<void> {
    let pid = 0
    await this.step('install', async () => {
      const python = this.host.which('python3', PROGRAM_PATH) ?? 'python3'
      const result = await this.hermesSvc(
        'install',
        '--command',
        `${python} '${path.join(this.home, 'hermes').replaceAll("'", `'\\''`)}'`,
        '--no-linger',
      )
      return (JSON.parse(result.stdout) as {outcome: string}).outcome
    })
    await this.step('the gateway is alive', async () => {
      const report = await this.status(ExitStatus.ok)
      if (report.verdict.state !== 'alive' || report.actual !== 'running') throw new Error(`${report.actual}, ${report.verdict.state}`)
      pid = report.verdict.pid ?? 0
      return report.verdict.evidence[0] ?? `pid ${pid}`
    })
    await this.step('a second install changes nothing', async () => {
      const result = await this.hermesSvc('install')
      if ((JSON.parse(result.stdout) as {changed: boolean}).changed) throw new Error(`it changed something: ${result.stdout}`)
      await this.hermesSvc('diff')
      return 'already up to date, no difference'
    })
    await this.step('killed (SIGKILL), it comes back', async () => {
      this.userHost.signal(pid, 'SIGKILL')
      const killed = pid
      pid = await this.comesBack(killed)
      return `pid ${killed} is now ${pid}`
    })
    await this.step('a planned restart (exit 75): it comes back', async () => {
      this.userHost.signal(pid, 'SIGUSR1')
      const asked = pid
      pid = await this.comesBack(asked)
      return `pid ${asked} is now ${pid}`
    })
    await this.step('stop', async () => (JSON.parse((await this.hermesSvc('stop')).stdout) as {outcome: string}).outcome)
    await this.step('it stays stopped', async () => {
      await this.host.sleep(STAYS_STOPPED_MS)
      const report = await this.status(ExitStatus.notRunning)
      if (report.actual !== 'stopped' || report.pid !== null || report.enabled !== false) throw new Error(JSON.stringify(report))
      return 'stopped, and not started at boot'
    })
    await this.step('the manager says inactive, not failed', () => {
      const {manager, service} = this.target()
      const seen = manager.observe([service])[0]
      if (seen?.activity !== 'stopped') throw new Error(`${manager.title} says ${seen?.activity}`)
      return Promise.resolve(`${manager.title}: ${service.name} is inactive`)
    })
    await this.step('uninstall', async () => (JSON.parse((await this.hermesSvc('uninstall')).stdout) as {outcome: string}).outcome)
    await this.step('nothing is left', () => {
      const {manager, service} = this.target()
      const left = manager.traces(service)
      if (left.length > 0) throw new Error(left.join(', '))
      return Promise.resolve('no file, no unit, no process')
    })
  }

  private makeHome(): void {
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
    const config: StandInConfig = {version: '0.16', startup_ms: 50}
    this.userHost.writeAtomic(path.join(this.home, 'stand-in.json'), JSON.stringify(config), 0o600)
  }

  private target() {
    const {scope, manager, account} = this.options
    return resolveTarget(
      this.host,
      {home: this.home, scope, manager, runAs: this.host.account.uid === 0 ? account.name : undefined},
      'read',
    )
  }

  /** Runs one of our own commands on the throw-away service; throws if it does not end with the exit status expected. */
  private async hermesSvc(command: string, ...flags: string[]): Promise<RunResult> {
    return this.command(this.home, ExitStatus.ok, command, ...flags)
  }

  private async command(home: string, expected: ExitStatus, command: string, ...flags: string[]): Promise<RunResult> {
    const {scope, manager, account} = this.options
    const runAs = this.host.account.uid === 0 ? ['--run-as', account.name] : []
    const kind = manager === undefined ? [] : ['--manager', manager]
    const bin = path.join(this.host.packageRoot, 'bin/hermes-svc.cjs')
    const argv = [this.host.nodePath, bin, command, '--home', home, '--scope', scope, ...runAs, ...kind, '--json', ...flags]
    const result = await this.host.run(argv, {timeoutMs: COMMAND_TIMEOUT_MS})
    if (result.code !== expected) {
      throw new Error(`hermes-svc ${command} ended with ${result.failure ?? result.code ?? result.signal}: ${failureText(result)}`)
    }
    return result
  }

  private async status(expected: ExitStatus): Promise<ServiceReport> {
    return JSON.parse((await this.command(this.home, expected, 'status')).stdout) as ServiceReport
  }

  /** Waits until the gateway is alive under another pid. */
  private async comesBack(formerPid: number): Promise<number> {
    const endMs = this.host.monotonicMs() + BACK_TIMEOUT_MS
    let last = 'nothing seen'
    while (this.host.monotonicMs() < endMs) {
      try {
        const report = await this.status(ExitStatus.ok)
        const {pid} = report.verdict
        if (report.actual === 'running' && pid !== null && pid !== formerPid) return pid
        last = `${report.actual}, pid ${pid}`
      } catch (error) {
        last = error instanceof Error ? error.message : String(error)
      }
      await this.host.sleep(LOOK_EVERY_MS)
    }
    throw new Error(`not back after ${BACK_TIMEOUT_MS / 1000} s: ${last}`)
  }

  private async step(name: string, run: () => Promise<string>): Promise<void> {
    if (this.options.cancelled()) throw new ServiceError('cancelled', {code: 'cancelled', exitStatus: ExitStatus.cancelled})
    const startMs = this.host.monotonicMs()
    const done = (ok: boolean, detail: string) => {
      const step = {name, ok, durationMs: this.host.monotonicMs() - startMs, detail}
      this.steps.push(step)
      this.options.onStep(step)
    }
    try {
      done(true, await run())
    } catch (error) {
      done(false, error instanceof Error ? error.message : String(error))
      throw new StepFailed()
    }
  }

  private async cleanUp(home: string): Promise<void> {
    if (this.userHost.lstat(home) === undefined) return
    try {
      await this.command(home, ExitStatus.ok, 'uninstall', '--timeout', '30')
    } finally {
      removeTree(this.userHost, home)
      for (let folder = path.dirname(home); folder.startsWith(`${this.options.account.home}/`); folder = path.dirname(folder)) {
        if (!this.userHost.removeFolder(folder)) break
      }
    }
  }

  private isAlive(pid: number): boolean {
    try {
      return this.host.signal(pid, 0)
    } catch (error) {
      return error instanceof HostError && error.code === 'EPERM'
    }
  }
}

/** Ends the sequence; the step itself has been reported. */
class StepFailed extends Error {}

/** Removes a folder and what is in it, links not followed. */
function removeTree(host: Host, place: string): void {
  if (host.lstat(place)?.kind !== 'folder') {
    host.removeFile(place)
    return
  }
  for (const name of host.list(place) ?? []) removeTree(host, path.join(place, name))
  host.removeFolder(place)
}

function failureText(result: RunResult): string {
  try {
    const {error} = JSON.parse(result.stdout) as {error: {message: string; evidence: string[]}}
    return [error.message, ...error.evidence].join('\n')
  } catch {
    return result.stderr.trim()
  }
}
