import type {Scope, Service} from '../../service/service.js'
import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import {accountDoor, ownerDoor} from '../../host/account-door.js'
import type {Door, Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {Progress, Step} from '../../plan/plan.js'
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
    const {stateFolder} = definitionPaths(this.scope, service)
    const act = (): Promise<void> => {
      for (const name of FORGOTTEN) accountDoor(this.host, service.account).removeFile(path.join(stateFolder, name))
      return Promise.resolve()
    }
    return {kind: 'act', why: 'forget earlier failures', act}
  }

  /**
   * Has it loaded in the domain and from the text that it should be, and running. One that is being booted out is still known, and is gone
   * in a moment: then it is loaded anew.
   */
  async bringUp(service: Service, progress: Progress): Promise<void> {
    const domain = this.where.domain(service)
    const endMs = this.host.monotonicMs() + this.stopLimitMs(service)
    for (;;) {
      const {loaded} = this.where.find(service, undefined)
      if (!loaded) return load(this.host, this.launchctl, domain, this.job(service), progress)
      const {pid, state} = loaded.printed
      if (pid !== undefined && !ENDING.includes(state)) return
      if (pid === undefined) {
        if (!this.isCurrent(service, loaded, domain)) {
          await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
          return load(this.host, this.launchctl, domain, this.job(service), progress)
        }
        if (await this.kickstart(loaded.domain, service, [], progress)) return
      }
      if (this.host.monotonicMs() >= endMs) throw neverDone(service)
      progress(`waiting until launchd is done with ${service.name}`)
      await this.host.sleep(LOOK_EVERY_MS)
    }
  }

  /** Ends what runs, and starts it by the text that is on disk, in the domain where it should be. */
  async bringUpAnew(service: Service, progress: Progress): Promise<void> {
    const domain = this.where.domain(service)
    const {loaded} = this.where.find(service, undefined)
    if (!loaded) return load(this.host, this.launchctl, domain, this.job(service), progress)
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
      if (!(await this.kickstart(domain, service, ['-k'], progress))) await this.bringUp(service, progress)
      return
    }
    await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
    await load(this.host, this.launchctl, domain, this.job(service), progress)
  }

  /**
   * Has the launcher end the gateway, and itself for good. Not by bootout: launchd gives a user's job 60 s at most, whatever its definition
   * says, and a drain may take longer. What has no process, or is not ours, is unloaded.
   */
  async tellToStop(service: Service, progress: Progress): Promise<void> {
    const {loaded} = this.where.find(service, undefined)
    if (!loaded) return
    if (this.isOurs(service) && loaded.printed.pid !== undefined) {
      this.mark(service, true)
      const result = await this.launchctl.change(['kill', 'SIGTERM', `${loaded.domain.target}/${service.name}`])
      if (result.code === 0) return
    }
    progress(`unloading ${service.name}`)
    const result = await this.launchctl.change(['bootout', `${loaded.domain.target}/${service.name}`])
    const answer = answerOf(result)
    if (answer === 'denied' || answer === 'unknown') throw changeFailed(result, `${service.name} could not be unloaded`)
  }

  async killAndUnload(service: Service, progress: Progress): Promise<void> {
    const {loaded} = this.where.find(service, undefined)
    if (!loaded) return
    const pid = this.gatewayOf(service)
    if (pid !== undefined) accountDoor(this.host, service.account).signal(pid, 'SIGKILL')
    await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
  }

  async unloadEnded(service: Service, progress: Progress): Promise<void> {
    const {loaded} = this.where.find(service, undefined)
    if (loaded && loaded.printed.pid === undefined) await unload(this.host, this.launchctl, loaded.domain, this.job(service), progress)
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
