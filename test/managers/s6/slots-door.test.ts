import {describe, expect, it} from 'vitest'
import {MAX_TEXT_BYTES} from '../../../src/host/host.js'
import {slotsDoor} from '../../../src/managers/s6/ownership.js'
import {formatSettings} from '../../../src/service/settings.js'
import {type FakeFile, FakeHost, USER} from '../../fakes/fake-host.js'
import {s6Manager} from '../../fakes/managers.js'
import {HERMES, ROOT, S6_SERVICE, S6_SETTINGS, s6Files, SLOT, slotArgv} from '../../fakes/s6.js'

const SCAN = '/run/service'
const BEAT = `${SCAN}/hermes-svc-heartbeat`
const HERMES_OWNED = {uid: HERMES.uid, gid: HERMES.gid}
/** As upstream's image has it. */
const GIVEN_AWAY: Record<string, FakeFile> = {[SCAN]: {folder: true, ...HERMES_OWNED}}
/** Settings that are telling: another account, home and program than what stands in the slots of these tests. */
const SECRET = formatSettings({...S6_SETTINGS, account: 'user', home: '/root/secret', command: ['/root/secret/hermes']})
const ROOTS_ONLY: Record<string, FakeFile> = {
  '/etc/victim': {folder: true, mode: 0o700, uid: 0, gid: 0},
  '/etc/victim/settings': {text: SECRET, mode: 0o600, uid: 0, gid: 0},
  '/etc/victim/run': {text: `$as_user '/root/secret/node' '/x' s6\n`, mode: 0o600, uid: 0, gid: 0},
  '/etc/victim/helpers': {folder: true, mode: 0o700, uid: 0, gid: 0},
  '/etc/victim/helpers/secret': {text: '', uid: 0, gid: 0},
}
const OWN_RUN = '#!/bin/sh\n# Written by hermes-svc, anew at every boot.\n'

function machine(files: Record<string, FakeFile | string>): FakeHost {
  return new FakeHost({account: ROOT, accounts: [HERMES, USER], files: {...s6Files(), ...ROOTS_ONLY, ...files}})
}

describe('whose ids root looks at slots with', () => {
  const MINE: Record<string, FakeFile> = {[SLOT]: {folder: true, ...HERMES_OWNED}}

  it.each<[string, Record<string, FakeFile>, string]>([
    ['its own where only root can change them', {[SLOT]: {folder: true, uid: 0, gid: 0}}, 'root'],
    ['its own where there is nothing', {}, 'root'],
    ['those of the owner of the scan directory', {...GIVEN_AWAY, [SLOT]: {folder: true, uid: 0, gid: 0}}, 'hermes'],
    ['those of the owner of one slot', MINE, 'hermes'],
    ['nobody’s where others may write', {[SCAN]: {folder: true, uid: 0, gid: 0, mode: 0o775}, ...MINE}, 'nobody'],
    ['nobody’s where the owner is in no user database', {[SCAN]: {folder: true, uid: 777, gid: 777}, ...MINE}, 'nobody'],
  ])('are %s', (_, files, name) => {
    expect(slotsDoor(machine(files), SCAN).of('gateway-default').account.name).toBe(name)
  })

  it('are a user’s own for that user', () => {
    const host = new FakeHost({account: HERMES, files: {...s6Files(), [SCAN]: {folder: true, uid: 0, gid: 0}}})
    expect(slotsDoor(host, SCAN).of('gateway-default').account.name).toBe('hermes')
  })
})

describe.each<[string, FakeFile, FakeFile]>([
  ['a link to what only root can read', {link: '/etc/victim/settings', ...HERMES_OWNED}, {link: '/etc/victim/run', ...HERMES_OWNED}],
  ['a FIFO', {kind: 'other', ...HERMES_OWNED}, {kind: 'other', ...HERMES_OWNED}],
  ['a file without an end', {text: SECRET, size: MAX_TEXT_BYTES + 1, ...HERMES_OWNED}, {text: '', size: MAX_TEXT_BYTES + 1, mode: 0o755}],
])('in slots of a user, %s', (_, settings, run) => {
  it.each<[string, Record<string, FakeFile>]>([
    ['the scan directory is theirs', GIVEN_AWAY],
    ['the slot is', {[SLOT]: {folder: true, ...HERMES_OWNED}, [BEAT]: {folder: true, ...HERMES_OWNED}}],
  ])('says nothing, and holds nothing up: %s', async (_name, open) => {
    const files = {...open, [`${SLOT}/settings.json`]: settings, [`${SLOT}/run`]: OWN_RUN, [`${BEAT}/run`]: run}
    const host = machine(files)
    const manager = s6Manager(host)
    expect(manager.placement.defaultAccount('default')?.name).toBe('hermes')
    expect(manager.rivals.definitions(HERMES)).toMatchObject([{name: 'gateway-default', home: '/opt/data', command: []}])
    expect(manager.tick.programs(HERMES)).toEqual([])
    // Nobody is recorded who would want one.
    const {files: none} = await manager.tick.heartbeat(S6_SERVICE, undefined)
    expect(none).toEqual([])
  })

  it('is written anew where a heartbeat is wanted', async () => {
    const host = machine({...GIVEN_AWAY, [BEAT]: {folder: true, ...HERMES_OWNED}, [`${BEAT}/run`]: run})
    host.expect({argv: ['test', '-x', '/usr/bin/node'], times: Infinity})
    host.expect({argv: slotArgv('look', BEAT), via: 'read', stdout: 'true true 9 -1 -1 12\n--\n'})
    const {steps} = await s6Manager(host).tick.heartbeat(S6_SERVICE, S6_SETTINGS)
    expect(steps).toContainEqual(expect.objectContaining({kind: 'write-file', path: `${BEAT}/run`, as: HERMES}))
    expect(JSON.stringify(steps)).not.toContain('/root/secret')
  })
})

it('the account that a user wrote into their own slot is believed only if it is that user’s', () => {
  const account = (name: string) =>
    s6Manager(
      machine({
        ...GIVEN_AWAY,
        '/opt/data': {folder: true, uid: 0},
        [`${SLOT}/settings.json`]: formatSettings({...S6_SETTINGS, account: name}),
      }),
    ).placement.defaultAccount('default')?.name
  expect([account('hermes'), account('user'), account('root')]).toEqual(['hermes', undefined, undefined])
})

it('what lies behind a link in the place of a slot’s helpers is not listed with root’s ids', () => {
  const files = {...GIVEN_AWAY, [`${SLOT}/run`]: OWN_RUN, [`${SLOT}/helpers`]: {link: '/etc/victim/helpers', ...HERMES_OWNED}}
  expect(() => s6Manager(machine(files)).installer.leftovers(S6_SERVICE, [])).toThrow(expect.objectContaining({exitStatus: 4}) as Error)
  const ofRoot = {...S6_SERVICE, account: ROOT}
  expect(() => s6Manager(machine(files)).installer.leftovers(ofRoot, [])).toThrow(expect.objectContaining({exitStatus: 4}) as Error)
})

it('whether anything is behind a link in the place of a slot is not asked with root’s ids', () => {
  const host = machine({...GIVEN_AWAY, [SLOT]: {link: '/etc/victim', ...HERMES_OWNED}})
  expect(() => s6Manager(host).observer.isOnDisk(S6_SERVICE)).toThrow(expect.objectContaining({exitStatus: 4}) as Error)
})
