import {DEFAULT_WEDGE_WINDOW_MS} from '../../observe/ask-loop.js'
import path from 'node:path'
import {GatewayLimit, HomeFile} from '../../gateway/contract.js'
import {ExitStatus, ServiceError} from '../../errors.js'
import {type Heartbeat, heartbeatAgeSec, heartbeatFile, readHeartbeat} from '../../gateway/heartbeat.js'
import {innermostPid} from '../../gateway/pid-namespace.js'
import {isHeld, readProcess} from '../../gateway/process.js'
import {type FileReading, stateFile} from '../../gateway/records.js'
import {tick} from '../../tick/tick.js'
import {identify, stateOf} from '../../gateway/observation.js'
import {planRestart} from '../../lifecycle/restart.js'
import type {Target} from '../../observe/where.js'
import type {LastTick} from '../../managers/manager.js'
import type {Plan, Step} from '../../plan/plan.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'
import {tickFaultsOf, tickSteps} from '../heartbeat-of.js'
import {oncePerLook} from '../once-per-look.js'
import {gatewayAgeMs} from '../situation.js'
import {inWords} from '../../text/layout.js'
import {momentMs} from '../../gateway/python-values.js'

interface Evidence {
  /** How long the gateway has been there, by a clock that does not jump. */
  readonly ageMs: number | undefined
  readonly beat: FileReading<Heartbeat>
  /** The pid by which the gateway knows itself. */
  readonly ownPid: number | undefined
  /** Asked for only where the timestamp looks old. */
  readonly lastTick: LastTick | undefined
  /** Why the manager does not run the tick that is wanted. */
  readonly tickFaults: readonly string[]
}

const STALE_MS = GatewayLimit.stateFreshSec * 1000
const BEAT_MS = GatewayLimit.heartbeatFreshSec * 1000

const lastTickOf = oncePerLook(({target: {manager, service}}) => manager.tick.last?.(service))

/**
 * `off`: the tick itself does not run. What others read as a sign of life and is none: `stale` the timestamp of the state file, `late` and `foreign` the gateway's own heartbeat
 * file; and `wedged`, where there is indeed no life. Ages are told by clocks that do not jump: a wall clock that was set makes no finding as
 * long as the tick works, and a time ahead of it never does.
 */
export const definition: CheckDefinition<Evidence> = {
  id: 'missing-heartbeat',
  title: 'a gateway that is wedged, or whose timestamp or heartbeat file is out of date',
  why: 'Monitors that read the timestamp show a working gateway as dead, and some of them restart it.',
  seeByHand: {
    systemd: [
      [
        'ps -o pid,stat,args -p $(systemctl --user show hermes-gateway -P MainPID)',
        'a STAT that begins with T: a signal has stopped the gateway',
      ],
      [`cat ~/.hermes/${HomeFile.state}`, 'the time at the end (UTC) is more than 120 s ago'],
      ['systemctl --user list-timers hermes-svc-heartbeat.timer', 'when the heartbeat last ran, and when it runs next'],
    ],
    launchd: [
      ['ps -axo pid,stat,args | grep "[g]ateway run"', 'a STAT that begins with T: a signal has stopped the gateway'],
      [`cat ~/.hermes/${HomeFile.state}`, 'the time at the end (UTC) is more than 120 s ago'],
      ['launchctl print gui/$(id -u)/ai.hermes-svc.heartbeat', 'whether the heartbeat is loaded; "runs" grows each minute'],
    ],
    s6: [
      ['ps -eo pid,stat,args | grep "[g]ateway run"', 'a STAT that begins with T: a signal has stopped the gateway'],
      [`cat ~/.hermes/${HomeFile.state}`, 'the time at the end (UTC) is more than 120 s ago'],
      ['s6-svstat /run/service/hermes-svc-heartbeat', 'whether the heartbeat is up'],
    ],
  },
  whatTheFixDoes:
    'The fix restarts a gateway that is wedged. If the gateway works, the fix starts the heartbeat or removes the heartbeat file of another gateway.',
  unsafe: 'if only the heartbeat file is late, or if a signal has stopped the gateway',
  ifItComesBack:
    'If the gateway wedges again, something blocks its event loop: "hermes-svc history" shows when, and "hermes-svc logs" shows what the gateway did before. If only the timestamp gets old, the heartbeat does not run: "hermes-svc doctor" says why.',
  needsService: true,
  isAboutHome: true,
  needsManager: true,
  look: async (scene) => {
    const {verdict, gateway, manager, supervised} = scene.seen
    const nothing: Evidence = {ageMs: undefined, beat: {kind: 'absent'}, ownPid: undefined, lastTick: undefined, tickFaults: []}
    if (verdict.pid === undefined || supervised === false) return nothing
    const {host, userHost, service} = scene.target
    const beat = readHeartbeat(userHost, gateway.home)
    const ageMs = gatewayAgeMs(scene)
    const isTicked = manager.settings?.heartbeat.enabled === true && looksStale(scene, ageMs)
    return {
      ageMs,
      beat,
      ownPid: beat.kind === 'present' && beat.value.pid !== verdict.pid ? innermostPid(host, verdict.pid) : verdict.pid,
      lastTick: isTicked ? lastTickOf(scene, `${scene.target.manager.scope} ${service.account.uid}`) : undefined,
      tickFaults: (await tickFaultsOf(scene)) ?? [],
    }
  },
  diagnose: (scene, evidence) => {
    const {verdict, supervised} = scene.seen
    if (verdict.pid === undefined || supervised === false) return []
    if (verdict.state === 'wedged') return [aboutWedged(scene)]
    return aboutTick(scene, evidence) ?? aboutBeat(scene, evidence) ?? aboutTimestamp(scene, evidence) ?? []
  },
  fix: {
    isSafe: true,
    interrupts: true,
    plan: async (scene, {beat}, found, {timeoutMs}): Promise<Plan> => {
      const {target} = scene
      const [kind] = found.map((one) => one.kind)
      if (kind === 'wedged' || kind === 'late') {
        return planRestart(target, {force: false, timeoutMs, wedgeWindowMs: DEFAULT_WEDGE_WINDOW_MS, times: {}})
      }
      if (kind === 'foreign') return planRemoval(target, beat)
      return planTick(scene)
    },
  },
}

/** What it promises nobody does: the timestamp grows old, and no watchdog watches. */
function aboutTick({seen: {manager}}: Scene, {tickFaults}: Evidence): Found[] | undefined {
  if (tickFaults.length === 0) return undefined
  const isWatched = manager.settings?.heartbeat.watchdogTicks !== null
  return [
    {
      kind: 'off',
      severity: 'warning',
      what: `the heartbeat of ${manager.service.name} does not run: ${tickFaults.join('; ')}`,
      why: `Monitors that read the timestamp will show a working gateway as dead${isWatched ? ', and the watchdog does not work' : ''}.`,
      interrupts: false,
    },
  ]
}

/** Old by the wall clock, of a gateway that has had the time. */
function looksStale({seen, nowMs}: Scene, ageMs: number | undefined): boolean {
  const updatedMs = momentMs(stateOf(seen.gateway.state)?.updatedAt)
  return (
    seen.verdict.state === 'alive' && ageMs !== undefined && ageMs > STALE_MS && updatedMs !== undefined && nowMs - updatedMs > STALE_MS
  )
}

function aboutTimestamp(scene: Scene, {ageMs, lastTick}: Evidence): Found[] | undefined {
  const {seen, nowMs, monotonicMs} = scene
  if (!looksStale(scene, ageMs)) return undefined
  const updatedMs = momentMs(stateOf(seen.gateway.state)?.updatedAt) ?? 0
  const wantsTick = seen.manager.settings?.heartbeat.enabled
  const tickAgeMs = lastTick && monotonicMs - lastTick.monotonicMs
  // As of the last tick it was fresh: what has become old since is the time of day.
  if (lastTick && tickAgeMs !== undefined && tickAgeMs <= STALE_MS && lastTick.wallMs - updatedMs <= STALE_MS) return undefined
  const ticks =
    wantsTick === undefined
      ? 'hermes-svc did not install this service, so no heartbeat refreshes the timestamp'
      : !wantsTick
        ? 'the heartbeat is off in the settings of the service (--heartbeat off)'
        : tickAgeMs === undefined
          ? 'hermes-svc knows of no heartbeat since the machine booted'
          : `the heartbeat last ran ${inWords(tickAgeMs)} ago`
  return [
    {
      kind: 'stale',
      severity: 'warning',
      what: `the gateway is alive, but its timestamp is ${inWords(nowMs - updatedMs)} old`,
      evidence: [
        ...seen.verdict.evidence.slice(0, 1),
        `monitors show a gateway as dead if ${HomeFile.state} was not updated for ${GatewayLimit.stateFreshSec} s`,
        ticks,
      ],
      interrupts: false,
      // Off is what somebody chose, and without an installation there is nothing that could tick.
      ...(wantsTick && !seen.manager.isForeground ? {} : {isFixable: false, cure: tickCure(scene)}),
    },
  ]
}

function tickCure(scene: Scene): string[] {
  if (!scene.seen.manager.isForeground) return [commandLine(scene, 'install --heartbeat on')]
  return [commandLine(scene, 'heartbeat'), 'hermes-svc run   # keeps the gateway alive and refreshes its timestamp']
}

function aboutBeat(scene: Scene, {ageMs, beat, ownPid}: Evidence): Found[] | undefined {
  if (beat.kind !== 'present' || ageMs === undefined || ageMs <= BEAT_MS) return undefined
  const {seen, nowMs, monotonicMs} = scene
  const {pid} = seen.verdict
  const {value} = beat
  if (value.pid !== pid && value.pid !== ownPid) {
    return [
      {
        kind: 'foreign',
        severity: 'warning',
        interrupts: false,
        what: `${HomeFile.heartbeat} belongs to pid ${value.pid}, but the running gateway is pid ${pid}`,
        evidence: [`pid ${pid} has been running for ${inWords(ageMs)} and has not written a heartbeat file of its own`],
      },
    ]
  }
  const beatSec = heartbeatAgeSec(value, scene.target.host, nowMs, monotonicMs)
  if (beatSec === undefined || beatSec * 1000 <= BEAT_MS) return undefined
  return [
    {
      kind: 'late',
      severity: 'warning',
      what: `the gateway is alive, but its heartbeat file is ${inWords(beatSec * 1000)} old`,
      evidence: [
        ...seen.verdict.evidence.slice(0, 2),
        `the gateway should write ${HomeFile.heartbeat} every ${GatewayLimit.heartbeatEverySec} s; the part of the gateway that does this has ended or hangs`,
      ],
      // It works: when it is restarted is for a person to say.
      isSafe: false,
    },
  ]
}

/** Nothing of ours, and no service manager, would start it again. */
function isUnkept({seen: {manager}}: Scene): boolean {
  return manager.isForeground === true && manager.installed === 'no'
}

/**
 * Its restart ends nothing that works, so it is safe to do unasked: it is proved, and proved again when the restart is planned. But what somebody has
 * stopped by a signal they may want to continue.
 */
function aboutWedged(scene: Scene): Found {
  const {verdict, gateway} = scene.seen
  const process = gateway.processes.get(verdict.pid ?? 0)
  const isStopped = process !== undefined && isHeld(process)
  return {
    kind: 'wedged',
    severity: 'error',
    what: isStopped
      ? `the gateway (pid ${verdict.pid}) is stopped by a signal and cannot answer`
      : `the gateway (pid ${verdict.pid}) is wedged: its event loop no longer responds`,
    why: 'The gateway answers nobody until it is restarted. The service manager does not notice, because the process still exists.',
    evidence: verdict.evidence,
    ...(isUnkept(scene)
      ? {isFixable: false, cure: [`kill -KILL ${verdict.pid}   # then start the gateway again, in the same way as before`]}
      : isStopped
        ? {
            cure: [
              commandLine(scene, 'fix missing-heartbeat'),
              `kill -CONT ${verdict.pid}   # instead, if it was stopped on purpose and should go on`,
            ],
          }
        : {}),
    isSafe: !isStopped,
    explains: ['desired-state', 'stale-token-lock', 'platforms', 'stale-state', 'zombie-pid', 'crash-loop'],
  }
}

/** Starts the tick if it does not run, and ticks once. */
async function planTick({target, seen}: Scene): Promise<Plan> {
  const {service} = target
  const now: Step = {
    kind: 'act',
    why: `refresh the timestamp in ${HomeFile.state} now`,
    act: async () => {
      const {result} = await tick(target, service.profile.home, service.account.uid)
      if (result.kind !== 'ticked') throw notTicked(target, result.why)
      return {changed: true, what: `the timestamp of ${stateFile(service.profile.home)}`}
    },
  }
  return {
    title: `refresh the timestamp of ${service.name}`,
    steps: [...(await tickSteps(target, seen.manager.settings)), now],
    outcome: `the timestamp of ${service.name} is fresh, and the heartbeat keeps it fresh`,
  }
}

function notTicked({service}: Target, why: string): ServiceError {
  return new ServiceError(`hermes-svc could not refresh the timestamp of ${service.name}: ${why}`, {
    code: 'not-ticked',
    exitStatus: ExitStatus.failed,
    next: [`cat ${stateFile(service.profile.home)}`],
  })
}

/** Takes away the heartbeat of a gateway that is gone; the one that runs writes its own over it, if it writes any. */
function planRemoval({host, userHost, service}: Target, beat: FileReading<Heartbeat>): Plan {
  const {home} = service.profile
  const file = heartbeatFile(home)
  return {
    title: `remove the heartbeat file of another gateway from ${home}`,
    steps: [
      {
        kind: 'remove-file',
        why: `remove ${path.relative(home, file)}, which belongs to a gateway that is gone`,
        path: file,
        forGood: true,
        as: service.account,
        onlyIf: {
          when: 'the file still belongs to that gateway',
          holds: () => {
            const now = readHeartbeat(userHost, home)
            if (now.kind !== 'present' || beat.kind !== 'present' || now.value.pid !== beat.value.pid) return false
            const {pid} = now.value
            const record = {pid, startTime: undefined, home: undefined, argv: []}
            if (identify(record, readProcess(host, pid), home) === 'gateway') throw stillThere(service.name, pid)
            return true
          },
        },
      },
    ],
    outcome: `no heartbeat file of another gateway is left in ${home}`,
  }
}

function stillThere(name: string, pid: number): ServiceError {
  return new ServiceError(`The heartbeat file of ${name} belongs to pid ${pid}, which is another gateway of the same home`, {
    code: 'orphan-gateway',
    exitStatus: ExitStatus.failed,
    next: ['hermes-svc fix orphan-gateway'],
  })
}

export const check = defineCheck(definition)
