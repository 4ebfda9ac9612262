import {describe, expect, it} from 'vitest'
import {StateWord} from '../../src/gateway/contract.js'
import type {GatewayObservation} from '../../src/gateway/observation.js'
import type {ProcessInfo} from '../../src/gateway/process-info.js'
import {
  COMES_UP_MS,
  type Judgement,
  judge,
  type LoopReading,
  RECORD_WITHIN_MS,
  RULE_NAMES,
  type Snapshot,
  type Verdict,
} from '../../src/observe/judge.js'
import {gatewayState} from '../fakes/gateway-state.js'

const HOME = '/home/user/.hermes'
const PID = 468
/** What gateway_state.json says, and of which process. */
const says = (word: StateWord, pid = PID) =>
  ({
    kind: 'present',
    value: gatewayState({says: word, process: {pid, startTime: 5000, home: undefined, argv: ['hermes', 'gateway', 'run']}}),
  }) as const
const PROCESS: ProcessInfo = {
  ...{pid: PID, parentPid: 1, state: 'S', startTime: 5000, startTicks: 5000, uid: 1000, argv: ['hermes', 'gateway', 'run'], home: HOME},
} as unknown as ProcessInfo

/** The gateway holds its lock, and says that it runs. */
const FOUND: GatewayObservation = {
  home: HOME,
  pidRecord: {kind: 'absent'},
  lockRecord: {kind: 'absent'},
  state: says(StateWord.running),
  lock: {kind: 'held', pid: PID, unlinked: false},
  processes: new Map([[PID, PROCESS]]),
  hiddenPids: new Set(),
}
/** Nothing is there. */
const NONE: GatewayObservation = {...FOUND, state: {kind: 'absent'}, lock: {kind: 'absent'}, processes: new Map()}

const found = (loop?: LoopReading, gateway: Partial<GatewayObservation> = {}): Snapshot => ({
  gateway: {...FOUND, ...gateway},
  ...(loop && {loop}),
})
const none = (rest: Omit<Snapshot, 'gateway'> = {}, gateway: Partial<GatewayObservation> = {}): Snapshot => ({
  gateway: {...NONE, ...gateway},
  ...rest,
})
const answer = (pid: number, home: string | undefined = HOME) => ({kind: 'answered', pid, startTime: 5000, home}) as const
const absent = {kind: 'absent'} as const
const silent = {kind: 'silent', why: 'no answer in time'} as const
const line = (evidence: string) => evidence
const beat = (loop: 'alive' | 'process' | 'wedged' | 'unknown', isWaiting?: boolean) => ({
  loop,
  evidence: line(`beat ${loop}`),
  ...(isWaiting !== undefined && {isWaiting}),
})
const thread = (loop: 'alive' | 'blocked' | 'spinning' | 'unknown' | 'hidden') => ({loop, evidence: line(`thread ${loop}`)})
const starting = says(StateWord.starting)

type Row = readonly [by: Judgement['by'], state: Verdict['state'], pid: number | undefined, situation: string, snapshot: Snapshot]

const TABLE: readonly Row[] = [
  ['stopped-by-signal', 'wedged', PID, 'state T', found(undefined, {processes: new Map([[PID, {...PROCESS, state: 'T'}]])})],
  [
    'stopped-by-signal',
    'wedged',
    PID,
    'state t, though its socket answers',
    found({control: answer(PID)}, {processes: new Map([[PID, {...PROCESS, state: 't'}]])}),
  ],
  ['glance', 'alive', PID, 'in epoll at the first look', found({isWaiting: true})],
  ['control-socket', 'alive', PID, 'its socket answers', found({ownPid: PID, control: answer(PID)})],
  [
    'control-socket',
    'alive',
    PID,
    'its socket answers, by the number and the home inside its container',
    found({ownPid: 7, control: answer(7, '/opt/data')}),
  ],
  ['control-socket-of-another', 'unknown', PID, 'the socket names another pid', found({ownPid: PID, control: answer(99)})],
  ['control-socket-of-another', 'unknown', PID, 'the socket names another home', found({ownPid: PID, control: answer(PID, '/other')})],
  [
    'heartbeat-alone',
    'unknown',
    PID,
    'a late heartbeat, and the thread waits for events',
    found({control: absent, beat: beat('wedged', true)}),
  ],
  ['heartbeat', 'alive', PID, 'the tick socket answers', found({control: absent, beat: beat('alive')})],
  ['heartbeat', 'alive', PID, 'the tick socket answers, the control socket does not', found({control: silent, beat: beat('alive')})],
  [
    'late-heartbeat',
    'wedged',
    PID,
    'a late heartbeat and a thread that does not wait',
    found({control: absent, beat: beat('wedged', false)}),
  ],
  ['event-loop', 'alive', PID, 'the thread waits for events', found({control: absent, thread: thread('alive')})],
  ['event-loop', 'alive', PID, 'the thread waits for events, though a socket is silent', found({control: silent, thread: thread('alive')})],
  ['hidden-loop', 'alive', PID, 'no loop is shown, and nothing could be asked', found({control: absent, thread: thread('hidden')})],
  [
    'hidden-loop',
    'alive',
    PID,
    'no loop is shown, and the heartbeat is fresh',
    found({control: absent, beat: beat('process'), thread: thread('hidden')}),
  ],
  ['hidden-silent-loop', 'unknown', PID, 'no loop is shown, and the socket is silent', found({control: silent, thread: thread('hidden')})],
  [
    'hidden-silent-loop',
    'unknown',
    PID,
    'no loop is shown, the heartbeat is fresh, the socket silent',
    found({control: silent, beat: beat('process'), thread: thread('hidden')}),
  ],
  [
    'beating-process',
    'alive',
    PID,
    'busy, and the heartbeat is fresh',
    found({control: absent, beat: beat('process'), thread: thread('unknown')}),
  ],
  ['busy-loop', 'unknown', PID, 'busy, and nothing else says anything', found({control: absent, thread: thread('unknown')})],
  [
    'busy-loop',
    'unknown',
    PID,
    'busy, with a heartbeat of unknown age',
    found({control: absent, beat: beat('unknown'), thread: thread('unknown')}),
  ],
  ['young-loop', 'unknown', PID, 'blocked while it says starting', found({control: absent, thread: thread('blocked')}, {state: starting})],
  [
    'young-loop',
    'unknown',
    PID,
    'blocked, and the state file is of the run before',
    found({control: absent, thread: thread('blocked')}, {state: says(StateWord.running, 99)}),
  ],
  ['stuck-loop', 'wedged', PID, 'blocked', found({control: absent, thread: thread('blocked')})],
  [
    'stuck-loop',
    'wedged',
    PID,
    'spinning, beside a fresh heartbeat',
    found({control: absent, beat: beat('process'), thread: thread('spinning')}),
  ],
  ['process', 'alive', PID, 'its loop was not asked', found()],
  ['process', 'alive', PID, 'found by its record alone', found(undefined, {lock: {kind: 'absent'}})],
  [
    'control-socket-of-another-home',
    'unknown',
    undefined,
    'no process, and the socket is another home’s',
    none({loop: {control: answer(7, '/other')}}),
  ],
  ['control-socket-alone', 'alive', undefined, 'no process that is seen, and the socket answers', none({loop: {control: answer(7)}})],
  [
    'control-socket-alone',
    'alive',
    7,
    'no record, and the socket names a process that is seen',
    none({loop: {control: answer(7), isNamedSeen: true}}),
  ],
  [
    'control-socket-alone',
    'alive',
    undefined,
    'a holder elsewhere, and the socket answers',
    none({loop: {control: answer(7)}}, {lock: {kind: 'held', pid: 0, unlinked: false}}),
  ],
  ['unseen-holder', 'unknown', undefined, 'the lock is held elsewhere', none({}, {lock: {kind: 'held', pid: 0, unlinked: false}})],
  [
    'unseen-holder',
    'unknown',
    undefined,
    'the lock is held by a process that may not be seen',
    none({}, {lock: {kind: 'held', pid: 9, unlinked: false}, hiddenPids: new Set([9])}),
  ],
  ['unreadable', 'unknown', undefined, 'gateway.pid may not be read', none({}, {pidRecord: {kind: 'unreadable', why: 'EACCES'}})],
  ['unreadable', 'unknown', undefined, 'the locks cannot be told', none({}, {lock: {kind: 'unreadable', why: 'EACCES'}})],
  ['unreadable', 'unknown', undefined, 'half a gateway.pid, and no lock', none({}, {pidRecord: {kind: 'malformed', why: 'half'}})],
  ['unreadable', 'unknown', undefined, 'the recorded process is elsewhere', none({}, {state: FOUND.state, elsewhere: 'another namespace'})],
  [
    'respawn-brake',
    'dead',
    undefined,
    'the main process sleeps',
    none({main: {pid: 9, upMs: 1}, brake: {starts: 7, windowSec: 120, leftMs: 9000}}),
  ],
  ['no-record', 'unknown', undefined, 'a main process of two minutes', none({main: {pid: 9, upMs: RECORD_WITHIN_MS}})],
  ['no-process', 'dead', undefined, 'a main process that is young', none({main: {pid: 9, upMs: RECORD_WITHIN_MS - 1}})],
  ['no-process', 'dead', undefined, 'a main process of unknown age', none({main: {pid: 9, upMs: undefined}})],
  ['no-process', 'dead', undefined, 'no files at all', none()],
  [
    'no-process',
    'dead',
    undefined,
    'a lock that nobody holds, and half a gateway.pid',
    none({}, {lock: {kind: 'free'}, pidRecord: {kind: 'malformed', why: 'half'}}),
  ],
  [
    'no-process',
    'dead',
    undefined,
    'the recorded pid is another program now',
    none({}, {state: FOUND.state, processes: new Map([[PID, {...PROCESS, argv: ['vi']}]])}),
  ],
]

describe('the table of verdicts', () => {
  it.each(TABLE)('%s: %s (pid %s) for %s', (by, state, pid, _, snapshot) => {
    const judged = judge(snapshot)
    expect(judged).toMatchObject({by, verdict: {state, pid}})
    expect(judged.verdict.evidence.length).toBeGreaterThan(0)
  })

  it('has a row for each rule', () => {
    expect([...new Set(TABLE.map(([by]) => by))].sort()).toEqual([...RULE_NAMES].sort())
  })

  it.each([
    [COMES_UP_MS, true],
    [COMES_UP_MS - 1, false],
    [undefined, false],
  ])('calls a start of %s ms overdue: %s', (upMs, isOverdue) => {
    const judged = judge({...found(undefined, {state: starting}), main: {pid: PID, upMs}})
    expect(judged).toMatchObject({by: 'process', isOverdue})
    expect(judged.verdict.evidence.some((text) => text.includes('longer than any start takes'))).toBe(isOverdue)
  })
})
