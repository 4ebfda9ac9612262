import type {ProcessInfo} from '../../gateway/process-info.js'
import path from 'node:path'
import {HomeFile, STANDARD_ROOT} from '../../gateway/contract.js'
import {readDrain, stopTimeoutSec} from '../../gateway/drain.js'
import {innermostPid} from '../../gateway/pid-namespace.js'
import {profileOfCommandLine} from '../../gateway/process.js'
import {ancestorsIn} from '../../gateway/process-table.js'
import {identify} from '../../gateway/observation.js'
import {HostError} from '../../host/host.js'
import {gatewayOf, KILL_MS, ladder} from '../../lifecycle/ladder.js'
import {isOfService} from '../../observe/membership.js'
import {supervisorOf} from '../../observe/supervisor.js'
import {waitUntilUp} from '../../lifecycle/wait.js'
import type {Plan} from '../../plan/plan.js'
import type {Supervisor} from '../../managers/manager.js'
import {type CheckDefinition, commandLine, defineCheck, type FixOptions} from '../check.js'
import type {Found} from '../finding.js'
import {oncePerLook} from '../once-per-look.js'
import type {Scene} from '../scene.js'
import {processAgeMs, SETTLED_MS} from '../situation.js'
import {inWords} from '../../text/layout.js'
import type {CheckId} from './index.js'
import {recordedState} from '../../service/desired-state.js'

/** A gateway of the home outside its service. */
interface Orphan {
  readonly process: ProcessInfo
  readonly ageMs: number | undefined
  /** The service beside its own that would start it again. */
  readonly supervisor: Supervisor | undefined
}

const START_MS = 90_000
/** In place of the home of a gateway that has no HERMES_HOME. */
const UNKNOWN_HOME = ''

export const definition: CheckDefinition<readonly Orphan[]> = {
  id: 'orphan-gateway',
  title: 'a gateway of this home that runs outside its service',
  why: 'Nothing restarts it when it ends, and the service cannot start while it runs. Two gateways in one home can damage its database.',
  seeByHand: {
    systemd: [
      ['ps -eo pid,ppid,user,args | grep "[g]ateway run"', 'all gateways of this machine'],
      ['systemctl --user show hermes-gateway -p MainPID', 'the gateway of the service'],
      ['cat /proc/4711/cgroup', 'which unit runs process 4711 (put a pid from the list here)'],
    ],
    launchd: [
      ['ps -axo pid,ppid,user,args | grep "[g]ateway run"', 'all gateways of this machine'],
      ['launchctl print gui/$(id -u)/ai.hermes.gateway', '"pid": the launcher of the service, which starts its gateway'],
    ],
    s6: [
      ['ps -eo pid,ppid,user,args | grep "[g]ateway run"', 'all gateways of this container'],
      ['s6-svstat /run/service/gateway-default', 'the pid of the service'],
    ],
  },
  whatTheFixDoes:
    'The fix asks the gateway outside the service to finish its work and end, and kills it if it does not. Then the fix starts the service if the service should be running. It never ends the gateway of the service itself.',
  ifItComesBack:
    'Something starts a gateway outside the service: a shell, tmux, a cron job or a second service manager. The finding names the parent process and the control group of that gateway.',
  needsService: false,
  needsManager: true,
  look: (scene) => orphansOf(scene),
  diagnose: (scene, orphans) => orphans.map((orphan) => about(scene, orphan)),
  fix: {
    // It ends a gateway that works.
    isSafe: false,
    interrupts: true,
    plan: planEnd,
  },
}

/**
 * The one that the home's files name, and further ones that the process table shows. A launcher (sudo, timeout) has the command line of
 * what it launched, and a forked helper that of its gateway: neither is a gateway of its own. One in another PID namespace has another
 * home, whatever its path is, and a command that restarts the gateway looks like one.
 */
function orphansOf(scene: Scene): Orphan[] {
  const {seen} = scene
  const {verdict, gateway, supervised} = seen
  const named = verdict.pid === undefined || supervised !== false ? undefined : gateway.processes.get(verdict.pid)
  const byHome = gatewaysByHome(scene, 'all')
  const all = [gateway.home, UNKNOWN_HOME].flatMap((home) => byHome.get(home) ?? []).filter((process) => servesThis(scene, process))
  const others = all.filter((process) => {
    if (process.pid === verdict.pid || isInService(scene, process) || isRestartCommand(process) || isElsewhere(scene, process)) return false
    const isLauncher = all.some((child) => child.parentPid === process.pid && !isSameCommand(child, process))
    return !isLauncher && !all.some((parent) => parent.pid === process.parentPid && isSameCommand(parent, process))
  })
  return [...(named ? [named] : []), ...others]
    .map((process) => ({process, ageMs: processAgeMs(scene, process)}))
    .filter(({ageMs}) => ageMs === undefined || ageMs >= SETTLED_MS)
    .map((orphan) => ({...orphan, supervisor: otherSupervisor(scene, orphan.process)}))
}

/** By the homes that each may have, so that a thousand services need not look at a thousand gateways each. */
const gatewaysByHome = oncePerLook(({processes}): Map<string, ProcessInfo[]> => {
  const byHome = new Map<string, ProcessInfo[]>()
  for (const process of processes.gateways) {
    const {home = UNKNOWN_HOME, argv} = process
    const flag = profileOfCommandLine(argv)
    const homes = flag === undefined || home === UNKNOWN_HOME ? [home] : [home, path.join(home, HomeFile.profiles, flag)]
    for (const key of homes) byHome.set(key, [...(byHome.get(key) ?? []), process])
  }
  return byHome
})

function servesThis({target, seen}: Scene, process: ProcessInfo): boolean {
  const {account, profile} = target.service
  const record = {pid: process.pid, startTime: process.startTime, home: undefined, argv: []}
  if (identify(record, process, seen.gateway.home) !== 'gateway') return false
  // Without HERMES_HOME a gateway's home is that of the account that it runs as.
  return (
    process.home !== undefined ||
    (!process.isHomeHidden && process.uid === account.uid && profile.root === `${account.home}/${STANDARD_ROOT}`)
  )
}

function isInService({seen: {manager}, processes}: Scene, process: ProcessInfo): boolean {
  return isOfService(manager, process, () => ancestorsIn(processes, process.pid)) ?? false
}

function isRestartCommand({argv}: ProcessInfo): boolean {
  return argv.slice(argv.indexOf('gateway') + 1).find((word) => !word.startsWith('-')) === 'restart'
}

function isElsewhere({target}: Scene, {pid}: ProcessInfo): boolean {
  try {
    return innermostPid(target.host, pid) !== pid
  } catch (error) {
    // It has ended meanwhile.
    if (error instanceof HostError) return true
    throw error
  }
}

function isSameCommand(a: ProcessInfo, b: ProcessInfo): boolean {
  return a.argv.join('\0') === b.argv.join('\0')
}

/** The service has a gateway of its own, whichever of them the home's files name. */
function hasOwn({seen: {manager, gateway}}: Scene): boolean {
  const process = manager.mainPid === undefined ? undefined : gateway.processes.get(manager.mainPid)
  if (!process) return false
  return identify({pid: process.pid, startTime: process.startTime, home: undefined, argv: []}, process, gateway.home) === 'gateway'
}

/** Whoever would start it again; the service's own definition is not meant, nor what a shell of a login runs. */
function otherSupervisor({target}: Scene, process: ProcessInfo): Supervisor | undefined {
  const {manager, service} = target
  const found = supervisorOf(target, process)
  return found?.name === service.name && found.scope === manager.scope && found.of === undefined ? undefined : found
}

function nameOf({name, of}: Supervisor): string {
  return of === undefined ? name : `${name} of user ${of}`
}

function about(scene: Scene, {process, ageMs, supervisor}: Orphan): Found {
  const {manager} = scene.seen
  const {pid, uid, argv, cgroup, parentPid} = process
  const isSecond = hasOwn(scene)
  // In a container all processes are in the root of what it can see.
  const group = cgroup === undefined || cgroup === '/' ? '' : `, control group ${cgroup}`
  const explains: readonly CheckId[] = [
    'desired-state',
    'crash-loop',
    'stale-state',
    'missing-heartbeat',
    'platforms',
    'not-enabled',
    'not-loaded',
    'leftover-processes',
    'not-installed',
  ]
  const evidence = [
    `pid ${pid}: ${argv.join(' ')}`,
    `uid ${uid ?? '?'}, parent ${parentPid}${group}${ageMs === undefined ? '' : `, running for ${inWords(ageMs)}`}`,
    `the service is ${manager.installed === 'no' ? 'not installed' : manager.activity}`,
  ]
  if (supervisor) {
    return {
      kind: 'other-service',
      severity: 'error',
      what: `another service, ${nameOf(supervisor)}, runs a gateway of this home (pid ${pid})`,
      evidence,
      cure: [supervisor.disable],
      isFixable: false,
      explains,
    }
  }
  const what = isSecond
    ? `a second gateway of this home (pid ${pid}) runs outside the service`
    : `the gateway of this home (pid ${pid}) runs outside ${manager.installed === 'no' ? 'any' : 'its'} service`
  const cure = [commandLine(scene, 'fix orphan-gateway'), ...(manager.installed === 'no' ? [commandLine(scene, 'install')] : [])]
  return {kind: isSecond ? 'second' : 'alone', severity: manager.installed === 'no' ? 'warning' : 'error', what, evidence, cure, explains}
}

async function planEnd(scene: Scene, orphans: readonly Orphan[], _found: readonly Found[], {timeoutMs}: FixOptions): Promise<Plan> {
  const {target, seen} = scene
  const {manager, service} = target
  const drain = await readDrain(target.userHost, service.profile.home)
  // Asked by SIGUSR1 a gateway without a supervisor starts itself again; SIGTERM has it finish its work, and end.
  const terminateMs = Math.min(stopTimeoutSec(drain) * 1000, timeoutMs ?? Infinity)
  const times = {drainMs: 0, answerMs: 0, terminateMs, killMs: KILL_MS}
  const end = orphans
    .filter(({supervisor}) => supervisor === undefined)
    .flatMap(({process}) => {
      const {pid} = process
      const verdict = seen.verdict.pid === pid ? seen.verdict : {...seen.verdict, state: 'alive' as const, pid}
      return ladder(target, gatewayOf(process), {verdict, times, force: true})
    })
  const isWanted = recordedState(seen.desired) === 'running' && seen.manager.installed !== 'no'
  // The service's own gateway is never the one that is ended.
  const start = isWanted && !hasOwn(scene)
  return {
    title: `end every gateway of this home that runs outside ${service.name}`,
    // Whatever the service waits for, a start that was called off included, began with the orphan.
    steps: [...end, ...(start ? manager.control.restart(service) : [])],
    ...(start
      ? {
          verify: async (progress) => {
            await waitUntilUp(target, {previousPid: undefined, timeoutMs: timeoutMs ?? START_MS, progress})
          },
        }
      : {}),
    lasts: true,
    outcome: `no gateway of this home runs outside ${service.name}${start ? ', and the service is running' : ''}`,
  }
}

export const check = defineCheck(definition)
