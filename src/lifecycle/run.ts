import path from 'node:path'
import {ExitStatus, ServiceError, usageError} from '../errors.js'
import {readDrain, stopTimeoutSec} from '../gateway/drain.js'
import {type ProcessInfo, readProcess} from '../gateway/process.js'
import {proveGateway} from '../gateway/prove-loop.js'
import {readGatewayState, stateFile} from '../gateway/records.js'
import {tick} from '../gateway/tick.js'
import {type Account, type Host, HostError, type Launched, type LaunchEnd} from '../host/host.js'
import {afterEnd, type GatewayEnd} from '../service/after-end.js'
import {readDesired} from '../service/desired-state.js'
import {gatewayArgv} from '../service/gateway-argv.js'
import {findGatewayCommand, parseCommandFlag} from '../service/gateway-command.js'
import {type HelperName, renderHelpers} from '../service/helpers.js'
import {type Profile, resolveProfile} from '../service/profile.js'
import {DEFAULT_RESTART_POLICY, type RestartPolicy} from '../service/restart-policy.js'
import {DEFAULT_HEARTBEAT, type HeartbeatSettings} from '../service/settings.js'
import type {DefinitionRequest} from './install.js'
import {servedBy} from './served.js'
import {homeOwner, requireAccount, type TargetFlags} from './target.js'
import {watch} from './watchdog.js'

/** How `run` is asked for. */
export interface RunRequest extends Pick<DefinitionRequest, 'command' | 'policy' | 'heartbeat'> {
  readonly flags: TargetFlags
  /** Prints one line for people. */
  readonly say: (line: string) => void
}

/** Signals that end the gateway for good, as a stop that is meant, and those that are the gateway's own affair. */
const STOPPING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2']
/** Upstream's signal for a planned restart. */
const RESTART: NodeJS.Signals = 'SIGUSR1'
const HELPER_TIMEOUT_MS = 15_000
const HELPER_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Keeps one gateway alive in the foreground, for where there is no service manager, until it is stopped by a signal, ends with 78, or ends
 * with 0 while it is recorded as stopped. Resolves with the gateway's final status (128+n for signal n). Throws a ServiceError if it cannot
 * even begin: as PID 1, without a home, beside a gateway that runs.
 */
export async function runGateway(host: Host, request: RunRequest): Promise<number> {
  requireInit(host)
  const place = findPlace(host, request.flags)
  const policy: RestartPolicy = {...DEFAULT_RESTART_POLICY, ...request.policy}
  if (policy.firstMs > policy.capMs) {
    throw usageError(`--restart-delay (${policy.firstMs} ms) must not be longer than --restart-delay-max (${policy.capMs} ms)`)
  }
  const heartbeat: HeartbeatSettings = {...DEFAULT_HEARTBEAT, ...request.heartbeat}
  if (heartbeat.watchdogTicks !== null && !heartbeat.enabled) {
    throw usageError('--watchdog: it is the heartbeat that finds out, so --heartbeat must be on')
  }
  requireHome(place)
  await requireAlone(place)
  const program = request.command === undefined ? findProgram(place) : parseCommandFlag(host, request.command)
  const helpers = await renderHelpers(host, {home: place.profile.home, policy})
  const folder = makeStateFolder(place)
  const keeper = new Keeper(place, {
    ...{policy, heartbeat, folder, say: request.say},
    argv: gatewayArgv(program, place.profile.name),
    helper: (name) => helpers.find((helper) => helper.name === name)?.text ?? '',
    stopMs: stopTimeoutSec(await readDrain(place.userHost, place.profile.home)) * 1000,
  })
  const release = host.onSignals([...STOPPING, ...PASSED_ON], (signal) => void keeper.onSignal(signal))
  try {
    return await keeper.keep()
  } finally {
    release()
    removeStateFolder(place, folder)
  }
}

/** Whose gateway of which home. */
interface Place {
  readonly host: Host
  readonly userHost: Host
  readonly profile: Profile
  readonly account: Account
}

function findPlace(host: Host, flags: TargetFlags): Place {
  const isRoot = host.account.uid === 0
  const named = flags.runAs === undefined ? undefined : requireAccount(host, flags.runAs)
  if (named && !isRoot && named.uid !== host.account.uid) {
    throw usageError(`--run-as ${flags.runAs}: only root can run another user's gateway`)
  }
  const environmentHome = host.env.HERMES_HOME
  const account = named ?? homeOwner(host, flags.home ?? environmentHome) ?? host.account
  const profile = resolveProfile(host, account.home, {profile: flags.profile, home: flags.home, environmentHome})
  return {host, userHost: isRoot ? host.as(account) : host, profile, account}
}

/** PID 1 inherits the orphans of all others, and has to reap them; node reaps its own children only. */
function requireInit(host: Host): void {
  if (host.pid !== 1) return
  throw new ServiceError(
    'hermes-svc run is PID 1 here and would have to reap the orphans of all other processes, which node cannot: a small init has to stand before it',
    {
      code: 'needs-init',
      exitStatus: ExitStatus.failed,
      next: [
        'docker run --init …   # in compose: init: true',
        'ENTRYPOINT ["tini", "--", "hermes-svc", "run"]   # or catatonit in the place of tini',
        'shareProcessNamespace: true   # in a pod',
      ],
    },
  )
}

function requireHome(place: Place): void {
  const {userHost, profile} = place
  const server = servedBy({userHost, service: {...place, name: profile.name}})
  if (server !== undefined)
    throw usageError(`profile ${profile.name} is served by the gateway of profile ${server}; it has none of its own`)
  if (userHost.stat(profile.home)?.kind === 'folder') return
  throw new ServiceError(`${profile.home} is not there, or no folder: the gateway would make an empty home`, {
    code: 'no-home',
    exitStatus: ExitStatus.failed,
    next: ['hermes-svc run --home FOLDER'],
  })
}

function findProgram({host, profile, account}: Place): readonly string[] {
  try {
    return findGatewayCommand(host, profile.root, account, host.env.PATH).argv
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    const {code, exitStatus, evidence} = error
    throw new ServiceError(error.message, {code, exitStatus, evidence, next: ['hermes-svc run --command /path/to/hermes']})
  }
}

/** A second gateway beside one that runs would fail again and again. */
async function requireAlone({host, userHost, profile}: Place): Promise<void> {
  const {gateway, verdict} = await proveGateway({host, userHost}, profile.home, 0)
  const {pid, evidence} = verdict
  if (pid === undefined && gateway.lock.kind !== 'held' && verdict.state !== 'alive') return
  const where = pid === undefined ? 'where it cannot be seen from here, probably in another container' : `as pid ${pid}`
  throw new ServiceError(`A gateway of ${profile.home} runs already, ${where}`, {
    code: 'already-running',
    exitStatus: ExitStatus.failed,
    evidence,
    next: [pid === undefined ? 'stop it where it runs' : `kill ${pid}   # then the same command again`],
  })
}

/** Where the helpers and the watchdog remember what they must; its name is nobody else's. */
function makeStateFolder({host, userHost, profile}: Place): string {
  const {XDG_RUNTIME_DIR, TMPDIR} = host.env
  // The home comes last: a container may have nothing else to write to.
  const places = [XDG_RUNTIME_DIR, TMPDIR, '/tmp', profile.home].filter((folder) => folder !== undefined && path.isAbsolute(folder))
  let last: HostError | undefined
  for (const place of places as string[]) {
    for (let number = 0; number < 100; number++) {
      const folder = path.join(place, `.hermes-svc-run-${host.pid}-${number}`)
      try {
        if (userHost.makeFolder(folder, 0o700)) return folder
      } catch (error) {
        if (!(error instanceof HostError)) throw error
        last = error
        break
      }
    }
  }
  throw new ServiceError(`There is no folder for what has to be remembered between two starts: ${last?.message ?? 'all names are taken'}`, {
    code: 'no-state-folder',
    exitStatus: ExitStatus.failed,
    next: ['set TMPDIR to a folder that may be written to'],
  })
}

function removeStateFolder({userHost}: Place, folder: string): void {
  try {
    for (const name of userHost.list(folder) ?? []) userHost.removeFile(path.join(folder, name))
    userHost.removeFolder(folder)
  } catch (error) {
    // What is left is a few bytes in a temporary folder.
    if (!(error instanceof HostError)) throw error
  }
}

interface KeeperOptions {
  readonly policy: RestartPolicy
  readonly heartbeat: HeartbeatSettings
  readonly argv: readonly string[]
  readonly folder: string
  readonly helper: (name: HelperName) => string
  /** The longest that the gateway may take to end. */
  readonly stopMs: number
  readonly say: (line: string) => void
}

/** Starts the gateway, waits for its end, and starts it again as the policy says. */
class Keeper {
  private failures = 0
  private gateway: Launched | undefined
  private isStopping = false
  /** Aborted by whatever ends the wait before a start. */
  private wait = new AbortController()
  /** Aborted with the end of everything. */
  private readonly over = new AbortController()

  constructor(
    private readonly place: Place,
    private readonly options: KeeperOptions,
  ) {}

  async keep(): Promise<number> {
    const ticking = this.options.heartbeat.enabled ? this.keepTicking() : Promise.resolve()
    try {
      // Of a gateway that never was.
      let status = 0
      for (;;) {
        await this.prepare()
        if (this.isStopping) return status
        const {end, seen} = await this.runOnce()
        status = end.status
        const {failures, waitMs, text} = afterEnd(this.options.policy, this.failures, seen)
        this.failures = failures
        this.options.say(text)
        if (waitMs === null) return status
        await this.place.host.sleep(waitMs, this.wait.signal)
        if (this.isStopping) {
          this.options.say('the start was called off')
          return status
        }
        this.wait = new AbortController()
      }
    } finally {
      this.over.abort()
      await ticking
    }
  }

  async onSignal(signal: NodeJS.Signals): Promise<void> {
    const {gateway} = this
    const isStop = STOPPING.includes(signal)
    const isFirst = isStop && !this.isStopping
    if (isStop) this.isStopping = true
    if (!gateway) {
      // A wish for a restart ends the wait as well; earlier failures no longer count.
      if (!isStop && signal !== RESTART) return
      this.failures = 0
      this.wait.abort()
      return
    }
    if (isFirst) {
      await this.callHelper('before-stop.sh', {MAINPID: String(gateway.pid)})
      void this.endInTime(gateway)
    }
    this.pass(gateway, signal)
  }

  /** Clears a pid record that a dead gateway left, after the same checks as under a manager. The wait is this program's own. */
  private async prepare(): Promise<void> {
    await this.callHelper('before-start.sh', {})
  }

  private async runOnce(): Promise<{end: LaunchEnd; seen: GatewayEnd}> {
    const {host, userHost, profile} = this.place
    const [startedMs, startedWallMs] = [host.monotonicMs(), host.nowMs()]
    const gateway = userHost.launch(this.options.argv, {env: this.environment(), cwd: profile.home})
    const startTime = readProcess(host, gateway.pid)?.startTime
    if (gateway.pid > 0) this.gateway = gateway
    const end = await gateway.ended
    this.gateway = undefined
    // What it left behind would hold its ports and files.
    if (gateway.pid > 0) host.killGroup(gateway.pid)
    const state = readGatewayState(userHost, profile.home)
    const value = state.kind === 'present' ? state.value : undefined
    const written = value?.process?.startTime
    const isOfThisRun =
      written !== undefined && startTime !== undefined
        ? written >= startTime
        : (userHost.stat(stateFile(profile.home))?.modifiedMs ?? 0) >= startedWallMs
    const desired = readDesired(userHost, profile.home)
    return {
      end,
      seen: {
        ...{code: end.code, signal: end.signal, failure: end.failure},
        upMs: host.monotonicMs() - startedMs,
        said: value && isOfThisRun ? value : undefined,
        isAsked: this.isStopping,
        isStopped: (desired.kind === 'recorded' && desired.record.desiredState === 'stopped') || value?.desiredState === 'stopped',
      },
    }
  }

  /** As this program was started, but for what makes it this gateway. */
  private environment(): Record<string, string> {
    const {host, account, profile} = this.place
    const own = Object.entries(host.env).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const user = account.uid === host.account.uid ? {} : {HOME: account.home, USER: account.name, LOGNAME: account.name}
    // The last one has it end with 75 for a restart, instead of starting the next gateway by itself.
    return {...Object.fromEntries(own), ...user, HERMES_HOME: profile.home, HERMES_SUPERVISED_CHILD: '1'}
  }

  /** Has a gateway that does not end in time ended by force. */
  private async endInTime(gateway: Launched): Promise<void> {
    await this.place.host.sleep(this.options.stopMs, this.over.signal)
    if (this.gateway !== gateway) return
    this.options.say(`gateway did not end within ${Math.round(this.options.stopMs / 1000)} s and is killed`)
    this.place.host.killGroup(gateway.pid)
  }

  private pass(gateway: Launched, signal: NodeJS.Signals): void {
    if (this.gateway !== gateway) return
    try {
      this.place.userHost.signal(gateway.pid, signal)
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      this.options.say(error.message)
    }
  }

  /** Ticks as the timer of a service does. */
  private async keepTicking(): Promise<void> {
    const {userHost, host, profile, account} = this.place
    const {heartbeat, folder, say} = this.options
    let lastFailure: string | undefined
    for (;;) {
      await host.sleep(heartbeat.intervalSec * 1000, this.over.signal)
      if (this.over.signal.aborted) return
      if (!this.gateway || this.isStopping) continue
      const ticked = await tick({host: userHost, userHost}, profile.home, account.uid)
      const failure = ticked.result.kind === 'failed' ? ticked.result.why : undefined
      if (failure !== undefined && failure !== lastFailure) say(`no heartbeat: ${failure}`)
      lastFailure = failure
      if (heartbeat.watchdogTicks === null) continue
      const service = {name: 'hermes-svc run', home: profile.home, runtimeFolder: folder, limit: heartbeat.watchdogTicks}
      const line = await watch(userHost, {...service, isOwn: (process) => this.isOwn(process)}, ticked)
      if (line !== undefined) say(line)
    }
  }

  /** True for what was started here, or by the wrapper that was. */
  private isOwn({pid, parentPid}: ProcessInfo): boolean {
    const own = this.gateway?.pid
    return !this.isStopping && own !== undefined && (pid === own || parentPid === own)
  }

  private async callHelper(name: HelperName, variables: Readonly<Record<string, string>>): Promise<void> {
    const {userHost, host} = this.place
    const shell = host.which('sh') ?? '/bin/sh'
    const result = await userHost.run([shell, '-c', this.options.helper(name), 'hermes-svc', this.options.folder], {
      env: {PATH: HELPER_PATH, ...variables},
      timeoutMs: HELPER_TIMEOUT_MS,
    })
    for (const line of result.stderr.split('\n').filter(Boolean)) this.options.say(line.replace(/^hermes-svc: /, ''))
  }
}
