import {describe, expect, it} from 'vitest'
import {HostError} from '../../src/host/host.js'
import {FakeHost, USER} from './fake-host.js'

const root = {uid: 0, gid: 0, name: 'root', home: '/root'}

function codeOf(operation: () => unknown): string | undefined {
  try {
    operation()
    return undefined
  } catch (error) {
    return error instanceof HostError ? error.code : String(error)
  }
}

describe('FakeHost', () => {
  it('fails a program run that was not announced', () => {
    const host = new FakeHost({commands: [{argv: ['systemctl', 'start', 'a']}]})
    expect(() => host.read(['systemctl', 'start', 'b'])).toThrow(/unexpected: read \["systemctl","start","b"\]/)
  })

  it('fails a second run of what was announced once', async () => {
    const host = new FakeHost({commands: [{argv: ['true']}]})
    await host.run(['true'])
    await expect(host.run(['true'])).rejects.toThrow('nothing more')
  })

  it('tells which announced runs never happened', () => {
    const host = new FakeHost({commands: [{argv: ['a', 'b']}, {argv: ['poll'], times: Infinity}]})
    expect(() => host.assertAllUsed()).toThrow('a b')
    host.read(['a', 'b'])
    expect(() => host.assertAllUsed()).not.toThrow()
  })

  it('checks the account, the environment and the way of a run where the test states them', () => {
    const host = new FakeHost({
      account: root,
      accounts: [USER],
      commands: [
        {argv: ['a'], as: 'user', times: 9},
        {argv: ['b'], env: {X: '1'}, times: 9},
        {argv: ['c'], via: 'run', times: 9},
      ],
    })
    expect(() => host.read(['a'])).toThrow('expected as user')
    expect(host.as(USER).read(['a']).code).toBe(0)
    expect(() => host.read(['b'])).toThrow('expected the environment')
    expect(host.read(['b'], {env: {X: '1'}}).code).toBe(0)
    expect(() => host.read(['c'])).toThrow('unexpected')
  })

  it('tells of a process killed by a signal as the real host does', () => {
    const host = new FakeHost({
      commands: [
        {argv: ['a'], signal: 'SIGKILL'},
        {argv: ['b'], failure: 'ENOENT'},
      ],
    })
    expect(host.read(['a'])).toMatchObject({code: null, signal: 'SIGKILL'})
    expect(host.read(['b'])).toMatchObject({code: null, failure: 'ENOENT'})
  })

  it('enforces permissions and ownership', () => {
    const closed = {folder: true, mode: 0o700} as const
    const host = new FakeHost({
      files: {'/etc/secret': {text: 'x', mode: 0o600}, '/home/user/a': 'y', '/srv/closed/b': 'z', '/srv/closed': closed},
    })
    expect(codeOf(() => host.readText('/etc/secret'))).toBe('EACCES')
    expect(codeOf(() => host.stat('/srv/closed/b'))).toBe('EACCES')
    expect(codeOf(() => host.writeAtomic('/etc/new', '', 0o644))).toBe('EACCES')
    expect(host.stat('/home/user/a')).toMatchObject({uid: 1000, gid: 1000, mode: 0o644, size: 1})
    host.writeAtomic('/home/user/b', 'b', 0o600)
    expect(host.stat('/home/user/b')).toMatchObject({uid: 1000, mode: 0o600})
  })

  it('follows links as the system does, and refuses to write through one', () => {
    const host = new FakeHost({
      account: root,
      files: {'/data/real/f': 'text', '/data/link': {link: 'real'}, '/data/file': {link: '/data/link/f'}, '/loop': {link: '/loop'}},
    })
    expect(host.realPath('/data/file')).toBe('/data/real/f')
    expect(host.readText('/data/file')).toBe('text')
    expect(host.lstat('/data/file')?.kind).toBe('link')
    expect(host.readLink('/data/file')).toBe('/data/link/f')
    expect(codeOf(() => host.readText('/loop'))).toBe('ELOOP')
    expect(codeOf(() => host.writeAtomic('/data/file', '', 0o644))).toBe('ELOOP')
    host.writeAtomic('/data/link/g', 'new', 0o644)
    expect(host.readText('/data/real/g')).toBe('new')
  })

  it('keeps the owner of a file that it replaces', () => {
    const host = new FakeHost({account: root, files: {'/home/user/f': 'old'}, accounts: [USER]})
    host.writeAtomic('/home/user/f', 'new', 0o640)
    expect(host.stat('/home/user/f')).toMatchObject({uid: 1000, mode: 0o640})
  })

  it('removes a folder only when it is empty', () => {
    const host = new FakeHost({files: {'/home/user/d/f': ''}})
    expect(host.removeFolder('/home/user/d')).toBe(false)
    expect(host.removeFile('/home/user/d/f')).toBe(true)
    expect(host.removeFolder('/home/user/d')).toBe(true)
    expect(host.removeFolder('/home/user/d')).toBe(false)
  })

  it('lets time pass only in sleep, and does what is due on the way', async () => {
    const host = new FakeHost({nowMs: 5000, monotonicMs: 100})
    host.after(30, (machine) => machine.put('/due', String(machine.monotonicMs())))
    await host.sleep(20)
    expect(host.readText('/due')).toBeUndefined()
    await host.sleep(20)
    expect(host.readText('/due')).toBe('130')
    expect([host.nowMs(), host.monotonicMs()]).toEqual([5040, 140])
  })

  it('keeps a tethered program running until it is released', () => {
    const host = new FakeHost({commands: [{argv: ['keeper'], stdout: 'bye'}]})
    const keeper = host.tether(['keeper'])
    expect(keeper.result()).toBeUndefined()
    expect(host.signal(keeper.pid, 0)).toBe(true)
    keeper.release()
    expect(keeper.result()).toMatchObject({code: 0, stdout: 'bye'})
  })

  it('gives a lock to one holder at a time', async () => {
    const host = new FakeHost({files: {'/lock': ''}})
    const held = await host.lock('/lock')
    expect(await host.lock('/lock')).toBeUndefined()
    await held?.release()
    expect(await host.lock('/lock')).toBeDefined()
  })

  it('records every change with the account that made it', async () => {
    const host = new FakeHost({account: root, accounts: [USER], commands: [{argv: ['systemctl', 'daemon-reload']}], pids: [7]})
    host.makeFolder('/x', 0o700)
    host.as(USER).readText('/x-none')
    await host.run(['systemctl', 'daemon-reload'])
    host.signal(7, 'SIGTERM')
    expect(host.changes).toEqual([
      {kind: 'makeFolder', path: '/x', mode: 0o700, as: 'root'},
      {kind: 'run', argv: ['systemctl', 'daemon-reload'], as: 'root'},
      {kind: 'signal', pid: 7, signal: 'SIGTERM', as: 'root'},
    ])
  })
})
