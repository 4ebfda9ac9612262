import {readLastEnd} from '../../history/last-end.js'
import type {MemoryLimit, MemoryUse} from '../../managers/manager.js'
import type {LastEnd} from '../../observe/report.js'
import {type CheckDefinition, commandLine, defineCheck} from '../check.js'
import type {Found} from '../finding.js'
import type {Scene} from '../scene.js'
import type {CheckId} from './index.js'

interface Evidence {
  readonly use: MemoryUse | undefined
  readonly lastEnd: LastEnd | undefined
  /** Of the machine, in bytes; undefined where nothing tells. */
  readonly machine: {readonly totalBytes: number; readonly swapBytes: number} | undefined
  readonly nowMs: number
}

/** Of a limit: what is beyond it is about to be slowed down, or killed. */
const NEAR = 0.9
/** Of the machine, where there is no swap to make room with. */
const MOST_OF_MACHINE = 0.8
/** For so long a gateway that was killed, and runs again, is told of. */
const RECENT_MS = 24 * 3_600_000
const MB = 1024 ** 2

/** What is a consequence of a gateway that is killed again and again. */
const FOLLOWS: readonly CheckId[] = ['crash-loop', 'stale-state', 'desired-state', 'missing-heartbeat', 'platforms', 'leftover-processes']

/** The kernel takes the gateway's processes away, or is about to. */
export const definition: CheckDefinition<Evidence> = {
  id: 'memory',
  title: 'a gateway that runs out of memory, or comes close to it',
  why: 'The kernel kills a process without warning. The current work of the gateway is lost, and its database can be damaged.',
  seeByHand: {
    systemd: [
      ['systemctl --user show hermes-gateway -p MemoryCurrent,MemoryHigh,MemoryMax', 'what the service uses, and its limits'],
      ['sudo journalctl -k --grep "oom-kill|Out of memory"', 'which processes the kernel killed, and when'],
      ['free -m', 'how much memory and swap the machine has, in MB'],
    ],
    s6: [
      ['cat /sys/fs/cgroup/memory.current /sys/fs/cgroup/memory.max', 'what the container uses, and its limit, in bytes'],
      ['grep oom_kill /sys/fs/cgroup/memory.events', 'how many processes the kernel has killed in the container'],
    ],
  },
  whatTheFixDoes:
    'Find out which process uses the memory. Then raise the limit ("hermes-svc config set memory-max=2G"), or give the machine or the container more memory.',
  ifItComesBack:
    'Something that the gateway runs needs more memory than there is, for example a browser or a large download. "hermes-svc history" shows when the kernel killed a process, and "hermes-svc logs" shows what the gateway did at that time.',
  needsService: true,
  needsManager: true,
  look: ({target: {host, manager, userHost, service}, seen}) => ({
    use: manager.observer.memoryOf?.(seen.manager),
    lastEnd: readLastEnd(userHost, service.profile.home),
    machine: machineOf(host.readText('/proc/meminfo')),
    nowMs: host.nowMs(),
  }),
  diagnose: (scene, evidence) => {
    const {service} = scene.seen.manager
    const {use} = evidence
    const [limit] = [...(use?.limits ?? [])].sort((one, other) => one.bytes - one.usedBytes - (other.bytes - other.usedBytes))
    const facts = [
      ...(use ? [`the processes of the service use ${megabytes(use.usedBytes)}`] : []),
      ...(limit ? [`the limit is ${inWords(limit)}`] : evidence.machine ? [`the machine has ${machineInWords(evidence.machine)}`] : []),
    ]
    const found = (kind: string, severity: Found['severity'], what: string, more: readonly string[] = []): Found[] => [
      {kind, severity, what, evidence: [...more, ...facts], cure: cures(scene, limit)},
    ]
    const kills = use?.kills ?? 0
    const children = kills > 0 ? [`the kernel also killed ${processes(kills)} that the gateway had started`] : []
    if (wasKilled(scene, evidence)) {
      const [one] = found('gateway-killed', 'error', `the kernel killed the gateway of ${service.name} for lack of memory`, [
        `the gateway ended at ${evidence.lastEnd?.time}`,
        `automatic restarts: ${scene.seen.manager.restarts}`,
        ...children,
      ])
      return one ? [{...one, explains: FOLLOWS}] : []
    }
    if (kills > 0) {
      const what = `the kernel killed ${processes(kills)} of ${service.name} for lack of memory`
      return found('child-killed', 'warning', what, ['this happened since the service was started; the gateway itself still runs'])
    }
    if (limit && limit.usedBytes > NEAR * limit.bytes) {
      const then = limit.kind === 'max' ? 'the kernel kills processes' : 'the kernel slows its processes down'
      return found('near-limit', 'warning', `${service.name} is within 10 % of a memory limit; above the limit, ${then}`)
    }
    const {totalBytes, swapBytes} = evidence.machine ?? {totalBytes: 0, swapBytes: 0}
    if (use && totalBytes > 0 && swapBytes === 0 && use.usedBytes > MOST_OF_MACHINE * totalBytes) {
      return found('near-all', 'warning', `${service.name} uses over 80 % of the machine's memory, and the machine has no swap`)
    }
    return []
  },
}

/** Its last end, and nobody has started it by hand since. */
function wasKilled({seen}: Scene, {lastEnd, nowMs}: Evidence): boolean {
  if (lastEnd?.reason !== 'oom' || nowMs - Date.parse(lastEnd.time) > RECENT_MS) return false
  const {activity, restarts} = seen.manager
  return restarts > 0 || (activity !== 'running' && activity !== 'starting' && activity !== 'stopped')
}

function cures(scene: Scene, limit: MemoryLimit | undefined): string[] {
  const look = `${commandLine(scene, 'history')}; ${commandLine(scene, 'logs')}   # what the gateway did when memory ran out`
  if (!limit)
    return [look, 'ps -eo rss,pid,args --sort=-rss | head   # which processes use the memory; if they need it, add memory or swap']
  const flag = limit.kind === 'max' ? 'memory-max' : 'memory-high'
  const {settings} = scene.seen.manager
  const isOurs = limit.isOwn && settings?.resources?.[limit.kind === 'max' ? 'memoryMax' : 'memoryHigh'] !== undefined
  if (isOurs) return [look, `${commandLine(scene, `config set ${flag}=${suggested(limit)}`)}   # or ${flag}=none, for no limit`]
  return [look, `${limit.shownBy}   # shows which file sets ${limit.setting}; raise it there`]
}

/** Half as much again. */
const suggested = ({bytes}: MemoryLimit): string => `${Math.ceil((bytes * 1.5) / MB)}M`

function inWords({setting, place, isOwn, bytes, usedBytes}: MemoryLimit): string {
  const whose = isOwn ? 'set for this service' : `set for ${place}, whose processes use ${megabytes(usedBytes)}`
  return `${megabytes(bytes)} (${setting}, ${whose})`
}

function machineInWords({totalBytes, swapBytes}: NonNullable<Evidence['machine']>): string {
  return `${megabytes(totalBytes)} and ${swapBytes > 0 ? `${megabytes(swapBytes)} of swap` : 'no swap'}`
}

const processes = (count: number): string => (count === 1 ? 'a process' : `${count} processes`)
const megabytes = (bytes: number): string => `${Math.round(bytes / MB)} MB`

/** proc_meminfo(5), which has kB. Pure. */
export function machineOf(meminfo: string | undefined): Evidence['machine'] {
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d{1,15}) kB$`, 'm').exec(meminfo ?? '')?.[1] ?? NaN) * 1024
  const [totalBytes, swapBytes] = [of('MemTotal'), of('SwapTotal')]
  return Number.isNaN(totalBytes) || Number.isNaN(swapBytes) ? undefined : {totalBytes, swapBytes}
}

export const check = defineCheck(definition)
