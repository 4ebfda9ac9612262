import type {ProcessInfo} from '../../gateway/process-info.js'
import {hasEnded, readProcesses} from '../../gateway/process.js'
import {endSteps} from '../../lifecycle/ladder.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import type {Scene} from '../scene.js'
import {isOnItsWay} from '../situation.js'

interface Evidence {
  readonly left: readonly ProcessInfo[]
}

const SHOWN = 10

/**
 * Whoever is in the service's control group without a gateway, or from before it. What left the group (another session's, a container's)
 * cannot be told from what was started elsewhere, and is nobody's leftover. What a living gateway has started is its own.
 */
export const definition: CheckDefinition<Evidence> = {
  id: 'leftover-processes',
  title: 'processes that an earlier gateway left behind in the service',
  why: 'They keep ports, files and browser profiles that the next gateway needs, and every stop of the service waits for them.',
  seeByHand: {
    systemd: [
      ['systemctl --user status hermes-gateway', 'the processes of the service; the main pid is the gateway'],
      ['ps -eo pid,ppid,lstart,args', 'when each of them started: before the gateway'],
    ],
    launchd: [['ps -axo pid,ppid,pgid,lstart,command', 'processes of the group that are older than the gateway']],
  },
  whatTheFixDoes:
    'The fix checks that these are still the same processes, asks them to end (SIGTERM), and kills those that do not (SIGKILL).',
  ifItComesBack:
    'A tool or a browser that the agent starts does not end with the gateway. The command line in the evidence shows which one: end it from the tool that starts it.',
  needsService: true,
  needsManager: true,
  look: (scene) => ({left: leftIn(scene)}),
  diagnose: (scene, {left}) => {
    if (left.length === 0) return []
    const {mainPid} = scene.seen.manager
    const are = left.length === 1 ? 'process of an earlier gateway still runs' : 'processes of an earlier gateway still run'
    return [
      {
        kind: mainPid === undefined ? 'down' : 'former',
        severity: 'warning',
        what: `${left.length} ${are} ${mainPid === undefined ? 'while the service is down' : 'beside the gateway that runs now'}`,
        evidence: [
          ...left.slice(0, SHOWN).map(({pid, argv, uid}) => `pid ${pid} (uid ${uid ?? '?'}): ${argv.join(' ').slice(0, 200)}`),
          ...(left.length > SHOWN ? [`and ${left.length - SHOWN} more`] : []),
        ],
      },
    ]
  },
  fix: {
    // They may be at work for somebody.
    isSafe: false,
    interrupts: false,
    plan: ({target}, {left}) => ({
      title: `end the processes of earlier gateways of ${target.service.name}`,
      steps: left.flatMap((process) => endSteps(target, process)),
      outcome: `no process of an earlier gateway is left in ${target.service.name}`,
    }),
  },
}

function leftIn(scene: Scene): ProcessInfo[] {
  const {target, seen, processes} = scene
  const {manager, verdict} = seen
  if (isOnItsWay(scene)) return []
  const main = manager.mainPid === undefined ? undefined : processes.entries.get(manager.mainPid)
  // Whether anything is left is only known of a service that is down, or whose main process is seen.
  if (manager.activity === 'running' ? !main : verdict.state !== 'dead') return []
  const pids = target.manager.observer.processesOf?.(manager) ?? []
  const left = pids.filter((pid) => {
    const entry = processes.entries.get(pid)
    return entry !== undefined && pid !== main?.pid && !hasEnded(entry) && (main === undefined || entry.startTime < main.startTime)
  })
  return readProcesses(target.host, left)
}

export const check = defineCheck(definition)
