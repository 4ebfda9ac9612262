import type {Scope, Service} from '../../service/service.js'
import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import {accountDoor, ownerDoor} from '../../host/account-door.js'
import type {Door, Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {ManagerRequest, Progress, Step} from '../../plan/plan.js'
import {definitionPaths} from './render.js'
import type {Domain} from './domain.js'
import {isStale} from './observe.js'
import {answerOf, changeFailed} from './failures.js'
import type {Launchctl} from './launchctl.js'
import {type Job, load, unload, waitUntilEnded} from './load.js'
import {isEdited, isOwn} from './plist.js'
import type {PrintedJob} from './print.js'
import type {Loaded, Whereabouts} from './whereabouts.js'

/** What a stop or a start by hand makes the launcher and the helpers forget. */
const FORGOTTEN = ['failures', 'restarts', 'started', 'stop', 'stopping'] as const
/** How much longer a stop may take than the gateway. */
const STOP_MARGIN_MS = 5000
const LOOK_EVERY_MS = 100
/** States of a job whose process was told to end. */
const ENDING: readonly string[] = ['SIGTERMed', 'SIGKILLed', 'languishing']

/** Starts, restarts and stops a service's job. `gatewayOf`: the pid of its gateway, if it has one. */
export class JobLife {
  constructor(
    private readonly host: Host,
    private readonly scope: Scope,
    private readonly launchctl: Launchctl,
    private readonly where: Whereabouts,
    private readonly gatewayOf: (service: Service) => number | undefined,
  ) {}

  /** A start by hand must not wait for a delay that earlier failures earned. What there is to forget shows only when it comes to that. */
  forget(service: Service): Step {
    const {stateFolder: path} = definitionPaths(this.scope, service)
    return {kind: 'empty-folder', why: 'forget earlier failures', path, names: FORGOTTEN, as: service.account}
  }

  start(service: Service): Step {
    return this.asking('start', 'start the gateway', service, (progress) => this.bringUp(service, progress))
  }

  restart(service: Service): Step {
    return this.asking('restart', 'restart the gateway', service, (progress) => this.bringUpAnew(service, progress))
  }

  stop(service: Service): Step {
    return this.asking('stop', 'stop the gateway', service, (progress) => this.tellToStop(service, progress))
  }

  kill(service: Service): Step {
    return this.asking('kill', 'kill the gateway, and unload its job', service, (progress) => this.killAndUnload(service, progress))
  }

  forgetEnded(service: Service): Step {
    return this.asking('unload', 'have launchd forget a job that has ended', service, (progress) => this.unloadEnded(service, progress))
  }

  private asking(request: ManagerRequest, why: string, {name}: Service, ask: (progress: Progress) => Promise<boolean>): Step {
    return {kind: 'ask-manager', request, why, name, ask}
  }

  /**
   * Has it loaded in the domain and from the text that it should be, and running. One that is being booted out is still known, and is gone
   * in a moment: then it is loaded anew.
   */
  private async bringUp(service: Service, progress: Progress): Promise<boolean> {
    const domain = this.where.domain(service)
    const endMs = this.host.monotonicMs() + this.stopLimitMs(service)
    for (;;) {
      const {loaded} = this.where.find(service, undefined)
      if (!loaded) return this.loadIn(domain, service, progress)
      const {pid, state} = loaded.printed
      if (pid !== undefined && !ENDING.includes(state)) return false
      if (pid === undefined) {
        if (!this.isCurrent(service, loaded, domain)) {
          await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
          return this.loadIn(domain, service, progress)
        }
        if (await this.kickstart(loaded.domain, service, [], progress)) return true
      }
      if (this.host.monotonicMs() >= endMs) throw neverDone(service)
      progress(`waiting until launchd is done with ${service.name}`)
      await this.host.sleep(LOOK_EVERY_MS)
    }
  }

  /** Ends what runs, and starts it by the text that is on disk, in the domain where it should be. */
  private async bringUpAnew(service: Service, progress: Progress): Promise<boolean> {
    const domain = this.where.domain(service)
    const {loaded} = this.where.find(service, undefined)
    if (!loaded) return this.loadIn(domain, service, progress)
    if (loaded.printed.pid !== undefined && this.isOurs(service)) {
      const {domain: where, printed} = loaded
      try {
        await this.tellToStop(service, progress)
        await waitUntilEnded(this.host, this.launchctl, where, this.job(service), printed.pid ?? 0, this.stopLimitMs(service), progress)
      } finally {
        this.mark(service, false)
      }
    }
    if (this.isCurrent(service, loaded, domain)) {
      return (await this.kickstart(domain, service, ['-k'], progress)) || this.bringUp(service, progress)
    }
    await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
    return this.loadIn(domain, service, progress)
  }

  private async loadIn(domain: Domain, service: Service, progress: Progress): Promise<boolean> {
    await load(this.host, this.launchctl, domain, this.job(service), progress)
    return true
  }

  /**
   * Has the launcher end the gateway, and itself for good. Not by bootout: launchd gives a user's job 60 s at most, whatever its definition
   * says, and a drain may take longer. What has no process, or is not ours, is unloaded.
   */
  private async tellToStop(service: Service, progress: Progress): Promise<boolean> {
    const {loaded} = this.where.find(service, undefined)
    if (!loaded) return false
    if (this.isOurs(service) && loaded.printed.pid !== undefined) {
      this.mark(service, true)
      const result = await this.launchctl.change(['kill', 'SIGTERM', `${loaded.domain.target}/${service.name}`])
      if (result.code === 0) return true
    }
    progress(`unloading ${service.name}`)
    const result = await this.launchctl.change(['bootout', `${loaded.domain.target}/${service.name}`])
    const answer = answerOf(result)
    if (answer === 'denied' || answer === 'unknown') throw changeFailed(result, `${service.name} could not be unloaded`)
    return true
  }

  private async killAndUnload(service: Service, progress: Progress): Promise<boolean> {
    const {loaded} = this.where.find(service, undefined)
    if (!loaded) return false
    const pid = this.gatewayOf(service)
    if (pid !== undefined) accountDoor(this.host, service.account).signal(pid, 'SIGKILL')
    return unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
  }

  private async unloadEnded(service: Service, progress: Progress): Promise<boolean> {
    const {loaded} = this.where.find(service, undefined)
    if (!loaded || loaded.printed.pid !== undefined) return false
    return unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
  }

  job(service: Service): Job {
    const owner = this.scope === 'system' ? {uid: 0, name: 'root'} : service.account
    return {label: service.name, plist: definitionPaths(this.scope, service).plist, owner}
  }

  /** Starts a loaded job, or loads one that was unloaded meanwhile. False if launchd is still busy with it, be it starting or ending. */
  private async kickstart(domain: Domain, service: Service, flags: readonly string[], progress: Progress): Promise<boolean> {
    const result = await this.launchctl.change(['kickstart', ...flags, `${domain.target}/${service.name}`], this.stopLimitMs(service))
    const answer = answerOf(result)
    if (answer === 'done' || answer === 'busy') return answer === 'done'
    if (answer === 'not-loaded') {
      await load(this.host, this.launchctl, domain, this.job(service), progress)
      return true
    }
    throw changeFailed(result, `${service.name} could not be started`)
  }

  /** Tells the launcher that a stop is meant to last, or takes that back. */
  private mark(service: Service, isStop: boolean): void {
    const file = path.join(definitionPaths(this.scope, service).stateFolder, 'stop')
    if (isStop) accountDoor(this.host, service.account).writeAtomic(file, '', 0o600)
    else accountDoor(this.host, service.account).removeFile(file)
  }

  /** True if launchd has the job where it should be and as it is on disk. An edit by hand cannot be told from what was loaded. */
  private isCurrent(service: Service, {domain, printed}: Loaded, wanted: Domain): boolean {
    const {plist} = definitionPaths(this.scope, service)
    const text = readIfAllowed(this.files(service), plist)
    if (domain.target !== wanted.target || text === undefined || isEdited(text)) return false
    return !isGivenUp(printed) && !isStale(printed, text)
  }

  private files({account}: Service): Door {
    return ownerDoor(this.host, this.scope === 'user' ? account : undefined)
  }

  private isOurs(service: Service): boolean {
    const text = readIfAllowed(this.files(service), definitionPaths(this.scope, service).plist)
    return text === undefined ? this.where.recordedSettings(service) !== undefined : isOwn(text)
  }

  private stopLimitMs(service: Service): number {
    const settings = this.where.recordedSettings(service)
    return (settings ? stopTimeoutSec(settings) : 60) * 1000 + STOP_MARGIN_MS
  }
}

/** launchd does not start it by being asked to: it holds it back, or goes by the signature of a program that has changed since. */
function isGivenUp({properties, exitReason}: PrintedJob): boolean {
  return properties.includes('penalty box') || properties.includes('needs LWCR update') || exitReason === 'OS_REASON_CODESIGNING'
}

function neverDone({name}: Service): ServiceError {
  return new ServiceError(`${name} could not be started: launchd is still busy with its former end`, {
    code: 'command-failed',
    exitStatus: ExitStatus.failed,
    next: ['hermes-svc start   # once that has ended'],
  })
}
