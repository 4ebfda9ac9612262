import {waitUntil} from '../../host/wait-until.js'
import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import {stopTimeoutSec} from '../../gateway/drain.js'
import {accountDoor} from '../../host/account-door.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import type {ManagerRequest, Progress, Step} from '../../plan/plan.js'
import type {Service} from '../../service/service.js'
import type {Control, Observer} from '../manager.js'
import {ownerIn} from '../two-scopes.js'
import type {Domain} from './domain.js'
import {answerOf, changeFailed} from './failures.js'
import {type Job, load, unload, waitUntilEnded} from './load.js'
import {isStale} from './observe.js'
import {definitionPaths} from './paths.js'
import {isEdited, isOwn} from './plist.js'
import type {PrintedJob} from './print.js'
import type {Launchd, Loaded} from './whereabouts.js'

/** What a stop or a start by hand makes the launcher and the helpers forget. */
const FORGOTTEN = ['failures', 'restarts', 'started', 'stop', 'stopping'] as const
/** How much longer a stop may take than the gateway. */
const STOP_MARGIN_MS = 5000
const LOOK_EVERY_MS = 100
/** States of a job whose process was told to end. */
const ENDING: readonly string[] = ['SIGTERMed', 'SIGKILLed', 'languishing']

/** See Control. */
export function control(launchd: Launchd, seen: Observer): Control {
  const {host, launchctl, where} = launchd
  const {forget, bringUp, bringUpAnew, tellToStop, job} = jobLife(launchd)
  const asking = (request: ManagerRequest, why: string, {name}: Service, ask: (progress: Progress) => Promise<boolean>): Step => ({
    ...{kind: 'ask-manager', request, why, name, ask},
  })
  const change = (why: string, word: string, service: Service) =>
    launchctl.step(why, [word, `${where.domain(service).target}/${service.name}`])
  const settle = (service: Service) => [
    asking('unload', 'make launchd forget a job that has ended', service, async (progress) => {
      const {loaded} = where.find(service, undefined)
      if (!loaded || loaded.printed.pid !== undefined) return false
      return unload(host, launchctl, loaded.domain, job(service), progress)
    }),
    forget(service),
  ]
  return {
    enable: (service) => [change('start the service at every login or boot', 'enable', service)],
    disable: (service) => [change('keep the service stopped after a reboot', 'disable', service)],
    start: (service) => [forget(service), asking('start', 'start the gateway', service, (progress) => bringUp(service, progress))],
    stop: (service) => [asking('stop', 'stop the gateway', service, (progress) => tellToStop(service, progress))],
    restart: (service) => [
      forget(service),
      asking('restart', 'restart the gateway', service, (progress) => bringUpAnew(service, progress)),
    ],
    abort: (service) => [
      asking('kill', 'kill the gateway and unload its job', service, async (progress) => {
        const {loaded} = where.find(service, undefined)
        if (!loaded) return false
        const pid = seen.observe([service])[0]?.mainPid
        if (pid !== undefined) accountDoor(host, service.account).signal(pid, 'SIGKILL')
        return unload(host, launchctl, loaded.domain, job(service), progress)
      }),
      ...settle(service),
    ],
    settle,
  }
}

/** Starts, restarts and stops a service's job. */
function jobLife(launchd: Launchd) {
  const {host, scope, files, launchctl, where} = launchd
  return {forget, bringUp, bringUpAnew, tellToStop, job}

  /** A start by hand must not wait for a delay that earlier failures earned. What there is to forget shows only when it comes to that. */
  function forget(service: Service): Step {
    const {stateFolder: path} = definitionPaths(scope, service)
    return {kind: 'empty-folder', why: 'reset the count of failures', path, names: FORGOTTEN, as: service.account}
  }

  /**
   * Has it loaded in the domain and from the text that it should be, and running. One that is being booted out is still known, and is gone
   * in a moment: then it is loaded anew.
   */
  async function bringUp(service: Service, progress: Progress): Promise<boolean> {
    const domain = where.domain(service)
    const onWait = () => progress(`waiting until launchd has ended ${service.name}`)
    const limits = {limitMs: stopLimitMs(service), everyMs: LOOK_EVERY_MS, onWait}
    const came = await waitUntil(host, limits, async (): Promise<'changed' | 'as it was' | undefined> => {
      const {loaded} = where.find(service, undefined)
      if (!loaded) return (await loadIn(domain, service, progress)) && 'changed'
      const {pid, state} = loaded.printed
      if (pid !== undefined) return ENDING.includes(state) ? undefined : 'as it was'
      if (!isCurrent(service, loaded, domain)) {
        await unload(host, launchctl, loaded.domain, job(service), progress)
        return (await loadIn(domain, service, progress)) && 'changed'
      }
      return (await kickstart(loaded.domain, service, [], progress)) ? 'changed' : undefined
    })
    if (!came) throw neverDone(service)
    return came === 'changed'
  }

  /** Ends what runs, and starts it by the text that is on disk, in the domain where it should be. */
  async function bringUpAnew(service: Service, progress: Progress): Promise<boolean> {
    const domain = where.domain(service)
    const {loaded} = where.find(service, undefined)
    if (!loaded) return loadIn(domain, service, progress)
    const {domain: loadedIn, printed} = loaded
    if (printed.pid !== undefined && isOurs(service)) {
      try {
        await tellToStop(service, progress)
        await waitUntilEnded(host, launchctl, loadedIn, job(service), printed.pid, stopLimitMs(service), progress)
      } finally {
        mark(service, false)
      }
    }
    if (isCurrent(service, loaded, domain)) {
      return (await kickstart(domain, service, ['-k'], progress)) || bringUp(service, progress)
    }
    await unload(host, launchctl, loadedIn, job(service), progress)
    return loadIn(domain, service, progress)
  }

  async function loadIn(domain: Domain, service: Service, progress: Progress): Promise<true> {
    await load(host, launchctl, domain, job(service), progress)
    return true
  }

  /**
   * Has the launcher end the gateway, and itself for good. Not by bootout: launchd gives a user's job 60 s at most, whatever its definition
   * says, and a drain may take longer. What has no process, or is not ours, is unloaded.
   */
  async function tellToStop(service: Service, progress: Progress): Promise<boolean> {
    const {loaded} = where.find(service, undefined)
    if (!loaded) return false
    if (isOurs(service) && loaded.printed.pid !== undefined) {
      mark(service, true)
      const result = await launchctl.change(['kill', 'SIGTERM', `${loaded.domain.target}/${service.name}`])
      if (result.code === 0) return true
    }
    progress(`unloading ${service.name}`)
    const result = await launchctl.change(['bootout', `${loaded.domain.target}/${service.name}`])
    const answer = answerOf(result)
    if (answer === 'denied' || answer === 'unknown') throw changeFailed(result, `launchd could not unload ${service.name}`)
    return true
  }

  function job(service: Service): Job {
    return {label: service.name, plist: definitionPaths(scope, service).plist, owner: ownerIn(launchd, service) ?? {uid: 0, name: 'root'}}
  }

  /** Starts a loaded job, or loads one that was unloaded meanwhile. False if launchd is still busy with it, be it starting or ending. */
  async function kickstart(domain: Domain, service: Service, flags: readonly string[], progress: Progress): Promise<boolean> {
    const result = await launchctl.change(['kickstart', ...flags, `${domain.target}/${service.name}`], stopLimitMs(service))
    const answer = answerOf(result)
    if (answer === 'done' || answer === 'busy') return answer === 'done'
    if (answer === 'not-loaded') {
      await load(host, launchctl, domain, job(service), progress)
      return true
    }
    throw changeFailed(result, `launchd could not start ${service.name}`)
  }

  /** Tells the launcher that a stop is meant to last, or takes that back. */
  function mark(service: Service, isStop: boolean): void {
    const file = path.join(definitionPaths(scope, service).stateFolder, 'stop')
    if (isStop) accountDoor(host, service.account).writeAtomic(file, '', 0o600)
    else accountDoor(host, service.account).removeFile(file)
  }

  /** True if launchd has the job where it should be and as it is on disk. An edit by hand cannot be told from what was loaded. */
  function isCurrent(service: Service, {domain, printed}: Loaded, wanted: Domain): boolean {
    const {plist} = definitionPaths(scope, service)
    const text = readIfAllowed(files, plist)
    if (domain.target !== wanted.target || text === undefined || isEdited(text)) return false
    return !isGivenUp(printed) && !isStale(printed, text)
  }

  function isOurs(service: Service): boolean {
    const text = readIfAllowed(files, definitionPaths(scope, service).plist)
    return text === undefined ? where.recordedSettings(service) !== undefined : isOwn(text)
  }

  function stopLimitMs(service: Service): number {
    const settings = where.recordedSettings(service)
    return (settings ? stopTimeoutSec(settings) : 60) * 1000 + STOP_MARGIN_MS
  }
}

/** launchd does not start it by being asked to: it holds it back, or goes by the signature of a program that has changed since. */
function isGivenUp({properties, exitReason}: PrintedJob): boolean {
  return properties.includes('penalty box') || properties.includes('needs LWCR update') || exitReason === 'OS_REASON_CODESIGNING'
}

function neverDone({name}: Service): ServiceError {
  return new ServiceError(`launchd could not start ${name}: it is still ending the former run`, {
    code: 'command-failed',
    exitStatus: ExitStatus.failed,
    next: ['hermes-svc start   # once launchd has ended it'],
  })
}
