import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {type Account, type Host, HostError} from '../../src/host/host.js'
import {parseMasterPasswd} from '../../src/host/master-passwd.js'
import {createNodeHost} from '../../src/host/node-host.js'
import {describeUnless} from '../support/describe-unless.js'

// The real host as it is on macOS. Linux passes over the flags of open(2) that it does not have, so what they do there is not seen here.

const ROOT = path.join(import.meta.dirname, '../..')
const NO_ROOT = process.geteuid?.() === 0 ? undefined : 'acting as another user needs root'
const NOBODY: Account = {uid: 65_534, gid: 65_534, name: 'nobody', home: '/'}
const EXCLUSIVE = 0x20
const own = Object.getOwnPropertyDescriptor(process, 'platform')

let host: Host
let folder: string

beforeEach(() => {
  Object.defineProperty(process, 'platform', {...own, value: 'darwin'})
  host = createNodeHost(ROOT)
  folder = fs.realpathSync(fs.mkdtempSync(path.join(NO_ROOT ? os.tmpdir() : '/run', 'darwin-host-')))
  fs.chmodSync(folder, 0o755)
})

afterEach(() => {
  if (own) Object.defineProperty(process, 'platform', own)
  vi.restoreAllMocks()
  fs.rmSync(folder, {recursive: true, force: true})
})

function newFile(name = 'file', mode = 0o644): string {
  const file = path.join(folder, name)
  fs.writeFileSync(file, 'text')
  fs.chmodSync(file, mode)
  return file
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof HostError) return error.code
    throw error
  }
  return 'none'
}

describe('a lock on macOS', () => {
  it('is a descriptor that was opened with it, closed when it is released', async () => {
    const {O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_NOCTTY} = fs.constants
    const open = vi.spyOn(fs, 'openSync')
    const lock = await host.lock(folder)
    expect(open).toHaveBeenCalledWith(folder, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | EXCLUSIVE, 0o600)
    const fd = open.mock.results[0]?.value as number
    expect(fs.fstatSync(fd).isDirectory()).toBe(true)
    await lock?.release()
    expect(() => fs.fstatSync(fd)).toThrow('EBADF')
    await lock?.release()
  })

  it('of what is in a folder is a file that is opened with it, and taken away when it is released', async () => {
    const {O_RDWR, O_CREAT, O_NONBLOCK, O_NOFOLLOW, O_NOCTTY} = fs.constants
    const open = vi.spyOn(fs, 'openSync')
    const lock = await host.lockWithin(folder)
    const file = path.join(folder, '.hermes-svc.lock')
    expect(open).toHaveBeenCalledWith(file, O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | EXCLUSIVE, 0o600)
    expect(fs.existsSync(file)).toBe(true)
    await lock?.release()
    expect(fs.existsSync(file)).toBe(false)
  })

  it('is not had while another has it, and an error is another thing', async () => {
    const fail = (code: string) =>
      vi.spyOn(fs, 'openSync').mockImplementationOnce(() => {
        throw Object.assign(new Error(code), {code})
      })
    fail('EAGAIN')
    expect(await host.lock(folder)).toBeUndefined()
    fail('EOPNOTSUPP')
    await expect(host.lock(folder)).rejects.toMatchObject({code: 'EOPNOTSUPP', path: folder})
    await expect(host.lock(path.join(folder, 'none'))).rejects.toMatchObject({code: 'ENOENT'})
  })
})

describe('an account on macOS', () => {
  it('is what id -P prints', () => {
    const line = 'me:********:501:20::0:0:Me Myself:/Users/me:/bin/zsh\n'
    expect(parseMasterPasswd(line)).toEqual({name: 'me', uid: 501, gid: 20, home: '/Users/me'})
    for (const text of ['', 'id: x: no such user', 'me:x:1000:1000:Me:/home/me:/bin/sh'])
      expect(parseMasterPasswd(text), text).toBeUndefined()
  })

  it('is nobody else than who was asked for, and its own without any program', () => {
    expect(host.accountOf('no-such-user')).toBeUndefined()
    expect(host.accountOf(process.geteuid?.() ?? 0)?.uid).toBe(process.geteuid?.())
  })
})

describe('the mode of a file on macOS', () => {
  it('is set by its path without links alone', () => {
    const file = newFile()
    host.setMode(file, 0o600)
    expect(fs.statSync(file).mode & 0o7777).toBe(0o600)
    fs.symlinkSync('file', path.join(folder, 'link'))
    fs.symlinkSync(folder, path.join(folder, 'way'))
    expect(codeOf(() => host.setMode(path.join(folder, 'link'), 0o666))).toBe('ELOOP')
    expect(codeOf(() => host.setMode(path.join(folder, 'way/file'), 0o666))).toBe('ELOOP')
    expect(codeOf(() => host.setMode(path.join(folder, 'none'), 0o666))).toBe('ENOENT')
    expect(fs.statSync(file).mode & 0o7777).toBe(0o600)
  })
})

describeUnless(NO_ROOT, 'root on macOS', () => {
  it('gives a file away, but none that has another name or is a link', () => {
    const file = newFile()
    host.setOwner(file, NOBODY, folder)
    expect(fs.statSync(file)).toMatchObject({uid: NOBODY.uid, gid: NOBODY.gid})
    fs.symlinkSync('file', path.join(folder, 'link'))
    expect(codeOf(() => host.setOwner(path.join(folder, 'link'), NOBODY, folder))).toBe('ELOOP')
    const linked = newFile('linked')
    fs.linkSync(linked, path.join(folder, 'other'))
    expect(codeOf(() => host.setOwner(linked, NOBODY, folder))).toBe('EMLINK')
    expect(fs.statSync(linked).uid).toBe(0)
  })

  it("sets the mode of another user's file with that user's rights, also of one that may not be read", () => {
    const file = newFile('closed', 0o000)
    fs.chownSync(file, NOBODY.uid, NOBODY.gid)
    host.as(NOBODY).setMode(file, 0o600)
    expect(fs.statSync(file).mode & 0o7777).toBe(0o600)
    expect(codeOf(() => host.as(NOBODY).setMode(newFile('of-root'), 0o666))).toBe('EPERM')
  })

  it('runs programs as another user, for good and without groups of its own', async () => {
    const argv = ['sh', '-c', 'id -u; id -ru; id -G; cat']
    const expected = {code: 0, stdout: `${NOBODY.uid}\n${NOBODY.uid}\n${NOBODY.gid}\ninput`}
    const other = host.as(NOBODY)
    expect(other.read(argv, {input: 'input', env: {PATH: '/usr/bin:/bin'}})).toMatchObject(expected)
    expect(await other.run(argv, {input: 'input', env: {PATH: '/usr/bin:/bin'}})).toMatchObject(expected)
    const lines: string[] = []
    const code = await other.attach(['id', '-u'], {env: {PATH: '/usr/bin:/bin'}, cwd: '/', onLine: (line) => lines.push(line)})
    expect([code, lines]).toEqual([0, [String(NOBODY.uid)]])
  })
})
