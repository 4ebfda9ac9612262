import path from 'node:path'
import {GatewayExit} from '../../gateway/contract.js'
import {readProcess} from '../../gateway/process.js'
import {accountDoor} from '../../host/account-door.js'
import {HostError} from '../../host/host.js'
import type {Service} from '../../service/service.js'
import {parseSettings} from '../../service/settings.js'
import {type Activity, exitedWith, type ManagerObservation, type Observer} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {slotVariables} from './evidence.js'
import {controlAccount, doorTo, type S6} from './ownership.js'
import {slotPaths} from './paths.js'
import {s6Tool} from './programs.js'
import {ownSettings} from './recorded.js'
import {isOwn, readInHome} from './render.js'
import {cannotTell, lookAt, type SlotReading} from './svstat.js'

/** Start times in the memory of the helpers are ticks of 10 ms since boot (proc_pid_stat(5), USER_HZ). */
const TICK_MS = 10

/** See Observer. */
export function observer(s6: S6): Observer {
  const {host, scan} = s6
  return {
    recorded: () => orNoAccess(() => ownSettings(s6)),
    observe: (services) => {
      if (services.length === 0) return []
      if (!s6Tool(host, 's6-svstat')) throw cannotTell('s6-svstat is missing, so hermes-svc cannot ask s6')
      const slotOf = (service: Service) => slotPaths(scan, service).slot
      const asked = services.map((service) => ({service, as: controlAccount(host, slotOf(service), service.account)}))
      const readings = new Map<Service, SlotReading>()
      for (const uid of new Set(asked.map(({as}) => as?.uid))) {
        const some = asked.filter(({as}) => as?.uid === uid)
        const said = lookAt(
          s6,
          some.map(({service}) => slotOf(service)),
          some[0]?.as,
        )
        for (const [index, {service}] of some.entries()) readings.set(service, said[index] ?? 'none')
      }
      return services.map((service) => observation(s6, service, readings.get(service) ?? 'none'))
    },
    isOnDisk: (service) => orNoAccess(() => doorTo(s6, service).lstat(slotPaths(scan, service).run) !== undefined),
    notInstalled: (service) => observation(s6, service, 'none'),
  }
}

function observation(s6: S6, service: Service, reading: SlotReading): ManagerObservation {
  const {host, scan} = s6
  const paths = slotPaths(scan, service)
  const door = doorTo(s6, service)
  if (reading === 'hidden') {
    const why = `only its owner and root can read ${paths.slot}/supervise`
    throw cannotTell(why, 'no-access', ['run the same command as its owner or as root'])
  }
  const isThere = (file: string) => orNoAccess(() => door.lstat(file) !== undefined)
  const run = orNoAccess(() => door.readText(paths.run))
  const own = run !== undefined && isOwn(run)
  const recorded = orNoAccess(() => parseSettings(own ? door.readText(paths.slotSettings) : readInHome(host, service, paths.settings)))
  // Who changes the file in the home must not gain anybody else's rights by it.
  const settings = recorded && ({...recorded, scope: 'system', home: service.profile.home, account: service.account.name} as const)
  const state = reading === 'none' ? undefined : reading
  const started = number(s6, service, 'started')
  const bootReason = own ? orNoAccess(() => door.readText(paths.bootReason))?.trim() : undefined
  return {
    service,
    installed: run === undefined ? 'no' : own ? 'own' : 'foreign',
    broken: undefined,
    enabled: run === undefined ? undefined : !isThere(paths.down),
    activity: activity(s6, service, reading, own),
    mainPid: state?.pid,
    startedAtMs: state?.pid === undefined || !started ? undefined : started * TICK_MS,
    changedAtMs: state && host.monotonicMs() - state.forSec * 1000,
    environment: own ? slotVariables(door, paths) : [],
    restarts: state?.deaths ?? 0,
    lastExit: state?.up ? undefined : state?.lastExit,
    failuresInARow: number(s6, service, 'failures') ?? 0,
    controlGroup: undefined,
    home: own ? recorded?.home : undefined,
    accountName: own ? recorded?.account : undefined,
    definitionPaths: run === undefined ? [] : [paths.run],
    needsReload: run !== undefined && reading === 'none',
    settings,
    directives: {},
    ...(bootReason ? {bootReason} : {}),
    ...(own && isThere(paths.bootContested) ? {isContested: true} : {}),
    ...(own && isThere(paths.bootFinding) ? {isKeptDown: true} : {}),
    // The first start in a container makes it.
    hasRun: state?.pid !== undefined || orNoAccess(() => host.lstat(paths.memory) !== undefined),
  }
}

function activity(s6: S6, service: Service, reading: SlotReading, own: boolean): Activity {
  if (reading === 'none' || reading === 'hidden') return 'stopped'
  if (reading.up) {
    if (!reading.wantedUp) return 'stopping'
    // Up is also the script that waits, or that is about to become the gateway: then no start is noted yet.
    if (!own || number(s6, service, 'started') !== undefined || isOfFormerScript(s6, service, reading.pid)) return 'running'
    return (number(s6, service, 'failures') ?? 0) > 0 ? 'waiting' : 'starting'
  }
  // Its finish script runs, or s6's own second before the next start.
  if (reading.wantedUp) return 'waiting'
  const isFatal = exitedWith(reading.lastExit, GatewayExit.fatalConfiguration)
  const hasFailed = own ? memory(s6, service, 'failed') !== undefined : isFatal
  return hasFailed ? 'failed' : 'stopped'
}

/** What another tool's run script had started goes on under the slot that we made of it. */
function isOfFormerScript({host, scan}: S6, service: Service, pid: number | undefined): boolean {
  const process = pid === undefined ? undefined : readProcess(host, pid)
  // s6-supervise starts ./run.
  return process !== undefined && !process.argv.some((word) => word === './run' || word === `${slotPaths(scan, service).helpers}/start.sh`)
}

/** A number that the helpers remember; undefined if there is none. */
function number(s6: S6, service: Service, name: string): number | undefined {
  const text = memory(s6, service, name)?.trim()
  return text && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** The memory is its user's, who may put there what they like. */
function memory({host, scan}: S6, service: Service, name: string): string | undefined {
  try {
    return accountDoor(host, service.account).readText(path.join(slotPaths(scan, service).memory, name))
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}
