import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {Account, Host} from '../../src/host/host.js'
import {createNodeHost} from '../../src/host/node-host.js'

const host: Host = createNodeHost('/nowhere')
const NOBODY: Account = {uid: 65534, gid: 65534, name: 'nobody', home: '/'}
const isRoot = process.geteuid?.() === 0

let folder: string
const at = (name: string) => path.join(folder, name)
const modeOf = (name: string) => fs.statSync(at(name)).mode & 0o7777

beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'access-')))
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

  it.each(['file-link', 'folder-link/file'])('refuses %s: a part of it is a link', (name) => {
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
  it('gives a file away', () => {
    host.setOwner(at('inner/file'), NOBODY)
    const {uid, gid} = fs.statSync(at('inner/file'))
    expect({uid, gid}).toEqual({uid: NOBODY.uid, gid: NOBODY.gid})
  })

  it('refuses a file with a second name, which may be anybody else’s file linked to here', () => {
    fs.linkSync(at('inner/file'), at('second'))
    expect(() => host.setOwner(at('second'), NOBODY)).toThrow(/EMLINK/)
    expect(fs.statSync(at('inner/file')).uid).toBe(0)
  })

  it('refuses a path with a link in it', () => {
    expect(() => host.setOwner(at('folder-link/file'), NOBODY)).toThrow(/ELOOP|ENOTDIR/)
    expect(fs.statSync(at('inner/file')).uid).toBe(0)
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
