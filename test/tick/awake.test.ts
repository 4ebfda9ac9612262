import {describe, expect, it} from 'vitest'
import {awakeForMs} from '../../src/tick/awake.js'
import {FakeHost, USER} from '../fakes/fake-host.js'

const FOLDER = '/run/user/1000/hermes-svc-hermes-gateway'
const FILE = `${FOLDER}/ticked`
const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** A machine that has been up for a day, with the folder of a service. */
function machine(): FakeHost {
  return new FakeHost({monotonicMs: 24 * HOUR, files: {[FOLDER]: {folder: true, mode: 0o700, uid: USER.uid, gid: USER.gid}}})
}

/** The clock since the boot, which goes on while the machine sleeps. */
const setBoot = (host: FakeHost, ms: number) => host.put('/proc/uptime', `${(ms / 1000).toFixed(2)} 1.00\n`)
const tick = (host: FakeHost, intervalSec = 60) => awakeForMs({host, userHost: host.as(USER)}, FOLDER, intervalSec)

describe('how long all have been awake', () => {
  it('is told since the first tick that came late, and not by one that was left out', async () => {
    const host = machine()
    expect(tick(host)).toBe(Infinity)
    await host.sleep(2 * MINUTE)
    expect(tick(host)).toBe(Infinity)
    await host.sleep(3 * MINUTE)
    expect(tick(host)).toBe(0)
    await host.sleep(MINUTE)
    expect(tick(host)).toBe(MINUTE)
  })

  it('is told after a sleep in which the monotonic clock stood still, whatever the wall clock says', () => {
    const host = machine()
    setBoot(host, 24 * HOUR)
    tick(host)
    setBoot(host, 32 * HOUR)
    expect(tick(host)).toBe(0)
  })

  it('is told where only the wall clock has gone on, and not where that was set back', () => {
    const host = machine()
    tick(host)
    host.setClock(host.nowMs() - HOUR)
    expect(tick(host)).toBe(Infinity)
    host.setClock(host.nowMs() + HOUR)
    expect(tick(host)).toBe(0)
  })

  it('is not told by the memory of another boot, of none, or of one that is damaged', () => {
    const host = machine()
    for (const text of ['', 'nonsense', '[]', '{"wallMs":1}', JSON.stringify({wallMs: 1, bootMs: 25 * HOUR, wokeMs: 24 * HOUR})]) {
      host.put(FILE, {text, uid: USER.uid, gid: USER.gid})
      expect(tick(host)).toBe(Infinity)
    }
    host.drop(FOLDER)
    expect(tick(host)).toBe(Infinity)
    expect(host.texts()[FILE]).toBeUndefined()
  })

  it('is written in its place, once it is there', async () => {
    const host = machine()
    tick(host)
    const before = host.changes.length
    await host.sleep(MINUTE)
    tick(host)
    expect(host.changes.slice(before)).toMatchObject([{kind: 'overwrite', path: FILE, offset: 0}])
    expect(host.texts()[FILE]?.length).toBe(120)
  })
})
