import {describe, expect, it} from 'vitest'
import {keepGoodConfig, lastGoodConfig, lastGoodFolder, lastGoodTraces, PROVEN_AFTER_MS} from '../../src/service/last-good.js'
import {FakeHost} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const CONFIG = `${HOME}/config.yaml`
const RAN_MS = PROVEN_AFTER_MS

/** A home whose configuration was written so long ago. */
function home(text: string, agoMs = PROVEN_AFTER_MS): FakeHost {
  const host = new FakeHost({files: {[HOME]: {folder: true, mode: 0o700}}})
  put(host, text, agoMs)
  return host
}

const put = (host: FakeHost, text: string, agoMs = PROVEN_AFTER_MS) => {
  host.put(CONFIG, {text, modifiedMs: host.nowMs() - agoMs})
}
const kept = (host: FakeHost) =>
  Object.entries(host.texts())
    .filter(([file]) => /config-\d+\.yaml$/.test(file))
    .map(([, text]) => text)
const later = async (host: FakeHost, ms: number) => host.sleep(ms)

describe('the last known good configuration', () => {
  it('is kept for its user alone once a gateway has run on it for five minutes', async () => {
    const host = home('a: 1\n')
    await keepGoodConfig(host, HOME, RAN_MS - 1)
    expect(host.changes).toEqual([])
    await keepGoodConfig(host, HOME, RAN_MS)
    expect(kept(host)).toEqual(['a: 1\n'])
    expect(host.changes).toMatchObject([
      {kind: 'makeFolder', path: `${HOME}/.hermes-svc`, mode: 0o700},
      {kind: 'makeFolder', path: lastGoodFolder(HOME), mode: 0o700},
      {kind: 'writeAtomic', mode: 0o600},
      {kind: 'writeAtomic', path: `${lastGoodFolder(HOME)}/seen`, mode: 0o600},
    ])
    expect((await lastGoodConfig(host, HOME))?.text).toBe('a: 1\n')
  })

  it('is not one that was written just now', async () => {
    const host = home('a: 1\n', PROVEN_AFTER_MS - 1000)
    await keepGoodConfig(host, HOME, RAN_MS)
    expect(host.changes).toEqual([])
  })

  it('costs nothing where nothing has changed: neither is the file read nor anything written', async () => {
    const host = home('a: 1\n')
    await keepGoodConfig(host, HOME, RAN_MS)
    const before = host.changes.length
    host.readPart = () => {
      throw new Error('it was read')
    }
    await keepGoodConfig(host, HOME, RAN_MS)
    expect(host.changes).toHaveLength(before)
  })

  it('is never one that cannot be read, which is looked at once', async () => {
    const host = home('a: 1\n')
    await keepGoodConfig(host, HOME, RAN_MS)
    put(host, 'a: [\n')
    await keepGoodConfig(host, HOME, RAN_MS)
    const before = host.changes.length
    await keepGoodConfig(host, HOME, RAN_MS)
    expect(host.changes).toHaveLength(before)
    expect(kept(host)).toEqual(['a: 1\n'])
  })

  it('is one of three at most, and the same text is not kept twice', async () => {
    const host = home('a: 1\n')
    for (const text of ['a: 1\n', 'a: 1\n', 'a: 2\n', 'a: 3\n', 'a: 4\n']) {
      await later(host, 1000)
      put(host, text)
      await keepGoodConfig(host, HOME, RAN_MS)
    }
    expect(kept(host).toSorted()).toEqual(['a: 2\n', 'a: 3\n', 'a: 4\n'])
    expect((await lastGoodConfig(host, HOME))?.text).toBe('a: 4\n')
  })

  it('is the newest that can still be read', async () => {
    const host = home('a: 1\n')
    await keepGoodConfig(host, HOME, RAN_MS)
    host.put(`${lastGoodFolder(HOME)}/config-20990101000000000.yaml`, 'a: [')
    host.put(`${lastGoodFolder(HOME)}/config-20980101000000000.yaml`, {link: '/etc/passwd'})
    expect((await lastGoodConfig(host, HOME))?.text).toBe('a: 1\n')
  })

  it('is taken away with our folder, unless others have something in that', async () => {
    const host = home('a: 1\n')
    expect(lastGoodTraces(host, HOME)).toEqual({files: [], folders: []})
    await keepGoodConfig(host, HOME, RAN_MS)
    expect(lastGoodTraces(host, HOME).files).toHaveLength(2)
    expect(lastGoodTraces(host, HOME).folders).toEqual([lastGoodFolder(HOME), `${HOME}/.hermes-svc`])
    host.put(`${HOME}/.hermes-svc/settings.json`, '{}')
    expect(lastGoodTraces(host, HOME).folders).toEqual([lastGoodFolder(HOME)])
  })
})
