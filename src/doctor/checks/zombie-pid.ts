import {DEFAULT_WEDGE_WINDOW_MS} from '../../observe/ask-loop.js'
import type {ProcessInfo} from '../../gateway/process-info.js'
import {HomeFile} from '../../gateway/contract.js'
import {innermostPid} from '../../gateway/pid-namespace.js'
import {childrenOf} from '../../gateway/process-table.js'
import {programName, readProcess} from '../../gateway/process.js'
import {identify, recordOf, stateOf} from '../../gateway/observation.js'
import type {Host} from '../../host/host.js'
import {planRestart} from '../../lifecycle/restart.js'
import {planStart} from '../../lifecycle/start.js'
import type {Plan, Step} from '../../plan/plan.js'
import {type CheckDefinition, commandLine, defineCheck, type FixOptions} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'
import {releaseSteps, staleRecords} from '../../lifecycle/stale-record.js'
import type {CheckId} from './index.js'
import {recordedState} from '../../service/desired-state.js'

/** A process that has ended, and the one that should have reaped it. */
interface Zombie {
  readonly pid: number
  readonly startTime: number
  readonly parent: ProcessInfo | undefined
  /** What the parent calls itself. */
  readonly parentName: string | undefined
}

interface Evidence {
  /** That gateway.pid or gateway_state.json names. */
  readonly recorded: Zombie | undefined
  /** The service's main process. */
  readonly supervised: Zombie | undefined
  /** How many children of the living gateway have ended, and wait. */
  readonly unreaped: number
  /** The living gateway is the first process of its PID namespace, a container's. */
  readonly isInit: boolean
}

/** A gateway that reaps its children late always has a few. */
const MANY_CHILDREN = 10
/** A process that has just ended is a zombie until its parent has looked. */
const REAP_MS = 100
const START_MS = 90_000

/**
 * Zombie children are not cured by us: nobody but their parent can reap them, a gateway that does not is only rid of them by its own end,
 * and they cost nothing but entries of the process table, so no gateway is restarted for them unasked.
 */
export const definition: CheckDefinition<Evidence> = {
  id: 'zombie-pid',
  title: 'a gateway that has ended but is still there as a zombie, or that leaves zombies behind',
  why: 'Programs that only test whether a pid exists mistake a zombie for a running gateway, and then no new gateway can start.',
  seeByHand: [
    ["ps -axo pid,ppid,stat,args | grep ' [Z]'", 'all zombies; PPID is the parent, which should reap the zombie'],
    [`cat ~/.hermes/${HomeFile.pid}`, 'the pid that a new gateway finds in use'],
  ],
  whatTheFixDoes: `The fix asks the parent to reap the zombie, removes the zombie from ${HomeFile.pid} and ${HomeFile.state}, and starts the gateway if it should be running. If a running gateway does not reap its child processes, only "hermes-svc restart" removes them.`,
  ifItComesBack:
    'The parent does not reap its child processes. In a container, start it with an init process ("docker run --init"). Elsewhere, restart or repair the program that the finding names as the parent.',
  needsService: false,
  needsManager: true,
  look: async (scene) => {
    const {seen, target, processes} = scene
    const {verdict, gateway, manager} = seen
    // Every gateway leaves its pid in the state file: a file that says stopped claims no process.
    const claimed = staleRecords(gateway).state === undefined ? undefined : stateOf(gateway.state)?.process
    const records = [recordOf(gateway.pidRecord), claimed].filter((record) => record !== undefined)
    const named = records.find((record) => identify(record, gateway.processes.get(record.pid), gateway.home) === 'zombie')
    const main = manager.mainPid === undefined ? undefined : gateway.processes.get(manager.mainPid)
    const [recordedPid, mainPid] = [verdict.state === 'dead' ? named?.pid : undefined, main?.state === 'Z' ? main.pid : undefined]
    if (recordedPid !== undefined || mainPid !== undefined) await target.host.sleep(REAP_MS)
    const supervised = mainPid === undefined ? undefined : lookAtZombie(target.host, mainPid)
    const recorded = recordedPid === undefined || supervised?.pid === recordedPid ? undefined : lookAtZombie(target.host, recordedPid)
    const unreaped = verdict.pid === undefined ? 0 : childrenOf(processes, verdict.pid).filter(({state}) => state === 'Z').length
    const isInit = unreaped >= MANY_CHILDREN && verdict.pid !== undefined && innermostPid(target.host, verdict.pid) === 1
    return {recorded, supervised, unreaped, isInit}
  },
  diagnose: (scene, {recorded, supervised, unreaped, isInit}) => {
    const {seen} = scene
    const shouldRun = recordedState(seen.desired) === 'running'
    const severity = shouldRun ? 'error' : 'warning'
    const explains: readonly CheckId[] = ['stale-state', 'desired-state', 'crash-loop', 'leftover-processes', 'not-enabled']
    if (supervised) {
      const what = `the main process of the service (pid ${supervised.pid}) is a zombie: it has ended, but its parent has not reaped it`
      return [{kind: 'supervised', severity, what, evidence: describe(supervised), explains}]
    }
    if (recorded) {
      const file = recordOf(seen.gateway.pidRecord)?.pid === recorded.pid ? HomeFile.pid : HomeFile.state
      const what = `${file} names a zombie: pid ${recorded.pid} has ended, but its parent has not reaped it`
      return [{kind: 'recorded', severity, what, evidence: describe(recorded), explains}]
    }
    return unreaped < MANY_CHILDREN ? [] : [aboutChildren(scene, unreaped, isInit)]
  },
  fix: {
    isSafe: true,
    interrupts: true,
    plan: async (scene, {recorded, supervised}, _found, options) => {
      const zombie = supervised ?? recorded
      if (!zombie) throw new Error('there is no zombie any more')
      const next = await whatFollows(scene, supervised !== undefined, options)
      return {
        title: `recover ${scene.target.service.name} from a zombie process`,
        steps: [...nudge(scene, zombie), ...releaseSteps(scene), ...next.steps],
        ...(next.verify ? {verify: next.verify} : {}),
        lasts: true,
        outcome: `no file names the zombie (pid ${zombie.pid}) any more; the zombie disappears at the latest when its parent${parentOf(zombie)} ends`,
      }
    },
  },
}

function lookAtZombie(host: Host, pid: number): Zombie | undefined {
  const process = readProcess(host, pid)
  if (process?.state !== 'Z') return undefined
  const parent = readProcess(host, process.parentPid)
  return {pid, startTime: process.startTime, parent, parentName: programName(host, process.parentPid)}
}

function parentOf({parent, parentName}: Zombie): string {
  return parent ? ` (${parentName ?? 'a program'}, pid ${parent.pid})` : ''
}

function describe(zombie: Zombie): string[] {
  const {parent, pid} = zombie
  if (!parent) return [`pid ${pid} is a zombie; hermes-svc cannot see its parent process from here`]
  return [`pid ${pid} is a zombie; its parent, pid ${parent.pid} (${JSON.stringify(zombie.parentName ?? '?')}), has not reaped it`]
}

function aboutChildren(scene: Scene, count: number, isInit: boolean): Found {
  const {pid} = scene.seen.verdict
  return {
    kind: 'children',
    severity: 'warning',
    what: `${count} child processes of the gateway (pid ${pid}) are zombies, and the gateway does not reap them`,
    why: 'Each zombie takes up an entry of the process table, and an account or a container has only so many of them.',
    evidence: [
      `pid ${pid} has ${count} zombies as children; they disappear when the gateway reaps them or ends`,
      ...(isInit ? ['the gateway is the first process of its container, so it also inherits the orphans of all other processes'] : []),
    ],
    cure: [
      commandLine(scene, 'restart'),
      ...(isInit ? ['docker run --init …   # adds an init process that reaps zombies; in a pod: shareProcessNamespace: true'] : []),
    ],
    isFixable: false,
  }
}

/** SIGCHLD asks a parent to look after its children; whoever does not listen to it ignores it (signal(7)). */
function nudge({target}: Scene, {pid, startTime, parent}: Zombie): Step[] {
  // Nobody else's process is signalled, and a first process reaps or is beyond asking.
  if (!parent || parent.pid === 1 || parent.uid !== target.service.account.uid) return []
  const isSame = () => {
    const zombie = readProcess(target.host, pid)
    return zombie?.state === 'Z' && zombie.startTime === startTime && zombie.parentPid === parent.pid
  }
  return [
    {
      kind: 'signal',
      why: `ask its parent (pid ${parent.pid}) to reap pid ${pid} (SIGCHLD)`,
      as: target.service.account,
      signal: 'SIGCHLD',
      process: parent,
      waitMs: 0,
      onlyIf: {when: 'that is still its parent', holds: isSame},
    },
  ]
}

/** What gets the gateway to run again, if it should. */
async function whatFollows({target, seen}: Scene, isSupervised: boolean, {timeoutMs}: FixOptions): Promise<Pick<Plan, 'steps' | 'verify'>> {
  if (seen.desired.kind !== 'recorded' || seen.desired.record.desiredState !== 'running' || seen.manager.installed === 'no') {
    return {steps: []}
  }
  if (!isSupervised) return planStart(target, {timeoutMs: timeoutMs ?? START_MS})
  return planRestart(target, {force: true, timeoutMs, wedgeWindowMs: DEFAULT_WEDGE_WINDOW_MS, times: {}})
}

export const check = defineCheck(definition)
