import {judge, type Verdict} from '../../src/observe/judge.js'
import type {ProcessInfo} from '../../src/gateway/process-info.js'
import {describe, expect, it} from 'vitest'
import type {ProcessRecord} from '../../src/gateway/records.js'
import {identify, observeGateway} from '../../src/gateway/observation.js'
import {CAPTURED_HOME, capturedFiles, capturedLocks, capturedShow, SITUATIONS} from '../fakes/captures.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'
import {type FakeProcess, GATEWAY_ARGV, processFiles, ONE_MOUNT} from '../fakes/fake-process.js'

const HOME = '/home/user/.hermes'
const PID = 468
const START = 221956
const alive: FakeProcess = {pid: PID, startTime: START, env: {HERMES_HOME: HOME}, open: {}}
const holding: FakeProcess = {...alive, open: {3: {path: `${HOME}/gateway.lock`, isLocked: true}}}
const record = (more: object = {}) =>
  JSON.stringify({pid: PID, kind: 'hermes-gateway', argv: ['/m.py', 'gateway', 'run'], start_time: START, ...more})

interface Situation {
  readonly processes?: readonly FakeProcess[]
  readonly pid?: string | FakeFile
  readonly lock?: string | FakeFile
  readonly state?: string | FakeFile
  readonly locks?: (inode: number) => string
  readonly files?: Record<string, FakeFile>
  readonly hidden?: readonly number[]
}

/** Observes and judges a home, as its owner. The table of locks is empty unless `locks` makes it from the inode of gateway.lock. */
function verdict({processes = [], pid, lock, state, locks = () => '', files, hidden}: Situation): Verdict {
  const all: Record<string, string | FakeFile> = {[HOME]: {folder: true}, ...files}
  for (const process of processes) Object.assign(all, processFiles(process))
  if (pid !== undefined) all[`${HOME}/gateway.pid`] = pid
  if (lock !== undefined) all[`${HOME}/gateway.lock`] = lock
  if (state !== undefined) all[`${HOME}/gateway_state.json`] = state
  const host = new FakeHost({files: all, ...(hidden ? {foreignPids: hidden} : {})})
  host.put('/proc/self/mountinfo', ONE_MOUNT)
  host.put('/proc/locks', locks(lock === undefined ? 0 : (host.stat(`${HOME}/gateway.lock`)?.inode ?? 0)))
  const judged = judge({gateway: observeGateway(host, HOME)}).verdict
  expect(host.changes).toEqual([])
  return judged
}

describe('the verdict on real situations', () => {
  const expected: Record<string, Pick<Verdict, 'state' | 'pid'>> = {
    running: {state: 'alive', pid: 468},
    'frozen-sigstop': {state: 'wedged', pid: 468},
    'after-sigusr1-planned-restart': {state: 'alive', pid: 509},
    'after-sigusr1-restarted': {state: 'alive', pid: 509},
    'after-sigkill-autorestart-pending': {state: 'dead', pid: undefined},
    'after-sigkill-restarted': {state: 'alive', pid: 546},
    'after-systemctl-stop': {state: 'dead', pid: undefined},
    'after-hermes-gateway-stop': {state: 'dead', pid: undefined},
  }

  it('is stated here for every situation that was captured', () => {
    expect(Object.keys(expected).sort()).toEqual([...SITUATIONS].sort())
  })

  it.each(Object.entries(expected))('%s', (situation, {state, pid}) => {
    const host = new FakeHost({files: capturedFiles(situation), account: {uid: 1001, gid: 1001, name: 'hermes', home: '/home/hermes'}})
    host.put('/proc/locks', capturedLocks(situation, host.stat(`${CAPTURED_HOME}/gateway.lock`)?.inode ?? 0))
    const mainPid = Number(capturedShow(situation).MainPID)
    const {verdict: judged} = judge({gateway: observeGateway(host, CAPTURED_HOME, mainPid === 0 ? undefined : mainPid)})
    expect(judged).toMatchObject({state, pid})
    expect(judged.evidence).not.toEqual([])
  })
})

describe('a held lock', () => {
  it('is proof of life', () => {
    expect(verdict({processes: [holding], pid: record(), lock: record()})).toEqual({
      state: 'alive',
      pid: PID,
      evidence: ['gateway.lock is held by pid 468'],
    })
  })

  it('is proof while the files are half-written', () => {
    const judged = verdict({
      processes: [holding],
      pid: '{"pid": 4',
      lock: '',
      state: '{"pid":',
      locks: (inode) => `1: FLOCK  ADVISORY  WRITE 468 00:29:${inode} 0 EOF\n`,
    })
    expect(judged).toMatchObject({state: 'alive', pid: PID})
    expect(judged.evidence).toEqual([
      'gateway.lock is held by pid 468',
      'gateway.pid does not exist',
      'gateway.pid is damaged (not JSON)',
      'gateway_state.json is damaged (not JSON)',
    ])
  })

  it('outweighs a pid record that names somebody else, which is said', () => {
    const judged = verdict({processes: [holding, {...alive, pid: 900}], pid: record({pid: 900}), lock: record()})
    expect(judged).toMatchObject({state: 'alive', pid: PID})
    expect(judged.evidence).toContain('gateway.pid names another pid, 900')
  })

  it('of a process that cannot be seen leaves the state unknown, never dead', () => {
    const judged = verdict({
      lock: record(),
      state: record({gateway_state: 'running'}),
      locks: (inode) => `1: FLOCK  ADVISORY  WRITE 0 00:29:${inode} 0 EOF\n`,
    })
    expect(judged).toMatchObject({state: 'unknown', pid: undefined})
    expect(judged.evidence[0]).toContain('not visible from here')
  })

  it('on a file that was deleted is said', () => {
    const judged = verdict({processes: [{...alive, open: {3: {path: `${HOME}/gateway.lock (deleted)`, isLocked: true}}}], pid: record()})
    expect(judged).toMatchObject({
      state: 'alive',
      pid: PID,
      evidence: ['gateway.lock is held by pid 468, but the locked file has been deleted'],
    })
  })

  it('of a stopped process is no sign of work', () => {
    for (const state of ['T', 't']) {
      const judged = verdict({processes: [{...holding, state}], pid: record(), lock: record()})
      expect(judged).toMatchObject({state: 'wedged', pid: PID})
      expect(judged.evidence[0]).toContain(`stopped by a signal (state ${state})`)
    }
  })
})

describe('a lock that nobody holds', () => {
  it('does not make a living gateway dead whose pid, start time, home and command line agree', () => {
    const judged = verdict({processes: [alive], pid: record(), lock: record()})
    expect(judged).toMatchObject({state: 'alive', pid: PID})
    expect(judged.evidence).toContain('gateway.lock exists, but no process holds it')
  })

  it('and half-written files mean dead, with what is damaged', () => {
    expect(verdict({pid: '', lock: '', state: '{'})).toEqual({
      state: 'dead',
      pid: undefined,
      evidence: [
        'gateway.lock exists, but no process holds it',
        'gateway.pid is damaged (the file is empty)',
        'gateway_state.json is damaged (not JSON)',
      ],
    })
  })
})

describe('without a lock', () => {
  it('a living process that agrees is alive', () => {
    expect(verdict({processes: [alive], pid: record()})).toMatchObject({state: 'alive', pid: PID})
  })

  it('the pid of the state file is as good as that of the pid file', () => {
    expect(verdict({processes: [alive], state: record({gateway_state: 'running'})})).toMatchObject({state: 'alive', pid: PID})
  })

  it('a legacy pid file of one number is believed if the process is a gateway of this home', () => {
    expect(verdict({processes: [alive], pid: '468'})).toMatchObject({state: 'alive', pid: PID})
  })

  it.each<[string, FakeProcess[], string, string]>([
    ['has gone', [], record(), 'the recorded pid 468 has no process'],
    [
      'is a zombie',
      [{...alive, state: 'Z', argv: []}],
      record(),
      'the recorded pid 468 is a zombie: it has ended, but its parent has not reaped it',
    ],
    [
      'was recycled',
      [{...alive, startTime: START + 1}],
      record(),
      'the recorded pid 468 belongs to another process now (its start time differs)',
    ],
    [
      'shares pid and start time with another program',
      [{...alive, argv: ['sleep', '9']}],
      record(),
      'the recorded pid 468 belongs to another program now',
    ],
    ['is a kernel thread now', [{...alive, argv: [], env: {}}], '468', 'the recorded pid 468 belongs to another program now'],
    [
      'came with a copied home',
      [{...alive, env: {HERMES_HOME: '/srv/original'}}],
      record(),
      'the recorded pid 468 is a gateway of another home',
    ],
    ['names another home itself', [alive], record({hermes_home: '/srv/original'}), 'the recorded pid 468 is a gateway of another home'],
  ])('a gateway is dead whose record %s', (_, processes, pid, why) => {
    expect(verdict({processes, pid})).toEqual({state: 'dead', pid: undefined, evidence: [why]})
  })

  it('an empty home is dead for want of any file', () => {
    expect(verdict({})).toEqual({state: 'dead', pid: undefined, evidence: ['this home has no runtime files of a gateway']})
  })

  it('what the state file says of a dead gateway is evidence, no proof', () => {
    expect(verdict({state: record({gateway_state: 'running'})})).toEqual({
      state: 'dead',
      pid: undefined,
      evidence: ['the recorded pid 468 has no process', 'gateway_state.json says running'],
    })
  })
})

describe('what cannot be read', () => {
  const closed: FakeFile = {text: record(), mode: 0o600, uid: 5}

  it.each<[string, Situation]>([
    ['gateway.pid', {pid: closed}],
    ['gateway_state.json', {state: closed}],
  ])('leaves the state unknown: %s', (name, situation) => {
    const judged = verdict(situation)
    expect(judged).toMatchObject({state: 'unknown', pid: undefined})
    expect(judged.evidence).toContain(`${name} cannot be read (EACCES)`)
  })

  it('leaves the state unknown: the whole home', () => {
    expect(verdict({files: {[HOME]: {folder: true, mode: 0o700, uid: 5}}})).toMatchObject({state: 'unknown'})
  })

  it('leaves the state unknown: the table of locks', () => {
    const host = new FakeHost({files: {[`${HOME}/gateway.lock`]: record()}})
    expect(judge({gateway: observeGateway(host, HOME)}).verdict).toMatchObject({state: 'unknown', pid: undefined})
  })

  it('leaves the state unknown: a process that /proc hides', () => {
    const judged = verdict({pid: record(), hidden: [PID]})
    expect(judged).toEqual({
      state: 'unknown',
      pid: undefined,
      evidence: ['the recorded pid 468 belongs to a process that this user cannot see'],
    })
  })

  it('does not hide a gateway that another file proves', () => {
    expect(verdict({processes: [alive], pid: closed, state: record()})).toMatchObject({state: 'alive', pid: PID})
  })
})

describe('identify', () => {
  const own: ProcessRecord = {pid: PID, startTime: START, home: undefined, argv: []}
  const process = (more: Partial<ProcessInfo>): ProcessInfo => ({
    pid: PID,
    state: 'S',
    parentPid: 1,
    startTime: START,
    uid: 1000,
    argv: GATEWAY_ARGV,
    home: undefined,
    cgroup: undefined,
    ...more,
  })
  const gateway = (flags: readonly string[], home?: string) => process({argv: ['hermes', ...flags, 'gateway', 'run'], home})

  it('believes a record without a start time only if all else agrees', () => {
    const legacy = {...own, startTime: undefined}
    expect(identify(legacy, process({startTime: 99}), HOME)).toBe('gateway')
    expect(identify(legacy, process({startTime: 99, argv: ['vi']}), HOME)).toBe('other-program')
  })

  it.each<[string, ProcessInfo, string, string]>([
    ['the root home without a flag', gateway([]), HOME, 'gateway'],
    ['the root home by the name of its profile', gateway(['-p', 'default']), HOME, 'gateway'],
    ['the root home while another profile is named', gateway(['-p', 'work'], HOME), HOME, 'other-home'],
    ['the root home while it is named and another is set', gateway(['-p', 'default'], '/srv/x'), HOME, 'other-home'],
    ["a profile's home that is set", gateway([], `${HOME}/profiles/work`), `${HOME}/profiles/work`, 'gateway'],
    ["a profile's home that is set and named", gateway(['-p', 'work'], `${HOME}/profiles/work`), `${HOME}/profiles/work`, 'gateway'],
    ["a profile's home that is named below the root", gateway(['--profile=work'], HOME), `${HOME}/profiles/work`, 'gateway'],
    ["a profile's home that is named", gateway(['-p', 'work']), `${HOME}/profiles/work`, 'gateway'],
    ["a profile's home while a longer name is named", gateway(['-p', 'work-2']), `${HOME}/profiles/work`, 'other-home'],
    ["a profile's home while another is named below the root", gateway(['-p', 'ops'], HOME), `${HOME}/profiles/work`, 'other-home'],
    [
      "a profile's home that is set while another is named",
      gateway(['-p', 'ops'], `${HOME}/profiles/work`),
      `${HOME}/profiles/work`,
      'other-home',
    ],
    ["a profile's home with the gateway of the root", gateway([], HOME), `${HOME}/profiles/work`, 'other-home'],
    ["a profile's home with a gateway that names none", gateway([]), `${HOME}/profiles/work`, 'other-home'],
    ['a home whose name only begins alike', gateway([], `${HOME}-old`), HOME, 'other-home'],
  ])('follows upstream in which home a gateway serves: %s', (_, info, home, expected) => {
    expect(identify(own, info, home)).toBe(expected)
  })
})

describe('evidence', () => {
  it('quotes what a file says if it is no plain word, so that a terminal is not led astray', () => {
    expect(verdict({state: record({gateway_state: '\u001b[2Jrunning'})}).evidence).toContain('gateway_state.json says "\\u001b[2Jrunning"')
  })
})
