import {execFileSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {afterEach, describe, expect, it} from 'vitest'
import {isLockedByAnother, readLock} from '../../src/gateway/lock.js'
import {type OpenFile, parseLsof} from '../../src/gateway/lsof.js'
import {openerOf} from '../../src/gateway/open-files.js'
import {type FakeFile, USER} from '../fakes/fake-host.js'
import {FakeMac} from '../fakes/fake-darwin.js'
import type {FakeProcess} from '../fakes/fake-process.js'
import {describeUnless} from '../support/describe-unless.js'
import {cleanUp, lacks, PYTHON, startPython, temporaryFolder} from '../support/helper-scripts.js'

const HOME = '/home/user/.hermes'
const LOCK = `${HOME}/gateway.lock`
const open = {3: {path: LOCK}}

afterEach(cleanUp)

function mac(
  processes: readonly FakeProcess[],
  files: Readonly<Record<string, string | FakeFile>> = {[LOCK]: ''},
  account = USER,
): FakeMac {
  return new FakeMac({files: {[HOME]: {folder: true}, ...files}, account}, processes)
}

describe('parseLsof', () => {
  it('takes the files that have a descriptor with a number', () => {
    const files = parseLsof(readFileSync(new URL('../fixtures/darwin/lsof.txt', import.meta.url), 'utf8'))
    const lock = undefined
    expect(files).toEqual<OpenFile[]>([
      {pid: 4321, fd: 0, lock, links: 1, inode: 338, name: '/dev/null'},
      {pid: 4321, fd: 3, lock, links: 1, inode: 87654321, name: '/Users/me/.hermes/gateway.lock'},
      {pid: 4321, fd: 4, lock, links: undefined, inode: undefined, name: '->0x1f2e3d4c5b6a7988'},
      {pid: 4321, fd: 5, lock, links: 0, inode: 87654300, name: '/Users/me/.hermes/logs/gateway.log'},
    ])
    expect(parseLsof('')).toEqual([])
  })
})

describeUnless(lacks(PYTHON, 'lsof'), 'the lsof of this machine', () => {
  it('prints what is read, of a lock and of a locked file that was deleted', async () => {
    const folder = temporaryFolder()
    const code = `os.chdir(${JSON.stringify(folder)})\na=open('a','w')\nb=open('b','w')\nfor f in (a,b): fcntl.flock(f,fcntl.LOCK_EX)`
    const {pid} = await startPython(`${code}\nos.unlink('a')\nprint(1,flush=True)`)
    const text = execFileSync('lsof', ['-w', '-n', '-P', '+L', '-F', 'pflkin', '-p', String(pid)], {encoding: 'utf8'})
    const ours = parseLsof(text).filter(({name}) => name.startsWith(folder))
    expect(ours.map((file) => [file.pid, file.lock, file.links, file.name])).toEqual([
      [pid, 'W', 0, `${folder}/a (deleted)`],
      [pid, 'W', 1, `${folder}/b`],
    ])
  })
})

describe('the lock of a home on macOS', () => {
  it('is held by the recorded gateway that has its file open, which one look at that process tells', () => {
    const machine = mac([{pid: 77, open}])
    expect(readLock(machine, HOME, [77])).toEqual({kind: 'held', pid: 77, unlinked: false})
    expect(machine.processes.ran).toEqual(['lsof -w -n -P +L -F pflkin -p 77'])
  })

  it('is held by a gateway that no record names', () => {
    expect(readLock(mac([{pid: 77}, {pid: 78, open}]), HOME, [77])).toEqual({kind: 'held', pid: 78, unlinked: false})
    expect(readLock(mac([{pid: 78, open}]), HOME, [])).toEqual({kind: 'held', pid: 78, unlinked: false})
  })

  it('is held although its file was deleted, as far as that is told, and not by the opener of another home', () => {
    expect(readLock(mac([{pid: 77, open}], {}), HOME, [77])).toEqual({kind: 'held', pid: 77, unlinked: true})
    const other = {3: {path: '/home/user/.hermes/profiles/work/gateway.lock'}}
    expect(readLock(mac([{pid: 77, open: other}]), HOME, [77])).toEqual({kind: 'free'})
  })

  it('is free if nobody has the file open, or only what is no gateway', () => {
    expect(readLock(mac([{pid: 77}]), HOME, [77])).toEqual({kind: 'free'})
    expect(readLock(mac([{pid: 78, argv: ['/usr/libexec/mdworker'], open}]), HOME, [])).toEqual({kind: 'free'})
    expect(readLock(mac([], {}), HOME, [])).toEqual({kind: 'absent'})
  })

  it("cannot be told of another user's home, but by root", () => {
    const other = {uid: 502, gid: 20, name: 'other', home: '/home/other'}
    expect(readLock(mac([{pid: 78, open}], undefined, other), HOME, [])).toMatchObject({kind: 'unreadable'})
    expect(readLock(mac([{pid: 78, open}], undefined, {...USER, uid: 0, name: 'root'}), HOME, [])).toMatchObject({kind: 'held', pid: 78})
  })

  it.each([
    ['fails', {code: 1, stderr: 'lsof: no permission\n'}],
    ['is not there', {code: null, failure: 'ENOENT'}],
    ['does not end', {code: null, failure: 'TIMEOUT', stdout: 'p1\n'}],
  ])('cannot be told if lsof %s', (_, lsof) => {
    const machine = mac([{pid: 77}])
    machine.processes.lsof = lsof
    expect(readLock(machine, HOME, [77])).toMatchObject({kind: 'unreadable', why: expect.stringContaining('/usr/sbin/lsof')})
  })
})

describe('a home on macOS', () => {
  it.each([
    ['its lock', `${HOME}/.hermes-svc.lock`, 0o755],
    ['the home itself, where no lock could be made', HOME, 0o700],
  ])('is locked by another command of ours that has %s open, not by this one or an editor', (_, place, mode) => {
    const open = {9: {path: place}}
    const ours = ['node', '/opt/homebrew/bin/hermes-svc', 'restart']
    const isLocked = (pid: number, argv: readonly string[]) =>
      isLockedByAnother(mac([{pid, argv, open}], {[HOME]: {folder: true, mode}, ...(place === HOME ? {} : {[place]: ''})}), HOME)
    expect(isLocked(78, ours)).toBe(true)
    expect(isLocked(4242, ours)).toBe(false)
    expect(isLocked(78, ['/Applications/Code.app/Code'])).toBe(false)
  })

  it('that others may read is not locked by one who has it open', () => {
    const ours = ['node', '/opt/homebrew/bin/hermes-svc', 'restart']
    const machine = mac([{pid: 78, argv: ours, open: {9: {path: HOME}}}], {[HOME]: {folder: true, mode: 0o755}})
    expect(isLockedByAnother(machine, HOME)).toBe(false)
  })
})

describe('an open file on macOS', () => {
  it('has an opener', () => {
    const log = `${HOME}/logs/gateway.log`
    expect(openerOf(mac([{pid: 77, open: {5: {path: log}}}], {[log]: ''}), log)).toBe(77)
    expect(openerOf(mac([{pid: 77}], {[log]: ''}), log)).toBeUndefined()
  })
})
