import {describe, expect, it} from 'vitest'
import {HostError} from '../../src/host/host.js'
import {makeRunFolder, removeRunFolder} from '../../src/lifecycle/run-folder.js'
import type {Place} from '../../src/observe/place.js'
import {FakeHost, USER} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const NAME = (host: FakeHost, number = 0) => `.hermes-svc-run-${host.pid}-${number}`

/** A machine with all the places for the data of a run, of which some take nothing. */
function place(env: Record<string, string>, refusing: readonly string[] = []): {host: FakeHost; at: Place} {
  const folders = ['/run/user/1000', '/var/tmp/mine', '/tmp', HOME]
  const host = new FakeHost({
    account: USER,
    env,
    files: Object.fromEntries(folders.map((folder) => [folder, {folder: true as const, mode: 0o777}])),
  })
  const make = host.makeFolder.bind(host)
  host.makeFolder = (folder, mode) => {
    if (refusing.some((one) => folder.startsWith(`${one}/`))) throw new HostError('EROFS', folder, 'cannot create')
    return make(folder, mode)
  }
  return {host, at: {host, userHost: host, profile: {home: HOME}} as unknown as Place}
}

const ALL = {XDG_RUNTIME_DIR: '/run/user/1000', TMPDIR: '/var/tmp/mine'}

describe('the folder of a run', () => {
  it.each([
    ['the runtime folder of the user', ALL, [], '/run/user/1000'],
    ['TMPDIR where there is none that can be written', ALL, ['/run/user/1000'], '/var/tmp/mine'],
    ['/tmp where neither is set', {}, [], '/tmp'],
    ['/tmp where TMPDIR is relative', {TMPDIR: 'mine'}, [], '/tmp'],
    ['the home where nothing else can be written', ALL, ['/run/user/1000', '/var/tmp/mine', '/tmp'], HOME],
  ])('is in %s', (_, env, refusing, expected) => {
    const {host, at} = place(env, refusing)
    expect(makeRunFolder(at)).toBe(`${expected}/${NAME(host)}`)
    expect(host.stat(`${expected}/${NAME(host)}`)).toMatchObject({kind: 'folder', mode: 0o700})
  })

  it('is a new one where its name is taken', () => {
    const {host, at} = place(ALL)
    for (const number of [0, 1]) host.put(`/run/user/1000/${NAME(host, number)}`, {folder: true})
    expect(makeRunFolder(at)).toBe(`/run/user/1000/${NAME(host, 2)}`)
  })

  it('is refused with what to set where no place takes one', () => {
    const {at} = place(ALL, ['/run/user/1000', '/var/tmp/mine', '/tmp', HOME])
    expect(() => makeRunFolder(at)).toThrow(
      expect.objectContaining({code: 'no-state-folder', exitStatus: 1, next: [expect.stringContaining('set TMPDIR')]}),
    )
  })

  it('goes with what is in it', () => {
    const {host, at} = place(ALL)
    const folder = makeRunFolder(at)
    host.put(`${folder}/failures`, '2\n')
    removeRunFolder(at, folder)
    expect(host.stat(folder)).toBeUndefined()
  })
})
