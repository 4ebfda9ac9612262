import {lookAtHome, proveHome} from '../../src/observe/look.js'
import {judge} from '../../src/observe/judge.js'
import {describe, expect, it} from 'vitest'
import {glanceAtLoop, watchLoop} from '../../src/gateway/loop.js'
import {observeGateway} from '../../src/gateway/observation.js'
import {FakeMac} from '../fakes/fake-darwin.js'
import type {FakeProcess} from '../fakes/fake-process.js'

const HOME = '/home/user/.hermes'
const NOW = Date.UTC(2026, 10, 22, 9)
/** As psutil's create_time() × 100 rounds it; ps tells the whole second alone. */
const START = NOW / 10 - 6000 + 87
const ENV = {HERMES_HOME: HOME}

interface Options {
  readonly startTime?: number
  readonly files?: Record<string, string>
  readonly sockets?: Record<string, (request: string) => string>
}

function mac(processes: readonly FakeProcess[], {startTime = START, files = {}, sockets = {}}: Options = {}): FakeMac {
  const record = JSON.stringify({pid: 77, kind: 'hermes-gateway', argv: ['gateway', 'run'], start_time: startTime, hermes_home: HOME})
  const state = JSON.stringify({pid: 77, start_time: startTime, gateway_state: 'running'})
  const all = {[`${HOME}/gateway.pid`]: record, [`${HOME}/gateway.lock`]: record, [`${HOME}/gateway_state.json`]: state, ...files}
  return new FakeMac({files: {...all}, sockets, nowMs: NOW}, processes)
}

const gateway = (given: Partial<FakeProcess> = {}): FakeProcess => ({pid: 77, startTime: START, env: ENV, ...given})
const verdict = (host: FakeMac) => lookAtHome({host, userHost: host}, HOME).verdict
const locked = {open: {3: {path: `${HOME}/gateway.lock`}}}

describe('a verdict on macOS', () => {
  it('is alive for the gateway that has the lock file open, by three programs', () => {
    const host = mac([gateway(locked), {pid: 500}])
    const seen = observeGateway(host, HOME, 500)
    expect(judge({gateway: seen}).verdict).toMatchObject({state: 'alive', pid: 77})
    expect([...seen.processes.keys()]).toEqual([77, 500])
    expect(host.processes.ran.map((line) => line.split(' ')[0])).toEqual(['ps', 'ps', 'lsof'])
  })

  it('is alive for the recorded process without a lock, whose start ps tells to the second', () => {
    expect(verdict(mac([gateway()], {files: {}}))).toMatchObject({state: 'alive', pid: 77})
  })

  it.each<[string, FakeProcess[], Options, string]>([
    ['another start time', [gateway()], {startTime: START - 400}, 'belongs to another process now'],
    [
      'another start time, as of another gateway after a restart',
      [gateway({startTime: START + 400})],
      {},
      'belongs to another process now',
    ],
    ['no process', [], {}, 'has no process'],
    ['a zombie', [gateway({state: 'Z'})], {}, 'is a zombie'],
    ['another program', [gateway({argv: ['vi']})], {}, 'belongs to another program now'],
  ])('is dead for a record with %s', (_, processes, options, evidence) => {
    const seen = verdict(mac(processes, options))
    expect(seen).toMatchObject({state: 'dead', pid: undefined})
    expect(seen.evidence.join('\n')).toContain(evidence)
  })

  it('is dead for a gateway of another home', () => {
    const host = mac([gateway({env: {HERMES_HOME: '/home/user/other'}})])
    host.put('/home/user/other', {folder: true})
    expect(verdict(host).evidence.join('\n')).toContain('is a gateway of another home')
  })

  it('is unknown where ps fails and there is a process', () => {
    const host = mac([])
    host.setAlive(77, true)
    expect(verdict(host)).toMatchObject({state: 'unknown', pid: undefined})
  })

  it('is wedged for one that a signal has stopped', () => {
    expect(verdict(mac([gateway({...locked, state: 'T'})]))).toMatchObject({state: 'wedged', pid: 77})
  })
})

describe('an event loop on macOS', () => {
  const prove = (host: FakeMac) => proveHome({host, userHost: host}, HOME, 1000)

  it('is not seen, and speaks against nobody who has neither a control socket nor a heartbeat', async () => {
    const host = mac([gateway(locked)])
    expect(glanceAtLoop({host, userHost: host}, 77)).toBe(false)
    expect(await watchLoop({host, userHost: host}, 77, 1000)).toMatchObject({loop: 'hidden', evidence: expect.stringContaining('macOS')})
    expect((await prove(host)).verdict).toMatchObject({
      state: 'alive',
      pid: 77,
      evidence: [expect.stringContaining('macOS does not show event loops'), 'gateway.lock is held by pid 77', expect.any(String)],
    })
  })

  it('is unknown, and never wedged, where a control socket does not answer', async () => {
    const host = mac([gateway(locked)], {sockets: {[`${HOME}/gateway.sock`]: () => ''}})
    host.put(`${HOME}/gateway.sock`, {kind: 'socket'})
    expect((await prove(host)).verdict).toMatchObject({state: 'unknown', pid: 77})
  })

  it('is alive where the control socket answers', async () => {
    const answer = () => JSON.stringify({ok: true, protocol: 1, id: 1, result: {kind: 'hermes-gateway', pid: 77, hermes_home: HOME}})
    const host = mac([gateway(locked)], {sockets: {[`${HOME}/gateway.sock`]: answer}})
    host.put(`${HOME}/gateway.sock`, {kind: 'socket'})
    expect((await prove(host)).verdict).toMatchObject({state: 'alive', pid: 77})
  })

  it.each([
    [10, 'alive'],
    [300, 'wedged'],
  ])('is told by a heartbeat of %d s', async (ageSec, state) => {
    const beat = JSON.stringify({pid: 77, updated_at: new Date(NOW - ageSec * 1000).toISOString()})
    expect((await prove(mac([gateway(locked)], {files: {[`${HOME}/state/gateway.heartbeat`]: beat}}))).verdict).toMatchObject({
      state,
      pid: 77,
    })
  })
})
