import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import {createInterface} from 'node:readline'
import {buildSync} from 'esbuild'
import {afterEach, beforeAll, describe, expect, it, vi} from 'vitest'
import {type Host, HostError} from '../../src/host/host.js'
import {createNodeHost} from '../../src/host/node-host.js'
import {SYSTEM_PATH} from '../../src/host/node-programs.js'
import {describeUnless} from '../support/describe-unless.js'

const ROOT = path.join(import.meta.dirname, '../..')
const HOST = createNodeHost(ROOT)
const NO_ROOT = process.geteuid?.() === 0 ? undefined : 'acting as another user needs root'
/** Far above the highest number that the kernel gives to a process (proc(5), pid_max: 2^22). */
const NO_PROCESS = 999_999_999

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

/** A new folder that everybody may enter. */
function temporaryFolder(): string {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'node-host-')))
  fs.chmodSync(folder, 0o755)
  cleanups.push(() => fs.rmSync(folder, {recursive: true, force: true}))
  return folder
}

function newFile(text = 'text', mode = 0o644): string {
  const file = path.join(temporaryFolder(), 'file')
  fs.writeFileSync(file, text)
  fs.chmodSync(file, mode)
  return file
}

function newFifo(name = 'fifo'): string {
  const fifo = path.join(temporaryFolder(), name)
  execFileSync('mkfifo', [fifo])
  return fifo
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

const modeOf = (file: string) => fs.statSync(file).mode & 0o7777

describe('reading', () => {
  it('gives the text of a file, and undefined for what is not there', () => {
    const file = newFile('é🎉\n')
    expect(HOST.readText(file)).toBe('é🎉\n')
    expect(HOST.readText(`${file}x`)).toBeUndefined()
    expect(HOST.readText(`${file}/x`)).toBeUndefined()
    expect(HOST.readText(path.join(path.dirname(file), 'x'.repeat(300)))).toBeUndefined()
  })

  it('names the error of what is there and cannot be read', () => {
    expect(codeOf(() => HOST.readText(temporaryFolder()))).toBe('EISDIR')
  })

  it('reads nothing but regular files, and does not wait for a FIFO', () => {
    expect(codeOf(() => HOST.readText(newFifo()))).toBe('EINVAL')
    expect(codeOf(() => HOST.readText('/dev/zero'))).toBe('EINVAL')
    expect(codeOf(() => HOST.readTail('/dev/zero', 10))).toBe('EINVAL')
    expect(HOST.as(HOST.account).readText('/dev/null')).toBe('')
  })

  it('reads no more than its limit, whatever size the file says it has', () => {
    const file = newFile('x'.repeat(100))
    expect(HOST.readText(file, 100)).toHaveLength(100)
    expect(codeOf(() => HOST.readText(file, 99))).toBe('EFBIG')
    expect(codeOf(() => HOST.readText('/proc/self/smaps', 1000))).toBe('EFBIG')
    const huge = newFile('')
    fs.truncateSync(huge, 2 ** 40)
    expect(codeOf(() => HOST.as(HOST.account).readText(huge))).toBe('EFBIG')
    expect(codeOf(() => HOST.readText(huge))).toBe('EFBIG')
  })

  it('is not led into /proc by a link, where this process would look at itself', () => {
    const link = path.join(temporaryFolder(), 'link')
    fs.symlinkSync('/proc/self/environ', link)
    expect(codeOf(() => HOST.as(HOST.account).readText(link))).toBe('EINVAL')
  })

  it('reads files of /proc, whose size is said to be 0', () => {
    expect(HOST.readText('/proc/self/stat')).toMatch(/^\d+ \(/)
    expect(HOST.readText(`/proc/${NO_PROCESS}/stat`)).toBeUndefined()
  })

  it('lists a folder, and undefined for what is none', () => {
    const file = newFile()
    expect(HOST.list(path.dirname(file))).toEqual(['file'])
    expect(HOST.list(file)).toBeUndefined()
    expect(HOST.list(`${file}x`)).toBeUndefined()
  })

  it('tells what something is, with links followed or not', () => {
    const file = newFile('abc', 0o640)
    const link = `${file}-link`
    fs.symlinkSync('file', link)
    const {ino: inode, dev: device, uid, gid} = fs.statSync(file)
    expect(HOST.stat(link)).toEqual({kind: 'file', uid, gid, mode: 0o640, size: 3, inode, device, modifiedMs: fs.statSync(file).mtimeMs})
    expect(HOST.lstat(link)?.kind).toBe('link')
    expect(HOST.readLink(link)).toBe('file')
    expect(HOST.readLink(file)).toBeUndefined()
    expect(HOST.realPath(link)).toBe(file)
    expect(HOST.stat(path.dirname(file))?.kind).toBe('folder')
    expect(HOST.stat(newFifo())?.kind).toBe('other')
  })

  it('has nothing to tell of a link that leads nowhere, but the link itself', () => {
    const link = path.join(temporaryFolder(), 'link')
    fs.symlinkSync('/nowhere/at/all', link)
    expect(HOST.stat(link)).toBeUndefined()
    expect(HOST.realPath(link)).toBeUndefined()
    expect(HOST.lstat(link)?.kind).toBe('link')
  })
})

describe('writeAtomic', () => {
  it('makes a file with exactly the mode that is asked for, whatever the umask', () => {
    const file = path.join(temporaryFolder(), 'new')
    const umask = process.umask(0o077)
    try {
      HOST.writeAtomic(file, 'é\n', 0o664)
    } finally {
      process.umask(umask)
    }
    expect(fs.readFileSync(file, 'utf8')).toBe('é\n')
    expect(modeOf(file)).toBe(0o664)
  })

  it('replaces a file as a whole: who has the old one open still reads the old one', () => {
    const file = newFile('old')
    const open = fs.openSync(file, 'r')
    HOST.writeAtomic(file, 'new', 0o600)
    expect(fs.readFileSync(open, 'utf8')).toBe('old')
    fs.closeSync(open)
    expect(fs.readFileSync(file, 'utf8')).toBe('new')
    expect(modeOf(file)).toBe(0o600)
  })

  it('refuses to replace a link', () => {
    const victim = newFile('precious')
    const link = path.join(temporaryFolder(), 'link')
    fs.symlinkSync(victim, link)
    expect(codeOf(() => HOST.writeAtomic(link, 'x', 0o644))).toBe('ELOOP')
    expect(fs.readFileSync(victim, 'utf8')).toBe('precious')
    expect(fs.readlinkSync(link)).toBe(victim)
  })

  it('leaves nothing behind where it fails', () => {
    const folder = temporaryFolder()
    fs.mkdirSync(path.join(folder, 'taken'))
    expect(codeOf(() => HOST.writeAtomic(path.join(folder, 'taken'), 'x', 0o644))).toBe('EISDIR')
    expect(codeOf(() => HOST.writeAtomic(path.join(folder, 'none', 'x'), 'x', 0o644))).toBe('ENOENT')
    expect(fs.readdirSync(folder)).toEqual(['taken'])
  })
})

describe('appendLine', () => {
  it('adds one line to a file, and makes it with the mode', () => {
    const file = path.join(temporaryFolder(), 'log')
    HOST.appendLine(file, 'one', 0o600)
    HOST.appendLine(file, 'two', 0o644)
    expect(fs.readFileSync(file, 'utf8')).toBe('one\ntwo\n')
    expect(modeOf(file)).toBe(0o600)
  })

  it('never follows a link, and does not wait for a FIFO', () => {
    const file = newFile()
    fs.symlinkSync(file, `${file}-link`)
    expect(codeOf(() => HOST.appendLine(`${file}-link`, 'x', 0o600))).toBe('ELOOP')
    expect(codeOf(() => HOST.appendLine(newFifo(), 'x', 0o600))).toBe('ENXIO')
  })
})

describe('folders and files', () => {
  it('makes one folder with exactly the mode that is asked for, once', () => {
    const folder = path.join(temporaryFolder(), 'new')
    const umask = process.umask(0o077)
    try {
      expect(HOST.makeFolder(folder, 0o755)).toBe(true)
    } finally {
      process.umask(umask)
    }
    expect(modeOf(folder)).toBe(0o755)
    expect(HOST.makeFolder(folder, 0o700)).toBe(false)
    expect(modeOf(folder)).toBe(0o755)
  })

  it('makes no folder where something else is, nor without its parent', () => {
    const file = newFile()
    expect(codeOf(() => HOST.makeFolder(file, 0o755))).toBe('EEXIST')
    expect(codeOf(() => HOST.makeFolder(`${file}x/y`, 0o755))).toBe('ENOENT')
  })

  it('removes a folder only if it is empty', () => {
    const folder = temporaryFolder()
    fs.mkdirSync(path.join(folder, 'a'))
    expect(HOST.removeFolder(folder)).toBe(false)
    expect(HOST.removeFolder(path.join(folder, 'a'))).toBe(true)
    expect(HOST.removeFolder(path.join(folder, 'a'))).toBe(false)
  })

  it('removes a file, and of a link the link', () => {
    const file = newFile()
    fs.symlinkSync(file, `${file}-link`)
    expect(HOST.removeFile(`${file}-link`)).toBe(true)
    expect(HOST.removeFile(file)).toBe(true)
    expect(HOST.removeFile(file)).toBe(false)
  })
})

describe('finding programs', () => {
  it('finds a file that may be executed on a PATH', () => {
    const folder = temporaryFolder()
    const other = temporaryFolder()
    fs.mkdirSync(path.join(folder, 'tool'))
    fs.writeFileSync(path.join(folder, 'plain'), '', {mode: 0o644})
    fs.writeFileSync(path.join(other, 'tool'), '', {mode: 0o755})
    expect(HOST.which('tool', `.::relative:/nowhere:${folder}:${other}`)).toBe(path.join(other, 'tool'))
    expect(HOST.which('plain', folder)).toBeUndefined()
    expect(HOST.which('sh', SYSTEM_PATH)).toMatch(/^\/.*\/sh$/)
  })

  it('takes neither a folder nor what is not there for a program', () => {
    expect(HOST.isExecutable('/bin')).toBe(false)
    expect(HOST.isExecutable('/nowhere')).toBe(false)
    expect(HOST.isExecutable(newFile('', 0o755))).toBe(true)
  })
})

describe.each(['read', 'run'] as const)('%s', (via) => {
  const call = async (...args: Parameters<Host['read']>) => HOST[via](...args)
  const sh = (program: string, options?: Parameters<Host['read']>[1]) => call(['sh', '-c', program], options)

  it('gives exit status and output, byte for byte', async () => {
    expect(await sh('printf "out\\n\\n"; printf err >&2; exit 3')).toEqual({
      argv: ['sh', '-c', 'printf "out\\n\\n"; printf err >&2; exit 3'],
      code: 3,
      signal: null,
      stdout: 'out\n\n',
      stderr: 'err',
    })
  })

  it('passes arguments as they are', async () => {
    const words = ['a b', '', '$HOME', '"', "'", '\\', '*', 'é\n']
    expect((await call(['printf', '%s\\0', ...words])).stdout.split('\0').slice(0, -1)).toEqual(words)
  })

  it('gives the signal that ended it', async () => {
    expect(await sh('kill -KILL $$')).toMatchObject({code: null, signal: 'SIGKILL'})
  })

  it('passes the environment that is given and nothing else, or our own with a locale that is known', async () => {
    expect((await call(['/usr/bin/env'], {env: {A: '1 2'}})).stdout).toBe('A=1 2\n')
    expect((await call(['/usr/bin/env'])).stdout).toContain('\nLC_ALL=C.UTF-8\n')
    // As root, what another account could have put on our PATH is not run.
    expect((await call(['/usr/bin/env'])).stdout).toContain(`PATH=${process.geteuid?.() === 0 ? SYSTEM_PATH : process.env.PATH}\n`)
  })

  it('gives it its input, and an end of input otherwise', async () => {
    expect((await call(['cat'], {input: 'x\n'})).stdout).toBe('x\n')
    expect(await call(['cat'])).toMatchObject({code: 0, stdout: ''})
  })

  it('runs it in the folder that is given', async () => {
    expect((await call(['pwd'], {cwd: '/usr'})).stdout).toBe('/usr\n')
  })

  it('says why a program could not be run', async () => {
    expect(await call(['/nowhere/at/all'])).toMatchObject({code: null, failure: 'ENOENT'})
    expect(await call([newFile('', 0o644)])).toMatchObject({code: null, failure: 'EACCES'})
  })

  it('ends a program at its time limit, with what it had said by then', async () => {
    expect(await sh('echo said; exec sleep 60', {timeoutMs: 2000})).toMatchObject({code: null, failure: 'TIMEOUT', stdout: 'said\n'})
  })

  it('does not wait for a child that holds the output of a program that is past its time limit', async () => {
    expect(await sh('sleep 60 & sleep 60', {timeoutMs: 200})).toMatchObject({failure: 'TIMEOUT'})
  })
})

describe('run', () => {
  it('asks a program to end as soon as its signal is aborted, and one that begins after that at once', async () => {
    const abort = new AbortController()
    const marker = path.join(temporaryFolder(), 'begun')
    const program = ['sh', '-c', 'trap "echo asked; exit 7" TERM; echo said; sleep 60 & : >"$1"; wait', 'sh', marker]
    const ended = HOST.run(program, {signal: abort.signal})
    await vi.waitFor(() => expect(fs.existsSync(marker)).toBe(true), 10_000)
    abort.abort()
    expect(await ended).toMatchObject({code: 7, failure: 'ABORTED', stdout: 'said\nasked\n'})
    expect(await HOST.run(['sleep', '60'], {signal: abort.signal})).toMatchObject({code: null, failure: 'ABORTED'})
  })

  it('kills what does not end when it is asked to, children included, and lets go of what has left the group', async () => {
    const folder = temporaryFolder()
    const program = 'trap "" TERM; setsid sleep 61 & echo $! >"$1/session"; sleep 62 & echo $! >"$1/child"; wait; wait; sleep 63'
    const result = await HOST.run(['sh', '-c', program, 'sh', folder], {timeoutMs: 2000})
    expect(result.failure).toBe('TIMEOUT')
    const [session, child] = ['session', 'child'].map((name) => Number(fs.readFileSync(path.join(folder, name), 'utf8')))
    cleanups.push(() => process.kill(session ?? 0, 'SIGKILL'))
    await vi.waitFor(() => expect(HOST.readText(`/proc/${child}/stat`) ?? 'gone').toMatch(/gone|\) [ZX] /), 10_000)
    expect(HOST.signal(session ?? 0, 0)).toBe(true)
  })
})

describe('attach', () => {
  it('ends with the exit status of the program, or 128 and its signal', async () => {
    expect(await HOST.attach(['sh', '-c', 'exit 7'])).toBe(7)
    expect(await HOST.attach(['sh', '-c', 'kill -TERM $$'])).toBe(143)
    await expect(HOST.attach(['/nowhere/at/all'])).rejects.toMatchObject({code: 'ENOENT'})
  })
})

describe('tether', () => {
  it('runs a program beside us until it is released', async () => {
    const tethered = HOST.tether(['sh', '-c', 'echo up; cat; echo down'])
    expect(tethered.result()).toBeUndefined()
    tethered.release()
    await vi.waitFor(() => expect(tethered.result()).toMatchObject({code: 0, stdout: 'up\ndown\n'}), 10_000)
  })

  it('says why it could not', async () => {
    const tethered = HOST.tether(['/nowhere/at/all'])
    await vi.waitFor(() => expect(tethered.result()).toMatchObject({code: null, failure: 'ENOENT'}), 10_000)
  })
})

describe('signal', () => {
  it('reaches a process, and says whether there is one', async () => {
    const child = spawn('sleep', ['60'])
    const ended = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)))
    expect(HOST.signal(child.pid ?? 0, 0)).toBe(true)
    expect(HOST.signal(child.pid ?? 0, 'SIGUSR1')).toBe(true)
    expect(await ended).toBe('SIGUSR1')
    expect(HOST.signal(NO_PROCESS, 'SIGUSR1')).toBe(false)
  })

  it.skipIf(process.geteuid?.() !== 0)('as somebody else, tells what has just ended from what may not be signalled', () => {
    const nobody = HOST.accountOf('nobody')
    if (!nobody) throw new Error('there is no nobody')
    const other = HOST.as(nobody)
    expect(() => other.signal(process.pid, 0)).toThrow(/EPERM/)
    const kill = vi.spyOn(process, 'kill').mockReturnValueOnce(true)
    try {
      expect(other.signal(NO_PROCESS, 'SIGTERM')).toBe(false)
    } finally {
      kill.mockRestore()
    }
  })
})

describe('this machine', () => {
  it('knows accounts by name and number', () => {
    const nobody = HOST.accountOf('nobody')
    expect(nobody).toEqual({
      uid: Number(execFileSync('id', ['-u', 'nobody'])),
      gid: Number(execFileSync('id', ['-g', 'nobody'])),
      name: 'nobody',
      home: nobody?.home,
    })
    expect(HOST.accountOf(nobody?.uid ?? -1)).toEqual(nobody)
    expect(HOST.accountOf(process.geteuid?.() ?? -1)).toEqual(HOST.account)
    expect(HOST.accountOf('no-such-user')).toBeUndefined()
    expect(HOST.accountOf('')).toBeUndefined()
    expect(HOST.accountOf(4_000_000_000)).toBeUndefined()
  })

  it('does not take a number for a name', () => {
    expect(HOST.accountOf(String(HOST.account.uid))).toBeUndefined()
  })

  it('has a clock that goes on when the one on the wall is set back', () => {
    const before = HOST.monotonicMs()
    vi.useFakeTimers({toFake: ['Date'], now: 1000})
    cleanups.push(() => vi.useRealTimers())
    expect(HOST.nowMs()).toBe(1000)
    expect(HOST.monotonicMs()).toBeGreaterThanOrEqual(before)
  })
})

describe('attach', () => {
  it('hands on a line without an end in parts, so that it needs no more memory the longer it is', async () => {
    const lines: string[] = []
    await HOST.attach(['sh', '-c', 'head -c 1000000 /dev/zero | tr "\\0" x; echo; echo last'], {onLine: (line) => lines.push(line)})
    expect(lines.at(-1)).toBe('last')
    expect(lines.slice(0, -1).join('')).toBe('x'.repeat(1_000_000))
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(200_000)
  })
})

describe('exchange', () => {
  /** A server whose connections are given to `serve`. */
  async function listening(serve: (connection: net.Socket) => void): Promise<string> {
    const socket = path.join(temporaryFolder(), 'socket')
    const server = net.createServer((connection) => serve(connection.on('error', () => undefined)))
    cleanups.push(() => server.close())
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    return socket
  }

  it('has one deadline for the whole, also where a byte comes now and then', async () => {
    const socket = await listening((connection) => {
      const drip = setInterval(() => connection.write('x'), 50)
      connection.on('close', () => clearInterval(drip))
    })
    await expect(HOST.exchange(socket, 'hello', {timeoutMs: 300, until: '\n'})).rejects.toMatchObject({code: 'TIMEOUT'})
    expect(await HOST.exchange(socket, '', {timeoutMs: 300})).toMatch(/^x+$/)
  })

  it('takes no more than an answer can have', async () => {
    const socket = await listening((connection) => {
      const flood = (): void => void connection.write('x'.repeat(100_000), () => !connection.destroyed && flood())
      flood()
    })
    await expect(HOST.exchange(socket, 'hello', {timeoutMs: 20_000, until: '\n'})).rejects.toMatchObject({code: 'EFBIG'})
  })
})

describe('lock', () => {
  let driver: string

  beforeAll(() => {
    driver = bundle(`
      const held = await host.lock(process.argv[2])
      console.log(held ? 'held' : 'busy')
      if (held) setInterval(() => undefined, 1000)
    `)
  })

  /** Another process that takes the lock; what it said. */
  async function other(file: string): Promise<{child: ChildProcess; said: string}> {
    const child = spawn(process.execPath, [driver, file], {stdio: ['ignore', 'pipe', 'inherit']})
    cleanups.push(() => child.kill('SIGKILL'))
    const said = await new Promise<string>((resolve) => createInterface({input: child.stdout}).once('line', resolve))
    return {child, said}
  }

  it('is held by one at a time, on a file or a folder, until it is released', async () => {
    for (const place of [temporaryFolder(), newFile()]) {
      const first = await HOST.lock(place)
      expect(first).toBeDefined()
      expect(await HOST.lock(place)).toBeUndefined()
      await first?.release()
      const second = await HOST.lock(place)
      expect(second).toBeDefined()
      await second?.release()
    }
  })

  it('is taken of nothing but files and folders, and makes none', async () => {
    const folder = temporaryFolder()
    fs.symlinkSync('elsewhere', path.join(folder, 'link'))
    await expect(HOST.lock(path.join(folder, 'link'))).rejects.toMatchObject({code: 'ELOOP'})
    await expect(HOST.lock(newFifo())).rejects.toMatchObject({code: 'EINVAL'})
    expect(fs.readdirSync(folder)).toEqual(['link'])
  })

  it('is held by this process itself, which needs no other for it', async () => {
    const folder = temporaryFolder()
    const children = () => execFileSync('ps', ['-o', 'comm=', '--ppid', String(process.pid)], {encoding: 'utf8'})
    const before = children()
    const lock = await HOST.lock(folder)
    expect(children()).toBe(before)
    expect(spawnSync('flock', ['-n', folder, 'true']).status).toBe(1)
    await lock?.release()
    expect(spawnSync('flock', ['-n', folder, 'true']).status).toBe(0)
  })

  it('is held against other processes, and dies with its process on kill -9', async () => {
    const folder = temporaryFolder()
    const {child, said} = await other(folder)
    expect(said).toBe('held')
    expect(await HOST.lock(folder)).toBeUndefined()
    child.kill('SIGKILL')
    await vi.waitFor(async () => {
      const lock = await HOST.lock(folder)
      expect(lock).toBeDefined()
      await lock?.release()
    }, 10_000)
  })

  it('is not taken on what is not there, and makes nothing', async () => {
    const folder = temporaryFolder()
    await expect(HOST.lock(path.join(folder, 'none'))).rejects.toMatchObject({code: 'ENOENT'})
    expect(fs.readdirSync(folder)).toEqual([])
  })
})

describe('the lock of what is in a folder', () => {
  const LOCK = '.hermes-svc.lock'
  let driver: string

  beforeAll(() => {
    driver = bundle(`
      const [folder, file, rounds] = process.argv.slice(2)
      const fs = process.getBuiltinModule('node:fs')
      for (let done = 0; done < Number(rounds); ) {
        const lock = await host.lockWithin(folder)
        if (!lock) { await host.sleep(5); continue }
        const count = Number(fs.readFileSync(file, 'utf8'))
        await host.sleep(2)
        fs.writeFileSync(file, String(count + 1))
        if (rounds === '1') process.kill(process.pid, 'SIGKILL')
        await lock.release()
        done++
      }
    `)
  })

  const works = (folder: string, file: string, rounds: number) =>
    new Promise<void>((resolve) => {
      const child = spawn(process.execPath, [driver, folder, file, String(rounds)], {stdio: ['ignore', 'ignore', 'inherit']})
      child.once('close', () => resolve())
    })

  it('is a file that nobody else can open, there while it is held', async () => {
    const folder = temporaryFolder()
    const lock = await HOST.lockWithin(folder)
    expect(fs.readdirSync(folder)).toEqual([LOCK])
    expect(fs.statSync(path.join(folder, LOCK)).mode & 0o7777).toBe(0o600)
    expect(await HOST.lockWithin(folder)).toBeUndefined()
    await lock?.release()
    await lock?.release()
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('is not kept by whoever has locked the folder itself', async () => {
    const folder = temporaryFolder()
    const other = await HOST.lock(folder)
    const lock = await HOST.lockWithin(folder)
    expect([other, lock]).toEqual([expect.anything(), expect.anything()])
    await lock?.release()
    await other?.release()
  })

  it('is one at a time of many processes, and what a killed one has left is the next one’s', async () => {
    const folder = temporaryFolder()
    const count = newFile('0')
    await works(folder, count, 1)
    expect(fs.readdirSync(folder)).toEqual([LOCK])
    await Promise.all([1, 2, 3].map(() => works(folder, count, 15)))
    expect(fs.readFileSync(count, 'utf8')).toBe('46')
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('is not taken through a link, nor where something else stands in its place', async () => {
    const folder = temporaryFolder()
    fs.symlinkSync(temporaryFolder(), path.join(folder, 'link'))
    await expect(HOST.lockWithin(path.join(folder, 'link'))).rejects.toMatchObject({code: 'ELOOP'})
    await expect(HOST.lockWithin(newFile())).rejects.toMatchObject({code: 'ENOTDIR'})
    fs.symlinkSync(newFile(), path.join(folder, LOCK))
    await expect(HOST.lockWithin(folder)).rejects.toMatchObject({code: 'ELOOP'})
    await expect(HOST.lockWithin(path.dirname(newFifo(LOCK)))).rejects.toMatchObject({code: 'EINVAL'})
  })
})

/** A program of a few lines that has `host`, bundled for a plain node. */
function bundle(body: string): string {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'node-host-')))
  fs.chmodSync(folder, 0o755)
  process.once('exit', () => fs.rmSync(folder, {recursive: true, force: true}))
  const outfile = path.join(folder, 'driver.mjs')
  const contents = `import {createNodeHost} from ${JSON.stringify(path.join(ROOT, 'src/host/node-host.ts'))}\nconst host = createNodeHost('/')\n${body}`
  buildSync({
    stdin: {contents, resolveDir: ROOT},
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    packages: 'external',
    logLevel: 'error',
  })
  return outfile
}

/** Tells each that connects who it is to the kernel (SO_PEERCRED, unix(7)). */
const PEER = `
import os, socket, struct, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
server.listen()
print("ready", flush=True)
while True:
    peer, _ = server.accept()
    _, uid, gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    peer.recv(1)
    peer.sendall(f"{uid} {gid}".encode())
    peer.close()
`

describeUnless(NO_ROOT, 'acting as another account', () => {
  const nobody = HOST.accountOf('nobody') ?? {uid: 65_534, gid: 65_534, name: 'nobody', home: '/'}
  const asNobody = HOST.as(nobody)

  /** A folder of that account's own. */
  function ownFolder(): string {
    const folder = temporaryFolder()
    fs.chownSync(folder, nobody.uid, nobody.gid)
    return folder
  }

  it('is who it acts as', () => {
    expect(asNobody.account).toEqual(nobody)
    expect(HOST.as(HOST.account).account).toEqual(HOST.account)
  })

  it('writes, appends and makes folders with its ids', () => {
    const folder = ownFolder()
    asNobody.writeAtomic(path.join(folder, 'file'), '', 0o600)
    asNobody.appendLine(path.join(folder, 'log'), '', 0o600)
    asNobody.makeFolder(path.join(folder, 'folder'), 0o700)
    for (const name of ['file', 'log', 'folder'])
      expect(fs.statSync(path.join(folder, name))).toMatchObject({uid: nobody.uid, gid: nobody.gid})
  })

  it('locks what is in a folder by a file of its own, whatever another account has left there', async () => {
    const folder = ownFolder()
    const file = path.join(folder, '.hermes-svc.lock')
    fs.writeFileSync(file, '', {mode: 0o666})
    const lock = await asNobody.lockWithin(folder)
    expect(fs.statSync(file)).toMatchObject({uid: nobody.uid, mode: 0o100600})
    await lock?.release()
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('locks a folder in which it can make nothing if others may not read that, and nothing if they may', async () => {
    const folder = ownFolder()
    fs.chmodSync(folder, 0o500)
    const lock = await asNobody.lockWithin(folder)
    expect(await asNobody.lockWithin(folder)).toBeUndefined()
    await lock?.release()
    fs.chmodSync(folder, 0o555)
    const held = await HOST.lock(folder)
    expect(await asNobody.lockWithin(folder)).toBeDefined()
    await held?.release()
  })

  it('does many things at once with its ids, and fails as it would one by one', () => {
    const folder = ownFolder()
    const secret = newFile('secret', 0o600)
    const made = asNobody.atOnce(() => {
      asNobody.writeAtomic(path.join(folder, 'file'), '', 0o600)
      return [asNobody.makeFolder(path.join(folder, 'folder'), 0o700), codeOf(() => asNobody.readText(secret))]
    })
    expect([made, process.geteuid?.()]).toEqual([[true, 'EACCES'], 0])
    for (const name of ['file', 'folder']) expect(fs.statSync(path.join(folder, name)).uid).toBe(nobody.uid)
    expect(() =>
      asNobody.atOnce(() => {
        throw new RangeError('half-way')
      }),
    ).toThrow(RangeError)
    expect([process.geteuid?.(), HOST.readText(secret)]).toEqual([0, expect.any(String)])
  })

  it('may do no more than that account, and we as much as before', () => {
    const file = newFile('secret', 0o600)
    const folder = path.dirname(file)
    expect(codeOf(() => asNobody.readText(file))).toBe('EACCES')
    expect(codeOf(() => asNobody.writeAtomic(path.join(folder, 'new'), '', 0o644))).toBe('EACCES')
    expect(codeOf(() => asNobody.removeFile(file))).toBe('EACCES')
    expect(codeOf(() => asNobody.editInPlace(file, () => ({offset: 0, bytes: Buffer.from('t')})))).toBe('EACCES')
    expect(process.geteuid?.()).toBe(0)
    expect(HOST.readText(file)).toBe('secret')
    HOST.writeAtomic(file, 'still root', 0o600)
    expect(fs.statSync(file).uid).toBe(0)
  })

  it('keeps our own groups for us', () => {
    const before = process.getgroups?.()
    asNobody.stat('/')
    expect(process.getgroups?.()).toEqual(before)
  })

  it('does not follow a link that the account put there to what is not its own', () => {
    const victim = newFile('root only', 0o600)
    const folder = ownFolder()
    fs.symlinkSync(victim, path.join(folder, 'link'))
    expect(codeOf(() => asNobody.readText(path.join(folder, 'link')))).toBe('EACCES')
    expect(codeOf(() => asNobody.appendLine(path.join(folder, 'link'), 'x', 0o600))).toBe('ELOOP')
  })

  it('keeps the owner and group of a file that root replaces', () => {
    const file = newFile()
    fs.chownSync(file, nobody.uid, nobody.gid)
    HOST.writeAtomic(file, 'new', 0o640)
    expect(fs.statSync(file)).toMatchObject({uid: nobody.uid, gid: nobody.gid})
    expect(modeOf(file)).toBe(0o640)
  })

  it('knows what that account may execute, in folders that it may not search too', () => {
    const [own, others, closed] = [newFile('', 0o700), newFile('', 0o755), newFile('', 0o755)]
    fs.chmodSync(path.dirname(closed), 0o700)
    expect([own, others, closed].map((file) => asNobody.isExecutable(file))).toEqual([false, true, false])
    expect(asNobody.which('file', [own, closed, others].map((file) => path.dirname(file)).join(':'))).toBe(others)
  })

  it.each(['read', 'run'] as const)('runs programs with its ids, groups and home: %s', async (via) => {
    const program = 'id -u; id -g; id -G; echo "$HOME $USER $LOGNAME"'
    const {stdout} = await asNobody[via](['sh', '-c', program])
    expect(stdout).toBe(
      `${nobody.uid}\n${nobody.gid}\n${execFileSync('id', ['-G', 'nobody'], {encoding: 'utf8'})}${nobody.home} nobody nobody\n`,
    )
  })

  it.each(['read', 'run', 'attach'] as const)(
    'gives a program a session of its own, no terminal, and nothing of our environment: %s',
    async (via) => {
      vi.stubEnv('ROOTS_SECRET', 'hunter2')
      cleanups.push(() => vi.unstubAllEnvs())
      const program =
        'ps -o sid= -p $$; echo $$; (: </dev/tty) 2>/dev/null && echo a terminal; pwd; env | grep ROOTS_SECRET; for fd in 0 1 2; do [ -t $fd ] && echo a terminal; done; true'
      const argv = ['sh', '-c', program]
      const lines: string[] = []
      const {stdout} = via === 'attach' ? {stdout: ''} : await asNobody[via](argv)
      if (via === 'attach') await asNobody.attach(argv, {onLine: (line) => lines.push(line)})
      else lines.push(...stdout.trim().split('\n'))
      const [session, pid, ...rest] = lines.map((line) => line.trim())
      expect(session).not.toBe(execFileSync('ps', ['-o', 'sid=', '-p', String(process.pid)], {encoding: 'utf8'}).trim())
      expect([session, rest]).toEqual([pid, ['/']])
    },
  )

  it('is who connects to a socket', async () => {
    const folder = ownFolder()
    fs.chmodSync(folder, 0o755)
    const socket = path.join(folder, 'socket')
    const server = spawn('python3', ['-c', PEER, socket], {stdio: ['ignore', 'pipe', 'inherit']})
    cleanups.push(() => server.kill('SIGKILL'))
    await new Promise<void>((resolve) => createInterface({input: server.stdout}).once('line', () => resolve()))
    expect(await asNobody.exchange(socket, 'x', {timeoutMs: 10_000})).toBe(`${nobody.uid} ${nobody.gid}`)
    expect(await HOST.exchange(socket, 'x', {timeoutMs: 10_000})).toBe('0 0')
    fs.chmodSync(socket, 0o600)
    await expect(asNobody.exchange(socket, 'x', {timeoutMs: 10_000})).rejects.toMatchObject({code: 'EACCES'})
  })

  it('gives a program no way back to root', async () => {
    expect((await asNobody.run(['grep', '-E', '^(Uid|CapEff)', '/proc/self/status'])).stdout).toBe(
      `Uid:${`\t${nobody.uid}`.repeat(4)}\nCapEff:\t${'0'.repeat(16)}\n`,
    )
  })

  it("signals what is that account's, and never what is root's", async () => {
    const own = spawn('sleep', ['60'], {uid: nobody.uid, gid: nobody.gid})
    const roots = spawn('sleep', ['60'])
    cleanups.push(() => roots.kill('SIGKILL'))
    const ended = new Promise((resolve) => own.on('exit', (_, signal) => resolve(signal)))
    expect(asNobody.signal(own.pid ?? 0, 0)).toBe(true)
    expect(asNobody.signal(own.pid ?? 0, 'SIGTERM')).toBe(true)
    expect(await ended).toBe('SIGTERM')
    expect(codeOf(() => asNobody.signal(roots.pid ?? 0, 'SIGTERM'))).toBe('EPERM')
    expect(roots.exitCode ?? roots.signalCode).toBeNull()
    expect(asNobody.signal(NO_PROCESS, 'SIGTERM')).toBe(false)
  })
})

/** A user database of our own needs a mount namespace. */
const NO_NAMESPACE = NO_ROOT ?? (spawnSync('unshare', ['-m', 'true']).status === 0 ? undefined : 'a mount namespace is not allowed')

describeUnless(NO_NAMESPACE, 'acting as an account that is a member of another group', () => {
  it('has that group for files and programs', () => {
    const folder = temporaryFolder()
    const shared = path.join(folder, 'shared')
    fs.mkdirSync(shared)
    fs.chownSync(shared, 0, 4001)
    fs.chmodSync(shared, 0o770)
    const databases = {
      passwd: 'root:x:0:0::/root:/bin/sh\nann:x:4000:4000::/:/bin/sh\n',
      group: 'root:x:0:\nann:x:4000:\nteam:x:4001:ann\n',
    }
    for (const [name, text] of Object.entries(databases)) fs.writeFileSync(path.join(folder, name), text, {mode: 0o644})
    const driver = bundle(`
      const ann = host.as(host.accountOf('ann'))
      ann.writeAtomic(process.argv[2] + '/shared/file', 'x', 0o640)
      process.stdout.write(ann.read(['id', '-G']).stdout)
      console.log(ann.isExecutable(process.argv[2] + '/shared/file'), process.getgroups().includes(4001))
    `)
    const mounted = 'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && exec "$2" "$3" "$1"'
    const {stdout, stderr} = spawnSync('unshare', ['-m', 'sh', '-c', mounted, 'sh', folder, process.execPath, driver], {encoding: 'utf8'})
    expect(stderr).toBe('')
    expect(stdout).toBe('4000 4001\nfalse false\n')
    expect(fs.statSync(path.join(shared, 'file'))).toMatchObject({uid: 4000, gid: 4000})
  })
})
