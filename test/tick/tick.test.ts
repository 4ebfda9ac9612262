import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterEach, describe, expect, it} from 'vitest'
import {tick, type Tick} from '../../src/tick/tick.js'
import {createNodeHost} from '../../src/host/node-host.js'
import type {StandInConfig} from '../../src/smoke/stand-in/config.js'
import {ownDoors} from '../support/doors.js'
import {waitFor} from '../support/hermes-svc.js'

const ROOT = path.join(import.meta.dirname, '../..')
const STAND_IN = path.join(ROOT, 'src/smoke/stand-in/hermes')
const WINDOW_MS = 400
const host = createNodeHost(ROOT)
const uid = host.account.uid
const cleanups: (() => void)[] = []

afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

const tickOf = (home: string) => tick(ownDoors(host), home, uid, {windowMs: WINDOW_MS})

function makeHome(): string {
  const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'tick-')))
  cleanups.push(() => fs.rmSync(home, {recursive: true, force: true}))
  return home
}

function spawnPython(home: string, argv: readonly string[]): ChildProcess {
  const child = spawn('/usr/bin/python3', argv, {env: {PATH: '/usr/bin:/bin', HOME: home, HERMES_HOME: home}, stdio: 'ignore'})
  cleanups.push(() => child.kill('SIGKILL'))
  return child
}

interface Running {
  readonly home: string
  readonly pid: number
  readonly child: ChildProcess
}

/** A stand-in gateway that says that it runs, and whose state is an hour old. */
async function running(config: StandInConfig, home = makeHome()): Promise<Running> {
  fs.writeFileSync(path.join(home, 'stand-in.json'), JSON.stringify(config))
  const child = spawnPython(home, [STAND_IN, 'gateway', 'run'])
  const pid = child.pid ?? 0
  await waitFor(() => state(home)?.gateway_state === 'running' && state(home)?.pid === pid, 'running')
  // What it writes after its state.
  await waitFor(() => fs.readFileSync(path.join(home, 'logs/gateway.log'), 'utf8').includes('Gateway running'), 'its log')
  const isBeating = config.version === '0.21' && config.freeze_after_ms === undefined
  if (isBeating) await waitFor(() => fs.existsSync(path.join(home, 'state/gateway.heartbeat')), 'its heartbeat')
  const events = () => fs.readFileSync(path.join(home, 'stand-in.starts'), 'utf8')
  if (config.freeze_after_ms !== undefined) await waitFor(() => events().includes('freeze'), 'freeze')
  makeOld(home)
  return {home, pid, child}
}

const OLD = '2026-01-01T00:00:00.123456+00:00'
const stateFile = (home: string) => path.join(home, 'gateway_state.json')

function state(home: string): Record<string, unknown> | undefined {
  return fs.existsSync(stateFile(home)) ? (JSON.parse(fs.readFileSync(stateFile(home), 'utf8')) as Record<string, unknown>) : undefined
}

function makeOld(home: string, updatedAt: unknown = OLD): void {
  fs.writeFileSync(`${stateFile(home)}.new`, JSON.stringify({...state(home), updated_at: updatedAt}))
  fs.renameSync(`${stateFile(home)}.new`, stateFile(home))
}

/** Every file of a home with its inode, times and content; of the state only what a tick leaves as it is. */
function snapshot(home: string): string[] {
  return fs
    .readdirSync(home, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile() && entry.name !== '.tick.lock')
    .map((entry) => {
      const file = path.join(entry.parentPath, entry.name)
      const {ino, mode, uid: owner, mtimeMs} = fs.statSync(file)
      const isState = file === stateFile(home)
      const text = isState ? JSON.stringify({...state(home), updated_at: ''}) : fs.readFileSync(file, 'utf8')
      return [file, ino, mode, owner, isState ? '' : mtimeMs, text].join(' ')
    })
    .sort()
}

const bytes = (home: string) => fs.readFileSync(stateFile(home), 'utf8')

async function expectNoTick(home: string, verdict: string, why: RegExp | string): Promise<Tick> {
  const before = bytes(home)
  const seen = await tickOf(home)
  expect(seen).toMatchObject({verdict: {state: verdict}, result: {kind: 'nothing', why: expect.stringMatching(why)}})
  expect(bytes(home)).toBe(before)
  return seen
}

describe('a tick', () => {
  it.each(['0.10', '0.16', '0.21'] as const)('refreshes updated_at of a living gateway %s, and touches nothing else', async (version) => {
    const {home, pid} = await running({version})
    const before = snapshot(home)
    const fromMs = Date.now()
    const {result, verdict} = await tickOf(home)
    expect(verdict).toMatchObject({state: 'alive', pid})
    const updatedAt = String(state(home)?.updated_at)
    expect(result).toEqual({kind: 'ticked', pid, updatedAt, fresh: false})
    expect(updatedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/)
    expect(Date.parse(updatedAt)).toBeGreaterThanOrEqual(fromMs)
    expect(Date.parse(updatedAt)).toBeLessThanOrEqual(Date.now())
    expect(snapshot(home)).toEqual(before)
    const program = 'import sys, datetime; print(datetime.datetime.fromisoformat(sys.argv[1]).utcoffset())'
    expect(execFileSync('/usr/bin/python3', ['-c', program, updatedAt], {encoding: 'utf8'})).toBe('0:00:00\n')
  })

  it('leaves the very file in its place', async () => {
    const {home} = await running({})
    const fd = fs.openSync(stateFile(home), 'r')
    cleanups.push(() => fs.closeSync(fd))
    const {ino, mode, size} = fs.statSync(stateFile(home))
    await tickOf(home)
    expect(fs.fstatSync(fd)).toMatchObject({ino, mode, size, nlink: 1})
    expect((JSON.parse(fs.readFileSync(fd, 'utf8')) as {updated_at: string}).updated_at).not.toBe(OLD)
  })

  it.each([1767225600, '2026-01-01T00:00:00Z', null])('makes a timestamp of what a monitor cannot read: %j', async (old) => {
    const {home, pid} = await running({})
    makeOld(home, old)
    const before = snapshot(home)
    expect((await tickOf(home)).result).toMatchObject({kind: 'ticked', pid})
    expect(state(home)?.updated_at).toMatch(/^.{26}\+00:00$/)
    expect(snapshot(home)).toEqual(before)
  })

  it('does not move what another command of ours may be about to write', async () => {
    const {home} = await running({})
    makeOld(home, 1767225600)
    const lock = await host.lockWithin(home)
    await expectNoTick(home, 'alive', 'another hermes-svc command')
    await lock?.release()
    expect((await tickOf(home)).result.kind).toBe('ticked')
  })

  it('is not needed where the gateway has just written', async () => {
    const {home, pid} = await running({})
    const justNow = new Date().toISOString().replace('Z', '000+00:00')
    makeOld(home, justNow)
    expect((await tickOf(home)).result).toEqual({kind: 'ticked', pid, updatedAt: justNow, fresh: true})
    expect(state(home)?.updated_at).toBe(justNow)
  })

  it.each(['0.10', '0.16', '0.21'] as const)('is not for a gateway %s that is stopped by a signal', async (version) => {
    const {home, child} = await running({version})
    child.kill('SIGSTOP')
    await waitFor(() => /\) T /.test(fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8')), 'stopped')
    await expectNoTick(home, 'wedged', 'stopped by a signal')
    child.kill('SIGCONT')
    await waitFor(() => !/\) T /.test(fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8')), 'continued')
    expect((await tickOf(home)).result.kind).toBe('ticked')
  })

  it.each<[string, StandInConfig]>([
    ['blocked', {freeze: 'block'}],
    ['spinning', {freeze: 'spin'}],
    ['blocked, with a control socket that takes connections', {freeze: 'block', version: '0.21'}],
  ])(
    'is not for a gateway whose loop is %s',
    async (_, config) => {
      const {home} = await running({freeze_after_ms: 50, ...config})
      await expectNoTick(home, 'wedged', 'event loop')
    },
    20_000,
  )

  it('is not for a zombie', async () => {
    const home = makeHome()
    fs.writeFileSync(path.join(home, 'stand-in.json'), '{}')
    // A parent that never waits for its child.
    const env = {HERMES_HOME: home, PATH: '/usr/bin:/bin'}
    const parent = spawn('sh', ['-c', '/usr/bin/python3 "$0" gateway run & exec sleep 1000', STAND_IN], {env, stdio: 'ignore'})
    cleanups.push(() => parent.kill('SIGKILL'))
    await waitFor(() => state(home)?.gateway_state === 'running', 'running')
    makeOld(home)
    const pid = Number(state(home)?.pid)
    process.kill(pid, 'SIGKILL')
    await waitFor(() => /\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8')), 'zombie')
    await expectNoTick(home, 'dead', 'zombie')
  })

  it('is not for a gateway that was killed, or that was stopped in good order', async () => {
    const killed = await running({})
    killed.child.kill('SIGKILL')
    await waitFor(() => killed.child.signalCode !== null, 'gone')
    await expectNoTick(killed.home, 'dead', 'has no process')

    const stopped = await running({})
    stopped.child.kill('SIGINT')
    await waitFor(() => stopped.child.exitCode !== null, 'gone')
    await expectNoTick(stopped.home, 'dead', '')
  })

  it('is not for a home whose records are of the gateway of another one', async () => {
    const {home} = await running({})
    const copy = makeHome()
    for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) fs.copyFileSync(path.join(home, name), path.join(copy, name))
    await expectNoTick(copy, 'dead', 'another home')
  })

  it('is not for a state that another process wrote', async () => {
    const {home, pid} = await running({})
    fs.writeFileSync(stateFile(home), JSON.stringify({...state(home), pid: process.pid}))
    await expectNoTick(home, 'alive', `does not belong to pid ${pid}`)
  })

  it('is not for somebody who merely holds the lock', async () => {
    const {home, child} = await running({})
    child.kill('SIGKILL')
    await waitFor(() => child.signalCode !== null, 'gone')
    const lock = spawn('flock', [path.join(home, 'gateway.lock'), 'sleep', '1000'], {stdio: 'ignore', detached: true})
    cleanups.push(() => process.kill(-(lock.pid ?? 0), 'SIGKILL'))
    await waitFor(
      () => fs.readFileSync('/proc/locks', 'utf8').includes(`:${fs.statSync(path.join(home, 'gateway.lock')).ino} `),
      'the lock',
    )
    const before = bytes(home)
    expect((await tickOf(home)).result.kind).toBe('nothing')
    expect(bytes(home)).toBe(before)
  })

  it('is not for the gateway of another user', async () => {
    const {home, pid} = await running({})
    const before = bytes(home)
    const {result} = await tick(ownDoors(host), home, uid + 1, {windowMs: WINDOW_MS})
    expect(result).toEqual({kind: 'nothing', why: `pid ${pid} belongs to another user (uid ${uid})`})
    expect(bytes(home)).toBe(before)
  })

  it('never makes a state file, nor follows a link in its place', async () => {
    const {home} = await running({})
    fs.renameSync(stateFile(home), path.join(home, 'elsewhere'))
    expect((await tickOf(home)).result).toEqual({kind: 'nothing', why: 'gateway_state.json does not exist', isFault: true})
    expect(fs.existsSync(stateFile(home))).toBe(false)
    fs.symlinkSync('elsewhere', stateFile(home))
    const before = bytes(home)
    expect((await tickOf(home)).result.kind).toBe('nothing')
    expect(bytes(home)).toBe(before)
  })

  it('is nothing to a home in which no gateway ever ran', async () => {
    const home = makeHome()
    expect(await tickOf(home)).toMatchObject({verdict: {state: 'dead'}, result: {kind: 'nothing'}})
    expect(fs.readdirSync(home)).toEqual([])
    expect((await tickOf(path.join(home, 'no-such-home'))).result.kind).toBe('nothing')
  })
})
