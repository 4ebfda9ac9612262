import {HomeFile, StateWord} from '../gateway/contract.js'
import type {ControlReading} from '../gateway/control-socket.js'
import type {HeartbeatVerdict} from '../gateway/heartbeat.js'
import type {LoopVerdict} from '../gateway/loop.js'
import {ELSEWHERE, type GatewayObservation, identify, NOT_OF_HERE, recordOf, stateOf} from '../gateway/observation.js'
import {isHeld} from '../gateway/process.js'
import type {ProcessInfo} from '../gateway/process-info.js'
import type {FileReading, ProcessRecord} from '../gateway/records.js'
import {type Brake, describeBrake} from '../gateway/respawn-brake.js'

/** What was proved of a gateway. */
export interface Proved {
  readonly state: 'alive' | 'dead' | 'wedged'
  /** The gateway's own pid, if there is a process that can be seen. */
  readonly pid: number | undefined
  readonly evidence: readonly string[]
}

/** Nothing was proved, whatever the files of the home say. */
export interface Untold extends Omit<Proved, 'state'> {
  readonly state: 'unknown'
}

/** Alive, dead, wedged or "cannot tell", with the evidence it rests on, in words. */
export type Verdict = Proved | Untold

/** What was asked of a gateway itself, and seen of its main thread. What is absent was not asked: something before it was decisive. */
export interface LoopReading {
  /** The number by which the process knows itself: another one in a PID namespace of its own. */
  readonly ownPid?: number
  /** At a first glance its main thread waited for events. */
  readonly isWaiting?: true
  readonly control?: ControlReading
  /** The process that the control socket names is seen here. */
  readonly isNamedSeen?: boolean
  /** Of the gateway's own heartbeat, where it is this process's; `isWaiting`: its main thread waits for events, whatever that says. */
  readonly beat?: HeartbeatVerdict & {readonly isWaiting?: boolean}
  readonly thread?: LoopVerdict
}

/** What a manager says of the time since it started the main process of the home's service. */
export interface MainProcess {
  readonly pid: number
  /** How long it has been there; undefined where that is not noted. */
  readonly upMs: number | undefined
  /** Another home whose lock it holds open. */
  readonly otherHome?: string | undefined
}

/** All that a verdict rests on, seen at one moment. What was not asked, or does not apply, is absent. */
export interface Snapshot {
  readonly gateway: GatewayObservation
  readonly loop?: LoopReading
  readonly main?: MainProcess
  /** The main process sleeps by the gateway's own brake, and has no lock and no record for so long. */
  readonly brake?: Brake
}

export interface Judgement {
  readonly verdict: Verdict
  /** The rule that it follows from. */
  readonly by: (typeof RULES)[number]['by']
  /** The gateway has said that it starts for longer than any start takes. */
  readonly isOverdue: boolean
}

/** A gateway has written its first record by then, however slow the machine. */
export const RECORD_WITHIN_MS = 120_000
/** A gateway that has not said by then that it runs is not going to. */
export const COMES_UP_MS = 300_000

/** A snapshot, and what several rules take from it. */
interface Facts extends Snapshot {
  /** The process that holds the lock, else the one that pid, start time, home and command line show to be the gateway. */
  readonly process?: ProcessInfo | undefined
  /** The lock is held by a process that cannot be seen. */
  readonly isHeldUnseen: boolean
  /** The evidence of how the process was found, or of why none is; behind that of the rule. */
  readonly evidence: readonly string[]
}

/** First what speaks: the control socket is asked before the heartbeat, and that before the thread is watched. */
const RULES = [
  // The process is found.
  {
    by: 'stopped-by-signal',
    state: 'wedged',
    when: ({process}) =>
      process && isHeld(process) && [`pid ${process.pid} is stopped by a signal (state ${process.state}) and cannot answer`],
  },
  {by: 'glance', state: 'alive', when: ({loop}) => loop?.isWaiting && ['its event loop waits for events']},
  {by: 'control-socket', state: 'alive', when: (facts) => answersForItself(facts) && ['its control socket answers']},
  {
    by: 'control-socket-of-another',
    state: 'unknown',
    when: ({process, loop}) =>
      process && loop?.control?.kind === 'answered' && [`the control socket answers for ${nameOf(loop.control)}, which is another gateway`],
  },
  {
    // A heartbeat may be late for other reasons than its loop's: a slow disk, a thread that has died.
    by: 'heartbeat-alone',
    state: 'unknown',
    when: ({loop}) =>
      loop?.beat?.loop === 'wedged' &&
      loop.beat.isWaiting && ['its main thread waits for events', `but ${loop.beat.evidence}`, ...silentSocket(loop)],
  },
  {by: 'heartbeat', state: 'alive', when: ({loop}) => loop?.beat?.loop === 'alive' && [loop.beat.evidence, ...silentSocket(loop)]},
  {by: 'late-heartbeat', state: 'wedged', when: ({loop}) => loop?.beat?.loop === 'wedged' && [loop.beat.evidence, ...silentSocket(loop)]},
  {by: 'event-loop', state: 'alive', when: ({loop}) => loop?.thread?.loop === 'alive' && threadLines(loop)},
  {
    // Where no loop is ever seen, lock and identity are all the proof there is, unless something that should answer does not.
    by: 'hidden-loop',
    state: 'alive',
    when: ({loop}) => loop?.thread?.loop === 'hidden' && (isBeating(loop) || silences(loop).length === 0) && threadLines(loop),
  },
  {by: 'hidden-silent-loop', state: 'unknown', when: ({loop}) => loop?.thread?.loop === 'hidden' && threadLines(loop)},
  {
    // Busy, but not proved stuck: then what says that all is well counts.
    by: 'beating-process',
    state: 'alive',
    when: ({loop}) => loop?.thread?.loop === 'unknown' && isBeating(loop) && [...silences(loop), loop.thread.evidence],
  },
  {by: 'busy-loop', state: 'unknown', when: ({loop}) => loop?.thread?.loop === 'unknown' && threadLines(loop)},
  {
    // A gateway that has not said yet that it runs loads its platforms on the loop's thread.
    by: 'young-loop',
    state: 'unknown',
    when: (facts) => {
      const [first, ...rest] = facts.loop?.thread && isYoung(facts) ? threadLines(facts.loop) : []
      return first !== undefined && [`${first}, but the gateway has not reported yet that it is running`, ...rest]
    },
  },
  {by: 'stuck-loop', state: 'wedged', when: ({loop}) => loop?.thread && threadLines(loop)},
  {by: 'process', state: 'alive', when: ({process}) => process && []},
  // No process is found, or it cannot be seen from here.
  {
    by: 'control-socket-of-another-home',
    state: 'unknown',
    when: ({gateway, loop}) =>
      loop?.control?.kind === 'answered' &&
      isAnotherHome(loop.control, gateway) && [`the control socket answers for ${nameOf(loop.control)}, which cannot be seen from here`],
  },
  {
    by: 'control-socket-alone',
    state: 'alive',
    when: ({loop}) =>
      loop?.control?.kind === 'answered' && [
        loop.isNamedSeen
          ? `pid ${loop.control.pid} answers on the control socket`
          : `a gateway whose process cannot be seen from here answers on the control socket (pid ${loop.control.pid} there)`,
      ],
  },
  {by: 'unseen-holder', state: 'unknown', when: ({isHeldUnseen}) => isHeldUnseen && []},
  {by: 'unreadable', state: 'unknown', when: ({gateway}) => isUnreadable(gateway) && []},
  {by: 'respawn-brake', state: 'dead', when: ({brake}) => brake && [describeBrake(brake)]},
  {by: 'no-record', state: 'unknown', when: ({main}) => main && withoutRecord(main)},
  {by: 'no-process', state: 'dead', when: () => []},
] as const satisfies readonly Rule[]

/** The names of all rules, in the order in which they are tried. */
export const RULE_NAMES = RULES.map(({by}) => by)

interface Rule {
  /** What it goes by. */
  readonly by: string
  readonly state: Verdict['state']
  /** The evidence if it applies; anything else if it does not. */
  readonly when: (facts: Facts) => readonly string[] | false | undefined
}

/** The verdict on a home's gateway: the first rule that applies gives it. Pure. */
export function judge(snapshot: Snapshot): Judgement {
  const facts = gather(snapshot)
  for (const {by, state, when} of RULES as readonly (Rule & {by: Judgement['by']})[]) {
    const lines = when(facts)
    if (!lines) continue
    const pid = facts.process?.pid ?? (by === 'control-socket-alone' ? namedPid(facts.loop) : undefined)
    return {by, verdict: {state, pid, evidence: [...lines, ...facts.evidence]}, isOverdue: isOverdue(facts)}
  }
  throw new Error('the last rule always applies')
}

/** True if a verdict says only that the service's process has left nothing in the home, be that normal yet or not. */
export function isRecordless({by}: Pick<Judgement, 'by'>): boolean {
  return by === 'no-process' || by === 'no-record' || by === 'respawn-brake'
}

function gather(snapshot: Snapshot): Facts {
  const {gateway} = snapshot
  const files = fileEvidence(gateway)
  if (gateway.lock.kind === 'held') {
    const {pid, unlinked} = gateway.lock
    const process = pid === 0 ? undefined : gateway.processes.get(pid)
    if (!process)
      return {...snapshot, isHeldUnseen: true, evidence: [`${HomeFile.lock} is held by ${unseenHolder(gateway, pid)}`, ...files]}
    const deleted = unlinked ? ', but the locked file has been deleted' : ''
    return found(snapshot, process, [`${HomeFile.lock} is held by pid ${pid}${deleted}`, ...disagreement(gateway, pid), ...files])
  }
  const told = [...lockEvidence(gateway), ...files]
  const process = identified(gateway)
  if (process)
    return found(snapshot, process, [`pid ${process.pid} is a gateway of this home (pid, start time and command line agree)`, ...told])
  const gone = recordsOf(gateway).map((record) => goneEvidence(record, gateway))
  const evidence = [...new Set([...gone, ...told])]
  return {
    ...snapshot,
    isHeldUnseen: false,
    evidence: evidence.length > 0 ? evidence : ['this home has no runtime files of a gateway'],
  }
}

function found(snapshot: Snapshot, process: ProcessInfo, evidence: readonly string[]): Facts {
  const facts = {...snapshot, process, isHeldUnseen: false, evidence}
  const upSec = Math.floor((snapshot.main?.upMs ?? 0) / 1000)
  return isOverdue(facts) ? {...facts, evidence: [`it has been starting for ${upSec} s, longer than any start takes`, ...evidence]} : facts
}

function isOverdue({process, gateway, main}: Facts): boolean {
  const says = stateOf(gateway.state)?.gatewayState
  return process !== undefined && !isHeld(process) && says === StateWord.starting && (main?.upMs ?? 0) >= COMES_UP_MS
}

function recordsOf({pidRecord, state}: GatewayObservation): ProcessRecord[] {
  return [recordOf(pidRecord), stateOf(state)?.process].filter((record) => record !== undefined)
}

function identified(gateway: GatewayObservation): ProcessInfo | undefined {
  const named = recordsOf(gateway).map((record) => ({record, process: gateway.processes.get(record.pid)}))
  return named.find(({record, process}) => process && identify(record, process, gateway.home) === 'gateway')?.process
}

function isUnreadable(gateway: GatewayObservation): boolean {
  const {pidRecord, state, lock, hiddenPids, elsewhere} = gateway
  // Without a lock nothing but the pid record tells of a gateway that has just started, and it may be about to be written.
  const isTorn = pidRecord.kind === 'malformed' && lock.kind === 'absent'
  const isHidden = recordsOf(gateway).some(({pid}) => hiddenPids.has(pid)) || elsewhere !== undefined
  return isTorn || isHidden || [pidRecord, state, lock].some(({kind}) => kind === 'unreadable')
}

/** A main process without any record is a gateway that is about to write one; but not for ever. */
function withoutRecord({pid, upMs = 0, otherHome}: MainProcess): readonly string[] | undefined {
  if (upMs < RECORD_WITHIN_MS) return undefined
  const up = `has been up for ${Math.floor(upMs / 1000)} s and has not written the record of a gateway in this home`
  const elsewhere = otherHome === undefined ? '' : `: it is the gateway of ${otherHome}`
  return [`pid ${pid}, the main process of the service, ${up}${elsewhere}`]
}

type Answer = Extract<ControlReading, {kind: 'answered'}>

/** In another PID namespace, a container's, a gateway knows itself by another number, and its home maybe by another path. */
function answersForItself({process, loop, gateway}: Facts): boolean {
  if (!process || loop?.control?.kind !== 'answered') return false
  const {control, ownPid} = loop
  const isInside = ownPid !== undefined && ownPid !== process.pid
  return (control.pid === process.pid || control.pid === ownPid) && (isInside || !isAnotherHome(control, gateway))
}

function isAnotherHome({home}: Answer, gateway: GatewayObservation): boolean {
  return home !== undefined && home !== gateway.home
}

function namedPid(loop: LoopReading | undefined): number | undefined {
  return loop?.isNamedSeen && loop.control?.kind === 'answered' ? loop.control.pid : undefined
}

function nameOf({pid, home}: Answer): string {
  return `pid ${pid}${home === undefined ? '' : ` of ${home}`}`
}

function silentSocket({control}: LoopReading): string[] {
  return control?.kind === 'silent' ? [`its control socket does not answer (${control.why})`] : []
}

/** What did not answer as it should. */
function silences(loop: LoopReading): string[] {
  return [...silentSocket(loop), ...(loop.beat ? [loop.beat.evidence] : [])]
}

function threadLines(loop: LoopReading): string[] {
  return [...(loop.thread ? [loop.thread.evidence] : []), ...silences(loop)]
}

/** A fresh heartbeat of another thread's proves the process, unless the control socket is silent. */
function isBeating(loop: LoopReading): boolean {
  return loop.beat?.loop === 'process' && silentSocket(loop).length === 0
}

function isYoung({process, loop, gateway}: Facts): boolean {
  const state = stateOf(gateway.state)
  const pid = state?.process?.pid
  return state?.gatewayState === StateWord.starting || pid === undefined || (pid !== process?.pid && pid !== loop?.ownPid)
}

function unseenHolder({hiddenPids}: GatewayObservation, pid: number): string {
  return hiddenPids.has(pid)
    ? `pid ${pid}, a process that this user cannot see`
    : 'a process in another PID namespace, such as a container, that is not visible from here'
}

function lockEvidence({lock, isContested, elsewhere}: GatewayObservation): string[] {
  if (lock.kind === 'unreadable') return [`hermes-svc cannot tell who holds ${HomeFile.lock} (${lock.why})`]
  if (lock.kind !== 'free') return []
  const isUntold = elsewhere !== undefined || isContested
  const there = `${HomeFile.lock} exists, but no process ${isUntold ? 'that is visible from here ' : ''}holds it`
  return isContested ? [there, `when this container booted, a gateway elsewhere held it, ${ELSEWHERE}`] : [there]
}

function goneEvidence(record: ProcessRecord, seen: GatewayObservation): string {
  if (seen.elsewhere !== undefined && record.pid === recordOf(seen.pidRecord)?.pid) {
    const where = 'in another PID namespace, such as a container, that is not visible from here'
    const verb = seen.elsewhere === NOT_OF_HERE ? 'may be' : 'is'
    return `the recorded pid ${record.pid} ${verb} a process ${where}: ${seen.elsewhere}`
  }
  if (seen.hiddenPids.has(record.pid)) return `the recorded pid ${record.pid} belongs to a process that this user cannot see`
  return `the recorded pid ${record.pid} ${IDENTITIES[identify(record, seen.processes.get(record.pid), seen.home)]}`
}

const IDENTITIES = {
  gone: 'has no process',
  zombie: 'is a zombie: it has ended, but its parent has not reaped it',
  recycled: 'belongs to another process now (its start time differs)',
  'other-home': 'is a gateway of another home',
  'other-program': 'belongs to another program now',
  gateway: 'is a gateway of this home',
} as const

function fileEvidence(seen: GatewayObservation): string[] {
  const evidence: string[] = []
  const readings: [string, FileReading<unknown>][] = [
    [HomeFile.pid, seen.pidRecord],
    [HomeFile.state, seen.state],
  ]
  for (const [name, reading] of readings) {
    if (reading.kind === 'unreadable') evidence.push(`${name} cannot be read (${reading.why})`)
    if (reading.kind === 'malformed') evidence.push(`${name} is damaged (${reading.why})`)
  }
  const state = stateOf(seen.state)
  // Anything but a plain word is quoted: it is shown on terminals.
  const said = state?.says
  if (said) evidence.push(`${HomeFile.state} says ${/^\w+$/.test(said) ? said : JSON.stringify(said)}`)
  return evidence
}

function disagreement(seen: GatewayObservation, holder: number): string[] {
  const recorded = recordOf(seen.pidRecord)?.pid
  if (recorded === undefined) return [`${HomeFile.pid} does not exist`]
  return recorded === holder ? [] : [`${HomeFile.pid} names another pid, ${recorded}`]
}
