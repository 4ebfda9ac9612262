import type {ProcessInfo} from '../gateway/process-info.js'
import path from 'node:path'
import {GatewaySignal, GatewayVariable, HomeFile} from '../gateway/contract.js'
import {readLastWords} from '../gateway/last-words.js'
import {ancestorsOf, hasEnded, readProcess, startedAt} from '../gateway/process.js'
import {pidFile, readGatewayState, readProcessRecord} from '../gateway/records.js'
import {recordOf, stateOf} from '../gateway/observation.js'
import {tick} from '../tick/tick.js'
import {HostError, type Launched, type LaunchEnd} from '../host/host.js'
import {kernelKills} from '../host/kernel-kills.js'
import {afterEnd, endLine, type GatewayEnd} from '../service/after-end.js'
import {appendJournal, renewJournal} from '../plan/journal.js'
import {readDesired, recordedState, wishOf} from '../service/desired-state.js'
import type {RestartPolicy} from '../service/restart-policy.js'
import type {HeartbeatSettings, ServiceSettings} from '../service/settings.js'
import {clearDeadRecord} from './stale-record.js'
import type {Place} from '../observe/place.js'
import {writePlannedStop} from '../gateway/signal-gateway.js'
import {deliveryTime} from '../notify/event.js'
import {told, watchAndTell} from '../tick/watch-and-tell.js'
import type {RunWish} from '../service/run-record.js'
import {RunMark} from './run-mark.js'

/** Signals that end the gateway for good, as a stop that is meant, and those that are the gateway's own affair. */
const STOPPING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']
const PASSED_ON: readonly NodeJS.Signals[] = [GatewaySignal.restart, 'SIGUSR2']
/** How often it looks for what other commands wish of it: a look is one call that finds nothing. */
const LOOK_EVERY_MS = 500
/** What a keeper has to be told of. */
export const KEPT_SIGNALS = [...STOPPING, ...PASSED_ON]

export interface KeeperOptions {
  readonly policy: RestartPolicy
  readonly heartbeat: HeartbeatSettings
  readonly argv: readonly string[]
  readonly folder: string
  /** The longest that the gateway may take to end. */
  readonly stopMs: number
  readonly settings: ServiceSettings
  /** The service's name, for the journal. */
  readonly name: string
  readonly say: (line: string) => void
}

/** Starts the gateway, waits for its end, and starts it again as the policy says. */
export class Keeper {
  private failures = 0
  private gateway: Launched | undefined
  private isStopping = false
  /** Somebody has asked for the gateway to be ended and started anew. */
  private isRestarting = false
  /** The gateway that runs came of such a wish, or of an end that a command had asked for. */
  private isFresh = false
  private restarts = -1
  private lastTickFailure: string | undefined
  private readonly mark: RunMark
  /** Aborted by whatever ends the wait before a start. */
  private wait = new AbortController()
  /** Aborted with the end of everything. */
  private readonly over = new AbortController()

  constructor(
    private readonly place: Place,
    private readonly options: KeeperOptions,
  ) {
    this.mark = new RunMark(place, options)
  }

  async keep(): Promise<number> {
    this.mark.say({})
    const beside = [this.keepListening(), ...(this.options.heartbeat.enabled ? [this.keepTicking()] : [])]
    try {
      // Of a gateway that never was.
      let status = 0
      for (;;) {
        await this.prepare()
        if (this.isStopping) return status
        const {end, seen} = await this.runOnce()
        status = end.status
        const after = afterEnd(this.options.policy, this.failures, seen)
        const {failures, waitMs, text} = after
        await renewJournal(this.place.userHost, this.place.profile.home)
        appendJournal(this.place.userHost, this.place.profile.home, endLine(this.place.host.nowMs(), seen, after))
        this.failures = failures
        this.options.say(text)
        this.mark.say({activity: 'waiting', failuresInARow: failures, lastExit: lastExitOf(end)})
        if (waitMs === null) {
          // No tick comes any more that could tell of it.
          if (!this.isStopping && this.options.heartbeat.enabled) await this.tickOnce()
          return status
        }
        await this.place.host.sleep(waitMs, this.wait.signal)
        if (this.isStopping) {
          this.options.say('the start was called off')
          return status
        }
        this.wait = new AbortController()
      }
    } finally {
      this.over.abort()
      await Promise.all(beside)
      this.mark.remove()
    }
  }

  async onSignal(signal: NodeJS.Signals): Promise<void> {
    const {gateway} = this
    const isStop = STOPPING.includes(signal)
    const isFirst = isStop && !this.isStopping
    if (isStop) this.isStopping = true
    if (!gateway) {
      // A wish for a restart ends the wait as well; earlier failures no longer count.
      if (!isStop && signal !== GatewaySignal.restart) return
      this.startNow()
      return
    }
    if (isFirst) {
      this.mark.say({activity: 'stopping'})
      this.announceStop(gateway)
      void this.endInTime(gateway)
    }
    this.pass(gateway, signal)
  }

  /** Does what another command wishes. */
  private async onWish(wish: RunWish): Promise<void> {
    if (wish === 'stop') return this.onSignal(GatewaySignal.stop)
    const {gateway} = this
    if (!gateway) return this.startNow()
    if (wish === 'start' || this.isStopping || this.isRestarting) return
    // The command has ended the former one by itself, and this is what it waits for.
    if (this.isFresh) this.isFresh = false
    else {
      this.isRestarting = true
      this.announceStop(gateway)
      void this.endInTime(gateway)
      this.pass(gateway, GatewaySignal.stop)
    }
  }

  /** Waits no longer; earlier failures no longer count. */
  private startNow(): void {
    this.failures = 0
    this.wait.abort()
  }

  /** As a manager's helper does before each start; the wait is this program's own. */
  private async prepare(): Promise<void> {
    const said = await clearDeadRecord(this.place, this.place.profile.home)
    if (said !== undefined) this.options.say(said)
  }

  /** Tells the gateway that the stop is meant, as a manager's helper does before each stop. */
  private announceStop({pid}: Launched): void {
    const {host, userHost, profile} = this.place
    const gateway = gatewayOf(this.place, pid)
    if (!gateway) return
    try {
      writePlannedStop({host, userHost, service: {profile}}, gateway)
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      this.options.say('could not write the planned-stop marker, so the gateway takes this stop for an accident')
    }
  }

  private async runOnce(): Promise<{end: LaunchEnd; seen: GatewayEnd}> {
    const {host, userHost, profile} = this.place
    const [startedMs, startedWallMs] = [host.monotonicMs(), host.nowMs()]
    const killsBefore = kernelKills(host)
    const gateway = userHost.launch(this.options.argv, {env: this.environment(), cwd: profile.home})
    const startTime = readProcess(host, gateway.pid)?.startTime
    this.restarts++
    if (gateway.pid > 0) {
      this.gateway = gateway
      this.mark.say({
        activity: 'running',
        gatewayPid: gateway.pid,
        startedAtMs: startedMs,
        restarts: this.restarts,
        failuresInARow: this.failures,
      })
    }
    const end = await gateway.ended
    this.gateway = undefined
    // Who ends it leaves the wish first, and may be quicker than the next look.
    const wish = this.mark.takeWish()
    if (wish === 'stop') this.isStopping = true
    const isEndAsked = this.mark.takeAskedEnd() || this.isRestarting || wish === 'restart'
    this.isFresh = isEndAsked && !this.isRestarting && wish !== 'restart'
    this.isRestarting = false
    // What it left behind would hold its ports and files.
    if (gateway.pid > 0) host.killGroup(gateway.pid)
    const words = readLastWords(userHost, profile.home, {pid: gateway.pid, startTime, startedWallMs})
    if (words.isStopPlanned) userHost.removeFile(path.join(profile.home, HomeFile.plannedStop))
    const state = readGatewayState(userHost, profile.home)
    const desired = readDesired(userHost, profile.home)
    return {
      end,
      seen: {
        ...{code: end.code, signal: end.signal, failure: end.failure},
        upMs: host.monotonicMs() - startedMs,
        wasMemoryShort: kernelKills(host) > killsBefore,
        words,
        isAsked: this.isStopping,
        isRestartAsked: isEndAsked,
        isStopped: wishOf(recordedState(desired), stateOf(state)?.desiredState) === 'stopped',
      },
    }
  }

  /** As this program was started, but for what makes it this gateway. */
  private environment(): Record<string, string> {
    const {host, account, profile} = this.place
    const own = Object.entries(host.env).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const user = account.uid === host.account.uid ? {} : {HOME: account.home, USER: account.name, LOGNAME: account.name}
    // The last one has it end with 75 for a restart, instead of starting the next gateway by itself.
    return {...Object.fromEntries(own), ...user, [GatewayVariable.home]: profile.home, [GatewayVariable.supervisedChild]: '1'}
  }

  /** Has a gateway that does not end in time ended by force. */
  private async endInTime(gateway: Launched): Promise<void> {
    await this.place.host.sleep(this.options.stopMs, this.over.signal)
    if (this.gateway !== gateway) return
    this.options.say(`gateway did not end within ${Math.round(this.options.stopMs / 1000)} s; hermes-svc kills it`)
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

  private async keepListening(): Promise<void> {
    for (;;) {
      await this.place.host.sleep(LOOK_EVERY_MS, this.over.signal)
      if (this.over.signal.aborted) return
      const wish = this.mark.takeWish()
      if (wish !== undefined) await this.onWish(wish)
    }
  }

  /** Ticks as the timer of a service does. */
  private async keepTicking(): Promise<void> {
    const {host} = this.place
    for (;;) {
      await host.sleep(this.options.heartbeat.intervalSec * 1000, this.over.signal)
      if (this.over.signal.aborted) return
      if (!this.isStopping) await this.tickOnce()
    }
  }

  private async tickOnce(): Promise<void> {
    const {userHost, host, profile, account} = this.place
    const {heartbeat, folder, say, name, settings} = this.options
    const ticked = await tick({host, userHost}, profile.home, account.uid, {isFromHere: true})
    const failure = ticked.result.kind === 'failed' ? ticked.result.why : undefined
    if (failure !== undefined && failure !== this.lastTickFailure) say(`no heartbeat: ${failure}`)
    this.lastTickFailure = failure
    const service = {
      ...{name, home: profile.home, runtimeFolder: folder, scope: settings.scope, profile: profile.name, failuresInARow: this.failures},
      ...{intervalSec: heartbeat.intervalSec, watchdogTicks: heartbeat.watchdogTicks},
      isOwn: (process: ProcessInfo) => this.isOwn(process),
    }
    const {lines, telling} = await watchAndTell({host, userHost}, service, ticked)
    for (const line of lines) say(line)
    for (const line of telling ? await told(telling, deliveryTime(heartbeat.intervalSec * 1000, this.over.signal)) : []) say(line)
  }

  /** True for what was started here, or by the wrapper that was. */
  private isOwn({pid, parentPid}: ProcessInfo): boolean {
    const own = this.gateway?.pid
    return !this.isStopping && own !== undefined && (pid === own || parentPid === own)
  }
}

/** The gateway that the pid record names if the process that was launched started it, as a wrapper does; else that process itself. */
function gatewayOf({host, userHost, profile}: Place, pid: number): ProcessInfo | undefined {
  const launched = readProcess(host, pid, userHost)
  if (!launched || hasEnded(launched)) return undefined
  const record = recordOf(readProcessRecord(userHost, pidFile(profile.home)))
  const named = record && readProcess(host, record.pid, userHost)
  const isItsOwn = named && !hasEnded(named) && identifiesStart(named, record.startTime) && ancestorsOf(host, named.pid).includes(pid)
  return isItsOwn ? named : launched
}

function identifiesStart(process: ProcessInfo, startTime: number | undefined): boolean {
  return startTime === undefined || startedAt(process, startTime)
}

/** As managers tell of it. */
function lastExitOf({code, signal, status}: LaunchEnd): {how: 'exited' | 'killed'; status: number} {
  return signal === null ? {how: 'exited', status: code ?? status} : {how: 'killed', status: status - SIGNAL_STATUS}
}

/** A program that a signal has ended has this and the signal's number as its status. */
const SIGNAL_STATUS = 128
