import {describe, expect, it} from 'vitest'
import {type Heartbeat, heartbeatAgeSec, judgeHeartbeat, readHeartbeat, type TickReading} from '../../src/gateway/heartbeat.js'
import {FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const beat = (fields: Partial<Heartbeat> = {}): Heartbeat => ({
  pid: 7,
  monotonicSec: 100,
  updatedAtMs: 1_000_000,
  hasTickSocket: true,
  ...fields,
})

describe('judgeHeartbeat', () => {
  it.each<[string, number | undefined, boolean | undefined, TickReading, string]>([
    ['its loop answers, however old the file', 9999, true, 'answers', 'alive'],
    ['it is fresh and there is no socket', 90, undefined, 'missing', 'process'],
    ['it is fresh, but the socket is silent', 10, true, 'silent', 'unknown'],
    ['it is stale and its writer has no socket', 91, undefined, 'missing', 'wedged'],
    ['it is stale and the socket is silent', 91, true, 'silent', 'wedged'],
    ['it is stale and says that there is no socket', 91, false, 'missing', 'unknown'],
    ['it is stale and the socket is missing', 91, true, 'missing', 'unknown'],
    ['its age cannot be told', undefined, true, 'missing', 'unknown'],
    ['it is from the future', -5, undefined, 'missing', 'unknown'],
  ])('where %s', (_, ageSec, hasTickSocket, tick, loop) => {
    expect(judgeHeartbeat(beat({hasTickSocket}), ageSec, tick).loop).toBe(loop)
  })
})

const LINUX = {platform: 'linux'} as const

describe('heartbeatAgeSec', () => {
  it('goes by the wall clock on macOS, where a sleep makes the two monotonic ones differ for ever', () => {
    // The machine has slept for eight hours since its boot.
    const slept = beat({monotonicSec: 100, updatedAtMs: 1_000_000})
    expect(heartbeatAgeSec(slept, {platform: 'darwin'}, 1_020_000, 120_000 + 8 * 3_600_000)).toBe(20)
  })

  it('goes by the clock that does not jump', () => {
    expect(heartbeatAgeSec(beat(), LINUX, 9e12, 130_000)).toBe(30)
  })

  it('goes by the wall clock where the other one was started anew', () => {
    expect(heartbeatAgeSec(beat({monotonicSec: 500}), LINUX, 1_060_000, 130_000)).toBe(60)
  })

  it('cannot be told without either', () => {
    expect(heartbeatAgeSec(beat({monotonicSec: undefined, updatedAtMs: undefined}), LINUX, 1, 1)).toBeUndefined()
  })
})

describe('readHeartbeat', () => {
  const read = (text: string) => readHeartbeat(new FakeHost({files: {[`${HOME}/state/gateway.heartbeat`]: text}}), HOME)

  it('reads what a gateway writes', () => {
    const text = '{"pid":7,"updated_at":"1970-01-01T00:16:40+00:00","monotonic":100.0,"loop_tick_socket":true}'
    expect(read(text)).toEqual({kind: 'present', value: beat()})
  })

  it('takes no time from a timestamp without a zone', () => {
    expect(read('{"pid":7,"updated_at":"2026-01-01T00:00:00"}')).toMatchObject({value: {updatedAtMs: undefined, hasTickSocket: undefined}})
  })
})
