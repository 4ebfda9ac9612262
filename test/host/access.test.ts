import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {Account, Host} from '../../src/host/host.js'
import {createNodeHost} from '../../src/host/node-host.js'

const host: Host = createNodeHost('/nowhere')
const NOBODY: Account = {uid: 65534, gid: 65534, name: 'nobody', home: '/'}
/** Its home is made for each test. */
const ALICE = {uid: 54_321, gid: 54_321, name: 'alice', home: ''}
const isRoot = process.geteuid?.() === 0

let folder: string
const at = (name: string) => path.join(folder, name)
const modeOf = (name: string) => fs.statSync(at(name)).mode & 0o7777

beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(isRoot ? '/run' : os.tmpdir(), 'access-')))
  fs.chmodSync(folder, 0o755)
  fs.mkdirSync(at('inner'))
  fs.writeFileSync(at('inner/file'), 'text', {mode: 0o600})
  fs.symlinkSync(at('inner'), at('folder-link'))
  fs.symlinkSync(at('inner/file'), at('file-link'))
})

afterEach(() => fs.rmSync(folder, {recursive: true}))

describe('setMode', () => {
  it('sets the bits of a file and of a folder', () => {
    host.setMode(at('inner/file'), 0o640)
    host.setMode(at('inner'), 0o710)
    expect([modeOf('inner/file'), modeOf('inner')]).toEqual([0o640, 0o710])
  })

  it.each(['home/file-link', 'home/folder-link/file'])('refuses %s: a part of it is a link that somebody else could turn', (name) => {
    fs.mkdirSync(at('home'))
    fs.chmodSync(at('home'), 0o777)
    fs.symlinkSync(at('inner'), at('home/folder-link'))
    fs.symlinkSync(at('inner/file'), at('home/file-link'))
    expect(() => host.setMode(at(name), 0o777)).toThrow(/ELOOP|ENOTDIR/)
    expect(modeOf('inner/file')).toBe(0o600)
  })

  it('opens a file that may not even be read', () => {
    host.setMode(at('inner/file'), 0)
    host.setMode(at('inner/file'), 0o600)
    expect(modeOf('inner/file')).toBe(0o600)
  })

  it('says so if there is nothing', () => {
    expect(() => host.setMode(at('none'), 0o600)).toThrow(/ENOENT/)
  })
})

describe.runIf(isRoot)('setOwner', () => {
  const owner = (name: string) => fs.lstatSync(at(name)).uid
  const give = (name: string) => host.setOwner(at(name), ALICE)
  const aliceOwns = (name: string) => fs.chownSync(at(name), ALICE.uid, ALICE.gid)

  beforeEach(() => {
    fs.mkdirSync(at('home'))
    fs.mkdirSync(at('home/state'))
    fs.writeFileSync(at('home/state/file'), 'text')
    aliceOwns('home')
    ALICE.home = at('home')
  })

  it('gives what is root’s in the account’s home back, and its folders', () => {
    give('home/state/file')
    give('home/state')
    expect(fs.statSync(at('home/state/file'))).toMatchObject({uid: ALICE.uid, gid: ALICE.gid})
    expect(owner('home/state')).toBe(ALICE.uid)
  })

  it('gives nothing away that lies elsewhere', () => {
    for (const name of ['inner/file', 'inner', '../../etc']) expect(() => give(name)).toThrow(/EPERM/)
    expect([owner('inner/file'), fs.statSync('/etc').uid]).toEqual([0, 0])
  })

  it('gives away what lies in a folder that is named, which only root can have put there', () => {
    host.setOwner(at('inner/file'), ALICE, at('inner'))
    expect(owner('inner/file')).toBe(ALICE.uid)
    fs.writeFileSync(at('home/state/other'), '')
    fs.chownSync(at('home/state'), ALICE.uid, ALICE.gid)
    expect(() => host.setOwner(at('home/state/other'), ALICE, at('home/state'))).toThrow(/EPERM/)
  })

  it('touches nothing of a third account', () => {
    fs.chownSync(at('home/state/file'), NOBODY.uid, NOBODY.gid)
    expect(() => give('home/state/file')).toThrow(/EPERM/)
    fs.chownSync(at('home/state/file'), 0, 0)
    fs.chownSync(at('home/state'), NOBODY.uid, NOBODY.gid)
    expect(() => give('home/state/file')).toThrow(/EPERM/)
  })

  it('refuses a file with a second name, which may be anybody else’s file linked to here', () => {
    fs.linkSync(at('inner/file'), at('home/state/second'))
    expect(() => give('home/state/second')).toThrow(/EMLINK/)
    expect(owner('inner/file')).toBe(0)
  })

  it('follows no link that the account can turn', () => {
    fs.symlinkSync(at('inner'), at('home/link'))
    fs.symlinkSync(at('inner/file'), at('home/file-link'))
    for (const name of ['home/link', 'home/link/file', 'home/file-link']) expect(() => give(name)).toThrow(/ELOOP|ENOTDIR/)
    expect([owner('inner'), owner('inner/file')]).toEqual([0, 0])
  })

  it('follows a link of root’s to where the homes are', () => {
    fs.mkdirSync(at('var'))
    fs.renameSync(at('home'), at('var/home'))
    fs.symlinkSync('var/home', at('home'))
    give('home/state/file')
    expect(owner('var/home/state/file')).toBe(ALICE.uid)
  })

  it('takes back for root what lies in a folder of root’s, and only there', () => {
    fs.chownSync(at('inner/file'), ALICE.uid, ALICE.gid)
    const root = {uid: 0, gid: 0, name: 'root', home: '/root'}
    host.setOwner(at('inner/file'), root)
    expect(owner('inner/file')).toBe(0)
    fs.chownSync(at('home/state/file'), ALICE.uid, ALICE.gid)
    expect(() => host.setOwner(at('home/state/file'), root)).toThrow(/EPERM/)
  })
})

it.runIf(isRoot)('does with the ids of an account what that account may do', () => {
  fs.chownSync(at('inner/file'), NOBODY.uid, NOBODY.gid)
  fs.chmodSync(folder, 0o711)
  fs.chmodSync(at('inner'), 0o711)
  fs.chmodSync(at('inner/file'), 0)
  host.as(NOBODY).setMode(at('inner/file'), 0o600)
  expect(modeOf('inner/file')).toBe(0o600)
  expect(() => host.as(NOBODY).setMode(at('inner'), 0o777)).toThrow(/EPERM/)
})

describe('readTail', () => {
  it('gives the last whole lines of a long file, and all of a short one', () => {
    fs.writeFileSync(at('log'), 'first line\nsecond line\nthird\n')
    expect([host.readTail(at('log'), 10), host.readTail(at('log'), 1000), host.readTail(at('none'), 10)]).toEqual([
      'third\n',
      'first line\nsecond line\nthird\n',
      undefined,
    ])
  })
})
