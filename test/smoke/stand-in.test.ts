import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {connect} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, describe, expect, test} from 'vitest'
import type {StandInConfig, StandInEvent} from '../../src/smoke/stand-in/config.js'
import {waitFor} from '../support/hermes-svc.js'

const PYTHON = '/usr/bin/python3'
const ROOT = join(import.meta.dirname, '../..')
const PROGRAM = join(ROOT, 'src/smoke/stand-in/hermes')
const CAPTURES = join(ROOT, 'test/fixtures/captures/hermes-0.16.0-systemd-252')

type Json = Record<string, unknown>
interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
}
interface Gateway {
  child: ChildProcess
  pid: number
  ended: Promise<Ending>
  stderr: () => string
}
interface StartOptions {
  config?: StandInConfig
  args?: string[]
  env?: Record<string, string>
  hermesHome?: string
}

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function tempHome(prefix = 'stand-in-'): string {
  const home = realpathSync(mkdtempSync(join(tmpdir(), prefix)))
  cleanups.push(() => rmSync(home, {recursive: true, force: true, maxRetries: 10}))
  return home
}

function configure(home: string, config: StandInConfig): void {
  mkdirSync(home, {recursive: true})
  writeFileSync(join(home, 'stand-in.json'), JSON.stringify(config))
}

function launch(home: string, {config, args = ['gateway', 'run'], env = {}, hermesHome = home}: StartOptions = {}): Gateway {
  if (config) configure(home, config)
  const child = spawn(PYTHON, [PROGRAM, ...args], {
    env: {PATH: '/usr/bin:/bin', HOME: home, HERMES_HOME: hermesHome, ...env},
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const ended = new Promise<Ending>((resolve) => child.on('exit', (code, signal) => resolve({code, signal})))
  // Until it has ended it may write where it is cleaned up.
  cleanups.push(() => {
    child.kill('SIGKILL')
    return ended
  })
  return {child, pid: child.pid!, ended, stderr: () => stderr}
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const text = (...path: string[]) => readFileSync(join(...path), 'utf8')
const json = (...path: string[]) => JSON.parse(text(...path)) as Json

function state(home: string): Json | undefined {
  return existsSync(join(home, 'gateway_state.json')) ? json(home, 'gateway_state.json') : undefined
}

function events(home: string): StandInEvent[] {
  if (!existsSync(join(home, 'stand-in.starts'))) return []
  // Whole lines only: the file is there before its first line is.
  return text(home, 'stand-in.starts')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as StandInEvent)
}

function heartbeat(home: string): Json | undefined {
  return existsSync(join(home, 'state/gateway.heartbeat')) ? json(home, 'state/gateway.heartbeat') : undefined
}

function lastEnd(home: string): StandInEvent | undefined {
  return events(home)
    .filter((event) => event.event === 'end')
    .at(-1)
}

const seen = (home: string, gateway: Gateway, event: StandInEvent['event']) =>
  waitFor(() => events(home).some((line) => line.event === event && line.pid === gateway.pid), event)

async function running(home: string, options: StartOptions = {}): Promise<Gateway> {
  const gateway = launch(home, options)
  await seen(home, gateway, 'running')
  return gateway
}

/** Fields 3 and on of /proc/PID/stat. */
const procStat = (pid: number) =>
  text('/proc', String(pid), 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
const startTime = (pid: number) => Number(procStat(pid)[19])
const wchan = (pid: number) => text('/proc', String(pid), 'task', String(pid), 'wchan')
const childrenOf = (pid: number) => text('/proc', String(pid), 'task', String(pid), 'children').trim().split(' ').map(Number)

/** The FLOCK lines of /proc/locks that a process holds, as inode numbers. */
function lockedInodes(pid: number): number[] {
  const lines = text('/proc/locks')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  return lines.filter((line) => line[1] === 'FLOCK' && line[4] === String(pid)).map((line) => Number(line[5]!.split(':')[2]))
}

function writeMarker(home: string, name: string, pid: number, change: Json = {}): void {
  const marker = {
    target_pid: pid,
    target_start_time: startTime(pid),
    stopper_pid: process.pid,
    written_at: new Date().toISOString().replace('Z', '+00:00'),
    ...change,
  }
  writeFileSync(join(home, name), JSON.stringify(marker))
}
const PLANNED_STOP = '.gateway-planned-stop.json'
const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString().replace('Z', '+00:00')

/** What a socket sends until it closes; '' when it stays silent for that long. */
function ask(path: string, request: string, patienceMs = 60_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({path}, () => {
      // The tick socket says its byte unasked and closes; writing to it would fail.
      if (request !== '') socket.write(request)
    })
    let reply = ''
    socket.setTimeout(patienceMs, () => socket.destroy())
    socket.on('data', (chunk) => {
      reply += chunk.toString()
    })
    socket.on('close', () => resolve(reply))
    socket.on('error', reject)
  })
}

describe.runIf(process.platform === 'linux')('the stand-in gateway', () => {
  describe('command line and home', () => {
    test('--version names the configured version, and writes into the home as any command of upstream does', () => {
      const home = tempHome()
      configure(home, {version: '0.10'})
      const out = execFileSync(PYTHON, [PROGRAM, '--version'], {env: {HERMES_HOME: home}, encoding: 'utf8'})
      expect(out).toBe('Hermes Agent v0.10.0 (stand-in)\n')
      expect(readdirSync(home).sort()).toEqual(['.update_check', 'logs', 'stand-in.json'])
      expect(readdirSync(join(home, 'logs')).sort()).toEqual(['agent.log', 'errors.log'])
    })

    test('is executable by itself', () => {
      const out = execFileSync(PROGRAM, ['--version'], {env: {PATH: '/usr/bin:/bin', HERMES_HOME: tempHome()}, encoding: 'utf8'})
      expect(out).toBe('Hermes Agent v0.16.0 (stand-in)\n')
    })

    test('looks like a gateway to upstream: basename hermes, then gateway run; and it calls itself hermes', async () => {
      const home = tempHome()
      const {pid} = await running(home)
      expect(text('/proc', String(pid), 'cmdline')).toBe([PYTHON, PROGRAM, 'gateway', 'run', ''].join('\0'))
      expect(text('/proc', String(pid), 'comm')).toBe('hermes\n')
    })

    test.each([
      ['-p', ['-p', 'ops', 'gateway', 'run'], '.'],
      ['--profile', ['gateway', 'run', '--profile', 'ops'], '.'],
      ['--profile=', ['--profile=ops', 'gateway', 'run'], '.'],
      ['a HERMES_HOME that is itself a profile', ['-p', 'ops', 'gateway', 'run'], 'profiles/other'],
    ])("finds the profile's home from %s, and keeps the flag out of its records", async (_name, args, hermesHome) => {
      const root = tempHome()
      const home = join(root, 'profiles/ops')
      mkdirSync(home, {recursive: true})
      const {pid} = await running(home, {args, hermesHome: join(root, hermesHome)})
      expect(json(home, 'gateway.pid')).toMatchObject({pid, argv: [PROGRAM, 'gateway', 'run']})
    })

    test('-p default is the root home', async () => {
      const root = tempHome()
      await running(root, {args: ['-p', 'default', 'gateway', 'run'], hermesHome: join(root, 'profiles/other')})
      expect(existsSync(join(root, 'gateway.pid'))).toBe(true)
    })

    test('a profile that does not exist is exit 1', async () => {
      const gateway = launch(tempHome(), {args: ['-p', 'ghost', 'gateway', 'run']})
      expect(await gateway.ended).toEqual({code: 1, signal: null})
      expect(gateway.stderr()).toContain("Profile 'ghost' does not exist")
    })

    test.each([
      ['a misspelt key', '{"strtup_ms": 1}'],
      ['a misspelt choice', '{"freeze": "blocked"}'],
      ['a misspelt key in the sequence', '{"sequence": [{"versoin": "0.10"}]}'],
      ['an exit with code and signal', '{"exit_on_start": {"code": 1, "signal": "SEGV"}}'],
      ['text that is not JSON', '{'],
    ])('%s is exit 64', async (_name, content) => {
      const home = tempHome()
      writeFileSync(join(home, 'stand-in.json'), content)
      expect(await launch(home).ended).toEqual({code: 64, signal: null})
    })
  })

  describe('active_profile', () => {
    const where = (root: string) => ['profiles/ops', '.'].filter((home) => state(join(root, home)) !== undefined)
    const used = (root: string, profile: string) => {
      mkdirSync(join(root, 'profiles/ops'), {recursive: true})
      writeFileSync(join(root, 'active_profile'), `${profile}\n`)
      return root
    }

    test.each([
      ['is followed where HERMES_HOME is the root', {}, ['gateway', 'run'], ['profiles/ops']],
      ['is not followed where the command names the default profile', {}, ['gateway', 'run', '--profile=default'], ['.']],
      ["is not followed in the image's own slot", {HERMES_S6_SUPERVISED_CHILD: '1'}, ['gateway', 'run'], ['.']],
    ])('%s', async (_, env, args, homes) => {
      const root = used(tempHome(), 'ops')
      launch(root, {env, args})
      await waitFor(() => where(root).length > 0, 'a state file')
      expect(where(root)).toEqual(homes)
    })

    test('ends the start if there is no such profile', async () => {
      const gateway = launch(used(tempHome(), 'gone'))
      expect((await gateway.ended).code).toBe(1)
      expect(gateway.stderr()).toContain("Profile 'gone' does not exist")
    })
  })

  describe('records', () => {
    test('holds the lock on gateway.lock, as /proc/locks shows', async () => {
      const home = tempHome()
      const {pid} = await running(home)
      expect(lockedInodes(pid)).toEqual([statSync(join(home, 'gateway.lock')).ino])
    })

    test.each(['gateway.lock', 'gateway.pid'])('0.16 writes %s byte for byte as captured', async (name) => {
      const home = tempHome()
      const {pid} = await running(home)
      const expected = text(CAPTURES, 'running', name)
        .replace('"pid": 468', `"pid": ${pid}`)
        .replace('/opt/hermes-agent/hermes_cli/main.py', PROGRAM)
        .replace('"start_time": 221956', `"start_time": ${startTime(pid)}`)
      expect(text(home, name)).toBe(expected)
    })

    test('0.16 writes gateway_state.json byte for byte as captured', async () => {
      const home = tempHome()
      const {pid} = await running(home, {config: {platforms: {}}})
      const expected = text(CAPTURES, 'running/gateway_state.json')
        .replace('"pid":468', `"pid":${pid}`)
        .replace('/opt/hermes-agent/hermes_cli/main.py', PROGRAM)
        .replace('"start_time":221956', `"start_time":${startTime(pid)}`)
        .replace('2026-11-22T02:46:58.784743+00:00', state(home)!['updated_at'] as string)
      expect(text(home, 'gateway_state.json')).toBe(expected)
      expect(state(home)!['updated_at']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$/)
    })

    test('0.10 takes no lock, and can leave its start time unknown', async () => {
      const home = tempHome()
      const {pid} = await running(home, {config: {version: '0.10', record_start_time: false}})
      expect(existsSync(join(home, 'gateway.lock'))).toBe(false)
      expect(lockedInodes(pid)).toEqual([])
      expect(json(home, 'gateway.pid')).toEqual({pid, kind: 'hermes-gateway', argv: [PROGRAM, 'gateway', 'run'], start_time: null})
    })

    test('on macOS it records its start in 1/100 s since the epoch, and knows others by ps', async () => {
      const home = tempHome()
      const beforeMs = Date.now()
      const {pid, child} = await running(home, {config: {platform: 'darwin'}})
      const started = Number(json(home, 'gateway.pid')['start_time']) * 10
      // No later than ps says, which on Linux may be the second before.
      expect(started).toBeGreaterThan(beforeMs - 2000)
      expect(started).toBeLessThan(Date.now())
      const second = launch(home, {config: {platform: 'darwin'}})
      expect(await second.ended).toEqual({code: 1, signal: null})
      expect(second.stderr()).toContain(`(PID ${pid},`)
      child.kill('SIGKILL')
    })

    test('the oldest format of gateway.pid is a bare number, and it is removed like any other', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {version: '0.10', pid_format: 'integer'}})
      expect(text(home, 'gateway.pid')).toBe(String(gateway.pid))
      gateway.child.kill('SIGINT')
      await gateway.ended
      expect(existsSync(join(home, 'gateway.pid'))).toBe(false)
    })

    test('0.21 names its home in the records and its code in the state', async () => {
      const home = tempHome()
      await running(home, {config: {version: '0.21', code_sha: 'f'.repeat(40)}})
      expect(json(home, 'gateway.pid')).toMatchObject({hermes_home: home})
      expect(json(home, 'gateway.lock')).toMatchObject({hermes_home: home})
      expect(state(home)).toMatchObject({
        hermes_home: home,
        code_sha: 'f'.repeat(40),
        code_version: '0.21.0',
        session_store: {status: 'unknown'},
        active_work: null,
      })
    })

    test('keeps keys of gateway_state.json that are not its own, over a whole life', async () => {
      const home = tempHome()
      writeFileSync(join(home, 'gateway_state.json'), JSON.stringify({desired_state: 'running', gateway_state: 'stopped', pid: 1}))
      const gateway = await running(home)
      expect(state(home)).toMatchObject({desired_state: 'running', gateway_state: 'running', pid: gateway.pid})
      gateway.child.kill('SIGINT')
      await gateway.ended
      expect(state(home)).toMatchObject({desired_state: 'running', gateway_state: 'stopped'})
    })

    test('writes more state fields together with running', async () => {
      const home = tempHome()
      await running(home, {config: {state_fields: {served_profiles: ['ops'], platforms: {telegram: {state: 'connected'}}}}})
      expect(state(home)).toMatchObject({served_profiles: ['ops'], platforms: {telegram: {state: 'connected'}}})
    })

    test('has its lock and its pid record already while it is starting', async () => {
      const home = tempHome()
      const gateway = launch(home, {config: {startup_ms: 300}})
      await waitFor(() => state(home)?.['gateway_state'] === 'starting', 'starting')
      expect(json(home, 'gateway.pid')).toMatchObject({pid: gateway.pid})
      expect(lockedInodes(gateway.pid)).toHaveLength(1)
      await seen(home, gateway, 'running')
      const [start, run] = events(home)
      expect(run!.ms - start!.ms).toBeGreaterThan(300)
    })

    test('never_running stays starting, and still stops', async () => {
      const home = tempHome()
      const gateway = launch(home, {config: {never_running: true}})
      await waitFor(() => wchan(gateway.pid).includes('poll'), 'the event loop')
      expect(state(home)).toMatchObject({gateway_state: 'starting'})
      gateway.child.kill('SIGINT')
      expect(await gateway.ended).toEqual({code: 0, signal: null})
      expect(events(home).map((event) => event.event)).toEqual(['start', 'end'])
    })

    test('logs its life as the real one does', async () => {
      const home = tempHome()
      const gateway = await running(home)
      gateway.child.kill('SIGTERM')
      await gateway.ended
      expect(text(home, 'logs/gateway.log')).toMatch(
        /INFO gateway\.run: Starting .*\n.*INFO gateway\.run: Gateway running\n.*Received SIGTERM .*\n.*WARNING .*Shutdown context: .*\n.*ERROR .*Exiting with code 1/,
      )
      const diagnosis = text(home, 'logs/gateway-exit-diag.log')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Json)
      expect(diagnosis.map((line) => [line['tag'], line['pid']])).toEqual([
        ['gateway.start', gateway.pid],
        ['asyncio.run.returned', gateway.pid],
        ['gateway.exit_nonzero', gateway.pid],
      ])
    })
  })

  describe('a second start', () => {
    test('is refused with exit 1 while the first lives, and changes nothing of the first', async () => {
      const home = tempHome()
      const first = await running(home)
      const before = [text(home, 'gateway.pid'), text(home, 'gateway.lock'), text(home, 'gateway_state.json')]
      const second = launch(home)
      expect(await second.ended).toEqual({code: 1, signal: null})
      expect(second.stderr()).toContain(`already running (PID ${first.pid}`)
      expect([text(home, 'gateway.pid'), text(home, 'gateway.lock'), text(home, 'gateway_state.json')]).toEqual(before)
    })

    test('is refused by the lock alone when the pid record is gone', async () => {
      const home = tempHome()
      await running(home, {config: {unlink_after_start: ['gateway.pid']}})
      expect(await launch(home).ended).toEqual({code: 1, signal: null})
      expect(lastEnd(home)).toMatchObject({reason: 'already-running'})
      expect(existsSync(join(home, 'gateway.pid'))).toBe(false)
    })

    test('replaces the record of a gateway that was killed', async () => {
      const home = tempHome()
      const first = await running(home)
      first.child.kill('SIGKILL')
      await first.ended
      expect(json(home, 'gateway.pid')).toMatchObject({pid: first.pid})
      const second = await running(home)
      expect(json(home, 'gateway.pid')).toMatchObject({pid: second.pid})
    })

    test('with --replace takes over, and the first exits 0 because of the takeover marker', async () => {
      const home = tempHome()
      const first = await running(home)
      const second = await running(home, {args: ['gateway', 'run', '--replace']})
      expect(await first.ended).toEqual({code: 0, signal: null})
      expect(lastEnd(home)).toMatchObject({pid: first.pid, reason: 'takeover'})
      expect(json(home, 'gateway.pid')).toMatchObject({pid: second.pid})
      expect(existsSync(join(home, '.gateway-takeover.json'))).toBe(false)
    })

    test('"refuse-live" takes a zombie for alive, "replace-dead" does not', async () => {
      const parentHome = tempHome()
      const parent = await running(parentHome, {config: {zombie_children: 1}})
      const zombie = childrenOf(parent.pid)[0]!
      await waitFor(() => procStat(zombie)[0] === 'Z', 'a zombie')
      const home = tempHome()
      writeFileSync(join(home, 'gateway.pid'), JSON.stringify({pid: zombie, kind: 'hermes-gateway', start_time: startTime(zombie)}))
      expect(await launch(home, {config: {existing_pid_record: 'refuse-live'}}).ended).toEqual({code: 1, signal: null})
      expect(lastEnd(home)).toMatchObject({reason: 'pid-record'})
      const gateway = await running(home, {config: {existing_pid_record: 'replace-dead'}})
      expect(json(home, 'gateway.pid')).toMatchObject({pid: gateway.pid})
    })

    test('"refuse-any" refuses a dead pid as well, "refuse-live" does not', async () => {
      const home = tempHome()
      const first = await running(home)
      first.child.kill('SIGKILL')
      await first.ended
      expect(await launch(home, {config: {existing_pid_record: 'refuse-any'}}).ended).toEqual({code: 1, signal: null})
      expect(json(home, 'gateway.pid')).toMatchObject({pid: first.pid})
      await running(home, {config: {existing_pid_record: 'refuse-live'}})
    })
  })

  describe('signals', () => {
    test.each([
      [{version: '0.10'}, 'stopped'],
      [{version: '0.16'}, 'running'],
      [{version: '0.21'}, 'running'],
      [{version: '0.16', sigterm_persists: 'stopped'}, 'stopped'],
    ] as const)('an unexpected SIGTERM is exit 1; %j persists %s', async (config, persisted) => {
      const home = tempHome()
      const gateway = await running(home, {config})
      const before = state(home)!['updated_at']
      gateway.child.kill('SIGTERM')
      expect(await gateway.ended).toEqual({code: 1, signal: null})
      expect(state(home)).toMatchObject({gateway_state: persisted, restart_requested: false})
      expect(state(home)!['updated_at']).not.toBe(before)
      expect(existsSync(join(home, 'gateway.pid'))).toBe(false)
    })

    test('an unexpected SIGTERM told to persist nothing leaves gateway_state.json as it was', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {sigterm_persists: null, stop_takes_ms: 20}})
      const before = text(home, 'gateway_state.json')
      gateway.child.kill('SIGTERM')
      expect(await gateway.ended).toEqual({code: 1, signal: null})
      expect(text(home, 'gateway_state.json')).toBe(before)
    })

    test('leaves behind what the capture of `hermes gateway stop` shows: the lock file and state stopped, no pid record', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {platforms: {}}})
      writeMarker(home, PLANNED_STOP, gateway.pid)
      gateway.child.kill('SIGTERM')
      expect(await gateway.ended).toEqual({code: 0, signal: null})
      const names = readdirSync(home).filter((name) => name.startsWith('gateway') || name.startsWith('.gateway'))
      expect(names.sort()).toEqual(readdirSync(join(CAPTURES, 'after-hermes-gateway-stop')).filter((name) => name.startsWith('gateway')))
      const captured = json(CAPTURES, 'after-hermes-gateway-stop/gateway_state.json')
      const {pid, argv, start_time, updated_at} = state(home)!
      expect(state(home)).toEqual({...captured, pid, argv, start_time, updated_at})
    })

    test.each<[code: number, name: string, change: () => Json]>([
      [0, 'without a start time', () => ({target_start_time: null})],
      // By the time of the test, not by that at which the file was read.
      [0, '30 seconds old', () => ({written_at: secondsAgo(30)})],
      [1, '61 seconds old', () => ({written_at: secondsAgo(61)})],
      [1, 'for another pid', () => ({target_pid: 1})],
      [1, 'for an earlier process of this pid', () => ({target_start_time: 1})],
      [1, 'without a zone in its time', () => ({written_at: '2026-01-01T00:00:00'})],
    ])('exits %i on a SIGTERM with a planned-stop marker %s, and uses the marker up', async (code, _name, change) => {
      const home = tempHome()
      // It could come between the marker and the signal, which would then be an unexpected one.
      const gateway = await running(home, {config: {planned_stop_watcher: false}})
      writeMarker(home, PLANNED_STOP, gateway.pid, change())
      gateway.child.kill('SIGTERM')
      expect(await gateway.ended).toEqual({code, signal: null})
      expect(existsSync(join(home, PLANNED_STOP))).toBe(false)
    })

    test('the pid alone decides about a marker when its own start time is unknown', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {record_start_time: false, planned_stop_watcher: false}})
      expect(json(home, 'gateway.pid')['start_time']).toBeNull()
      writeMarker(home, PLANNED_STOP, gateway.pid, {target_start_time: 1})
      gateway.child.kill('SIGTERM')
      expect(await gateway.ended).toEqual({code: 0, signal: null})
    })

    test('0.16 stops on the marker alone, 0.10 waits for a signal', async () => {
      const [newer, older] = [tempHome(), tempHome()]
      const [first, second] = await Promise.all([running(newer), running(older, {config: {version: '0.10'}})])
      writeMarker(newer, PLANNED_STOP, first.pid)
      writeMarker(older, PLANNED_STOP, second.pid)
      expect(await first.ended).toEqual({code: 0, signal: null})
      expect(state(newer)).toMatchObject({gateway_state: 'stopped'})
      await sleep(200)
      expect(existsSync(join(older, PLANNED_STOP))).toBe(true)
      expect(state(older)).toMatchObject({gateway_state: 'running'})
    })

    test('0.21 leaves a marker for another process alone', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {version: '0.21'}})
      writeMarker(home, PLANNED_STOP, gateway.pid, {target_pid: 1})
      await sleep(700)
      expect(existsSync(join(home, PLANNED_STOP))).toBe(true)
      expect(gateway.child.exitCode).toBeNull()
    })

    test('a SIGTERM after the marker was used up makes a planned stop unexpected, as upstream', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {stop_takes_ms: 1000}})
      writeMarker(home, PLANNED_STOP, gateway.pid)
      gateway.child.kill('SIGTERM')
      await waitFor(() => !existsSync(join(home, PLANNED_STOP)), 'the marker used up')
      gateway.child.kill('SIGTERM')
      expect(await gateway.ended).toEqual({code: 1, signal: null})
    })

    test('a slow stop is draining meanwhile', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {stop_takes_ms: 2000}})
      gateway.child.kill('SIGINT')
      await waitFor(() => state(home)?.['gateway_state'] === 'draining', 'draining')
      expect(await gateway.ended).toEqual({code: 0, signal: null})
      expect(state(home)).toMatchObject({gateway_state: 'stopped'})
    })

    test('SIGINT is a planned stop', async () => {
      const home = tempHome()
      const gateway = await running(home)
      gateway.child.kill('SIGINT')
      expect(await gateway.ended).toEqual({code: 0, signal: null})
      expect(lastEnd(home)).toMatchObject({reason: 'sigint', code: 0})
    })

    test('leaves a pid record alone that another process has put there', async () => {
      const home = tempHome()
      const gateway = await running(home)
      writeFileSync(join(home, 'gateway.pid'), '{"pid": 1}')
      gateway.child.kill('SIGINT')
      await gateway.ended
      expect(text(home, 'gateway.pid')).toBe('{"pid": 1}')
    })

    test('SIGHUP kills it without any clean-up', async () => {
      const home = tempHome()
      const gateway = await running(home)
      gateway.child.kill('SIGHUP')
      expect(await gateway.ended).toEqual({code: null, signal: 'SIGHUP'})
      expect(json(home, 'gateway.pid')).toMatchObject({pid: gateway.pid})
      expect(state(home)).toMatchObject({gateway_state: 'running'})
    })

    test('SIGUSR1 drains its work, counts it down, and exits 75 with the restart on record', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {version: '0.21', active_work: 2, drain_ms: 2000}})
      expect(state(home)).toMatchObject({gateway_state: 'running', active_agents: 2, active_work: [{kind: 'chat'}, {kind: 'chat'}]})
      gateway.child.kill('SIGUSR1')
      for (const left of [2, 1]) {
        await waitFor(() => state(home)?.['gateway_state'] === 'draining' && state(home)?.['active_agents'] === left, `draining ${left}`)
      }
      expect(await gateway.ended).toEqual({code: 75, signal: null})
      expect(state(home)).toMatchObject({
        gateway_state: 'stopped',
        restart_requested: true,
        exit_reason: 'Gateway restart requested',
        active_agents: 0,
        active_work: null,
      })
      await running(home, {config: {}})
      expect(state(home)).toMatchObject({gateway_state: 'running', restart_requested: false, exit_reason: null})
    })

    test('under systemd 0.16 ends a requested restart with 0, and 0.21 with 75; both leave the note of it until they run again', async () => {
      for (const [version, code] of [
        ['0.16', 0],
        ['0.21', 75],
      ] as const) {
        const home = tempHome()
        const gateway = await running(home, {config: {version}, env: {INVOCATION_ID: 'x'}})
        gateway.child.kill('SIGUSR1')
        expect(await gateway.ended).toEqual({code, signal: null})
        expect(state(home)).toMatchObject({gateway_state: 'stopped', restart_requested: true})
        expect(json(home, '.restart_pending.json')).toMatchObject({via_service: true, detached: false})
        await running(home)
        expect(existsSync(join(home, '.restart_pending.json'))).toBe(false)
      }
    })

    test('a SIGTERM cuts a drain short, and the requested restart still wins', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {active_work: 1, drain_ms: 60_000}})
      gateway.child.kill('SIGUSR1')
      await waitFor(() => state(home)?.['gateway_state'] === 'draining', 'draining')
      gateway.child.kill('SIGTERM')
      expect(await gateway.ended).toEqual({code: 75, signal: null})
      expect(state(home)).toMatchObject({gateway_state: 'stopped', restart_requested: true, active_agents: 0})
    })

    test.each([
      ['a code', {code: 1}, {code: 1, signal: null}, false],
      ['a signal', {signal: 'ABRT'}, {code: null, signal: 'SIGABRT'}, true],
    ] as const)('dies during a drain with %s', async (_name, exit, ending, recordStays) => {
      const home = tempHome()
      const gateway = await running(home, {config: {drain_ms: 60_000, die_during_drain: {...exit, after_ms: 30}}})
      gateway.child.kill('SIGUSR1')
      expect(await gateway.ended).toEqual(ending)
      expect(state(home)).toMatchObject({gateway_state: 'draining'})
      expect(existsSync(join(home, 'gateway.pid'))).toBe(recordStays)
    })

    test('deaf: it sees the signals and stays', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {deaf: ['SIGTERM', 'SIGUSR1']}})
      gateway.child.kill('SIGTERM')
      gateway.child.kill('SIGUSR1')
      await waitFor(
        () => /Ignoring SIGTERM[^]*Ignoring SIGUSR1|Ignoring SIGUSR1[^]*Ignoring SIGTERM/.test(gateway.stderr()),
        'both ignored',
      )
      expect(state(home)).toMatchObject({gateway_state: 'running'})
      gateway.child.kill('SIGINT')
      expect(await gateway.ended).toEqual({code: 0, signal: null})
    })
  })

  describe('ends that are told', () => {
    test.each([1, 75, 78])('fails to start with %i and says startup_failed', async (code) => {
      const home = tempHome()
      expect(await launch(home, {config: {exit_on_start: {code}}}).ended).toEqual({code, signal: null})
      expect(state(home)).toMatchObject({gateway_state: 'startup_failed', restart_requested: false})
      expect(existsSync(join(home, 'gateway.pid'))).toBe(false)
      expect(lastEnd(home)).toMatchObject({reason: 'exit-on-start', code})
    })

    test('crashes during start-up by a signal and leaves its pid record and starting', async () => {
      const home = tempHome()
      const gateway = launch(home, {config: {exit_on_start: {signal: 'SEGV'}}})
      expect(await gateway.ended).toEqual({code: null, signal: 'SIGSEGV'})
      expect(json(home, 'gateway.pid')).toMatchObject({pid: gateway.pid})
      expect(state(home)).toMatchObject({gateway_state: 'starting', pid: gateway.pid})
      expect(lastEnd(home)).toMatchObject({signal: 'SIGSEGV'})
    })

    test('with state null it fails before it touched lock, pid record or state', async () => {
      const home = tempHome()
      expect(await launch(home, {config: {exit_on_start: {code: 1, state: null}}}).ended).toEqual({code: 1, signal: null})
      expect(readdirSync(home).filter((name) => name.startsWith('gateway'))).toEqual([])
    })

    test('ends by itself after running: 75 as a planned restart', async () => {
      const home = tempHome()
      const gateway = launch(home, {config: {exit_after_ms: 30}})
      expect(await gateway.ended).toEqual({code: 75, signal: null})
      expect(state(home)).toMatchObject({gateway_state: 'stopped', restart_requested: true})
      expect(events(home).map((event) => event.event)).toEqual(['start', 'running', 'end'])
    })

    test.each([
      [{code: 1}, {code: 1, signal: null}, {gateway_state: 'running', restart_requested: false}],
      [{signal: 'SEGV'}, {code: null, signal: 'SIGSEGV'}, {gateway_state: 'running'}],
      [
        {code: 75, state: 'degraded', exit_reason: 'loop_liveness_watchdog', restart_requested: true},
        {code: 75, signal: null},
        {gateway_state: 'degraded', exit_reason: 'loop_liveness_watchdog', restart_requested: true},
      ],
    ] as const)('ends by itself after running: %j', async (exit, ending, persisted) => {
      const home = tempHome()
      expect(await launch(home, {config: {exit_after_ms: 10, exit}}).ended).toEqual(ending)
      expect(state(home)).toMatchObject(persisted)
    })

    test('the hard exit of its loop watchdog leaves the pid record and says so in the lifecycle sentinel alone', async () => {
      const home = tempHome()
      const exit = {code: 75, lifecycle: 'loop_liveness_watchdog'}
      const gateway = launch(home, {config: {version: '0.21', exit_after_ms: 10, exit}})
      expect(await gateway.ended).toEqual({code: 75, signal: null})
      expect(json(home, 'state/gateway.lifecycle.json')).toMatchObject({
        phase: 'exited',
        exit_code: 75,
        exit_reason: 'loop_liveness_watchdog',
      })
      expect(state(home)).toMatchObject({gateway_state: 'running', restart_requested: false})
      expect(json(home, 'gateway.pid')).toMatchObject({pid: gateway.pid})
    })

    test('brakes after too many starts, before it has taken lock and pid record', async () => {
      const home = tempHome()
      const respawn_brake = {max_starts: 2, window_s: 60, first_s: 30, cap_s: 60}
      configure(home, {version: '0.21', exit_after_ms: 1, exit: {code: 1}, respawn_brake})
      for (let start = 0; start < 2; start++) expect((await launch(home).ended).code).toBe(1)
      const third = launch(home)
      await waitFor(() => third.stderr().includes('(re)started 3 times in 60s — backing off 30s'), 'the brake')
      expect(text(home, 'gateway-starts.log').split('\n')).toHaveLength(4)
      expect(existsSync(join(home, 'gateway.pid'))).toBe(false)
    })

    test('a sequence gives each start its own behaviour, and the last one stays', async () => {
      const home = tempHome()
      configure(home, {
        sequence: [{repeat: 3, exit_on_start: {code: 75}}, {exit_on_start: {signal: 'KILL'}}, {exit_after_ms: 10, exit: {code: 1}}],
      })
      const endings: Ending[] = []
      for (let start = 0; start < 5; start++) endings.push(await launch(home).ended)
      expect(endings.map((ending) => ending.code ?? ending.signal)).toEqual([75, 75, 75, 'SIGKILL', 1])
      await running(home)
      expect(text(home, 'stand-in.count')).toBe('6')
      const starts = events(home).filter((event) => event.event === 'start')
      expect(starts).toHaveLength(6)
      expect(starts.every((start, index) => index === 0 || start.ms > starts[index - 1]!.ms)).toBe(true)
    })

    test.each([
      ['unset', {}, 78],
      ['empty', {TOKEN: ''}, 78],
    ])('a required variable that is %s is exit 78', async (_name, env, code) => {
      const home = tempHome()
      const gateway = launch(home, {config: {requires_env: ['TOKEN']}, env})
      expect(await gateway.ended).toEqual({code, signal: null})
      expect(gateway.stderr()).toContain('TOKEN not set')
    })

    test('writes environment values down exactly', async () => {
      const home = tempHome()
      const TOKEN = 'a "b" \\ $c %d\n\té 😀 \''
      const gateway = await running(home, {config: {requires_env: ['TOKEN'], dump_env: ['TOKEN', 'ABSENT']}, env: {TOKEN}})
      expect(json(home, 'stand-in.env.json')).toEqual({HERMES_HOME: home, PATH: '/usr/bin:/bin', TOKEN, ABSENT: null})
      expect(gateway.child.exitCode).toBeNull()
    })
  })

  describe('misbehaviour', () => {
    /** What the main thread was seen waiting for in 12 samples over 0.3 s; a sample taken while it ran says nothing. */
    async function waits(pid: number): Promise<string[]> {
      const found = new Set<string>()
      for (let sample = 0; sample < 12; sample++) {
        found.add(wchan(pid))
        await sleep(25)
      }
      found.delete('0')
      return [...found]
    }

    test('a healthy idle loop waits in epoll and wakes up now and then', async () => {
      const {pid} = await running(tempHome())
      const status = () => text('/proc', String(pid), 'task', String(pid), 'status')
      const switches = () => Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status())![1])
      const before = switches()
      expect(await waits(pid)).toEqual([expect.stringMatching(/epoll|ep_poll/)])
      await waitFor(() => switches() > before, 'a wake-up')
    })

    test('frozen by a block, the main thread sleeps for good and SIGTERM is not handled', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {freeze: 'block', freeze_after_ms: 10}})
      await seen(home, gateway, 'freeze')
      gateway.child.kill('SIGTERM')
      await waitFor(() => wchan(gateway.pid) === 'hrtimer_nanosleep', 'the block')
      expect(await waits(gateway.pid)).toEqual(['hrtimer_nanosleep'])
      expect(state(home)).toMatchObject({gateway_state: 'running'})
    })

    test('frozen by spinning, the main thread runs and never waits in epoll', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {freeze: 'spin', freeze_after_ms: 10}})
      await seen(home, gateway, 'freeze')
      const ticks = () => Number(procStat(gateway.pid)[11])
      const before = ticks()
      gateway.child.kill('SIGTERM')
      await waitFor(() => ticks() - before > 10, 'CPU time')
      expect((await waits(gateway.pid)).filter((name) => /epoll|ep_poll|nanosleep/.test(name))).toEqual([])
    })

    test('frozen by SIGSTOP it is stopped, and holds its lock', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {freeze: 'stop', freeze_after_ms: 10}})
      await waitFor(() => procStat(gateway.pid)[0] === 'T', 'stopped')
      expect(lockedInodes(gateway.pid)).toHaveLength(1)
    })

    test('leaves its children behind; deaf ones ignore SIGTERM', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {fork_children: 2, children_deaf: true, zombie_children: 1}})
      const children = childrenOf(gateway.pid)
      cleanups.push(() => {
        for (const pid of children) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL')
      })
      const named = (pid: number) => `${text('/proc', String(pid), 'comm').trim()} ${procStat(pid)[0]}`
      await waitFor(() => children.map(named).sort().join() === 'hermes Z,sleep S,sleep S', 'the children')
      const sleeping = children.filter((pid) => named(pid).startsWith('sleep'))
      for (const pid of sleeping) process.kill(pid, 'SIGTERM')
      gateway.child.kill('SIGINT')
      await gateway.ended
      expect(sleeping.map(named)).toEqual(['sleep S', 'sleep S'])
    })

    test('children that are not deaf end on SIGTERM', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {fork_children: 1}})
      const [child] = childrenOf(gateway.pid)
      await waitFor(() => text('/proc', String(child), 'comm') === 'sleep\n', 'exec')
      process.kill(child!, 'SIGTERM')
      await waitFor(() => procStat(child!)[0] === 'Z', 'the end')
    })

    test('holds the lock on a gateway.lock that it deleted', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {unlink_after_start: ['gateway.lock', 'gateway.pid']}})
      await waitFor(() => !existsSync(join(home, 'gateway.pid')) && !existsSync(join(home, 'gateway.lock')), 'both gone')
      expect(lockedInodes(gateway.pid)).toHaveLength(1)
      gateway.child.kill('SIGINT')
      expect(await gateway.ended).toEqual({code: 0, signal: null})
    })
  })

  describe('0.21', () => {
    const identify = '{"verb":"identify","id":1,"protocol":1}\n'

    test('answers identify, status and an unknown verb on a private control socket', async () => {
      const home = tempHome()
      const {pid} = await running(home, {config: {version: '0.21'}, env: {INVOCATION_ID: 'x'}})
      const socket = join(home, 'gateway.sock')
      expect(statSync(socket).mode & 0o777).toBe(0o600)
      expect(JSON.parse(await ask(socket, identify))).toEqual({
        ok: true,
        protocol: 1,
        id: 1,
        result: {
          protocol: 1,
          kind: 'hermes-gateway',
          pid,
          start_time: startTime(pid),
          hermes_home: home,
          profile: 'default',
          supervisor: 'systemd',
          code_sha: '0'.repeat(40),
          code_version: '0.21.0',
        },
      })
      const status = JSON.parse(await ask(socket, '{"verb":"status","id":"s"}\n')) as Json
      expect(status).toMatchObject({ok: true, id: 's', result: {...state(home), answering_pid: pid, protocol: 1}})
      const unknown = JSON.parse(await ask(socket, '{"verb":"fly","id":2}\n')) as Json
      expect(unknown).toMatchObject({ok: false, id: 2, supported_verbs: ['identify', 'status']})
      expect(JSON.parse(await ask(socket, 'no json\n'))).toMatchObject({ok: false, protocol: 1})
    })

    test('says its profile and an external supervisor, and takes its socket away at the end', async () => {
      const root = tempHome()
      const home = join(root, 'profiles/ops')
      mkdirSync(home, {recursive: true})
      configure(home, {version: '0.21', state_fields: {served_profiles: ['a']}})
      const gateway = await running(home, {args: ['-p', 'ops', 'gateway', 'run', '--external-supervisor'], hermesHome: root})
      const answer = JSON.parse(await ask(join(home, 'gateway.sock'), identify)) as Json
      expect(answer['result']).toMatchObject({profile: 'ops', supervisor: 'external', served_profiles: ['a']})
      gateway.child.kill('SIGINT')
      await gateway.ended
      expect(existsSync(join(home, 'gateway.sock'))).toBe(false)
    })

    test('in a home too long for a socket it leaves a pointer to one in the temporary folder', async () => {
      const home = join(tempHome(), 'x'.repeat(100))
      const gateway = await running(home, {config: {version: '0.21'}})
      const socket = text(home, 'gateway.sock.path')
      expect(socket).toMatch(/\/hermes-gw-[0-9a-f]{16}\.sock$/)
      expect(JSON.parse(await ask(socket, identify))).toMatchObject({result: {pid: gateway.pid}})
      expect(await waitFor(() => heartbeat(home), 'a heartbeat')).toMatchObject({loop_tick_socket: false})
      gateway.child.kill('SIGINT')
      await gateway.ended
      expect([existsSync(socket), existsSync(join(home, 'gateway.sock.path'))]).toEqual([false, false])
    })

    test('beats, and its loop answers a tick with 1', async () => {
      const home = tempHome()
      const {pid} = await running(home, {config: {version: '0.21', heartbeat_ms: 20}})
      const first = await waitFor(() => heartbeat(home), 'a heartbeat')
      expect(first).toEqual({
        pid,
        updated_at: expect.stringMatching(/\+00:00$/),
        monotonic: expect.any(Number),
        start_time: expect.any(Number),
        mem: {
          rss_kib: expect.any(Number),
          mem_total_kib: expect.any(Number),
          mem_available_kib: expect.any(Number),
          swap_used_kib: expect.any(Number),
        },
        loop_tick_socket: true,
        loop_tick_tcp_port: null,
      })
      await waitFor(() => heartbeat(home)!['updated_at'] !== first['updated_at'], 'another heartbeat')
      expect(await ask(join(home, `state/gateway.loop-tick.${pid}.sock`), '')).toBe('1')
    })

    test('frozen, it neither answers a tick or identify nor beats again', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {version: '0.21', heartbeat_ms: 20, freeze_after_ms: 100}})
      await seen(home, gateway, 'freeze')
      await sleep(50)
      const before = text(home, 'state/gateway.heartbeat')
      expect(await ask(join(home, `state/gateway.loop-tick.${gateway.pid}.sock`), '', 100)).toBe('')
      expect(await ask(join(home, 'gateway.sock'), identify, 100)).toBe('')
      expect(text(home, 'state/gateway.heartbeat')).toBe(before)
    })

    test('heartbeat, tick and control socket can each be left out', async () => {
      const [silent, tickless] = [tempHome(), tempHome()]
      await running(silent, {config: {version: '0.21', heartbeat_ms: null, control_socket: false}})
      await running(tickless, {config: {version: '0.21', loop_tick_socket: false}})
      expect(await waitFor(() => heartbeat(tickless), 'a heartbeat')).toMatchObject({loop_tick_socket: false})
      expect(readdirSync(join(silent, 'state'))).toEqual(['gateway.lifecycle.json'])
      expect(existsSync(join(silent, 'gateway.sock'))).toBe(false)
    })

    test('its lifecycle says exited after a stop', async () => {
      const home = tempHome()
      const gateway = await running(home, {config: {version: '0.21'}})
      const life = json(home, 'state/gateway.lifecycle.json')
      expect(life).toEqual({
        phase: 'running',
        pid: gateway.pid,
        start_time: expect.any(Number),
        started_at: expect.any(String),
        create_time: expect.any(Number),
      })
      gateway.child.kill('SIGINT')
      await gateway.ended
      expect(json(home, 'state/gateway.lifecycle.json')).toEqual({
        phase: 'exited',
        pid: gateway.pid,
        exit_code: 0,
        exit_reason: 'graceful_shutdown',
        exited_at: expect.any(String),
        start_time: life['start_time'],
        create_time: life['create_time'],
      })
    })

    test('its lifecycle says running after a SIGKILL, and the next life says that the one before ended uncleanly', async () => {
      const home = tempHome()
      const first = await running(home, {config: {version: '0.21'}})
      first.child.kill('SIGKILL')
      await first.ended
      expect(json(home, 'state/gateway.lifecycle.json')).toMatchObject({phase: 'running', pid: first.pid})
      const second = await running(home)
      expect(json(home, 'state/gateway.lifecycle.json')).toMatchObject({phase: 'running', pid: second.pid, prior_unclean_exit: true})
      expect(text(home, 'logs/gateway-exit-diag.log')).toContain('"tag": "gateway.previous_unclean_exit"')
    })
  })

  test('its table of keys, its defaults and the TypeScript types name the same keys', () => {
    const program = text(PROGRAM)
    const table = [...program.split('"""')[1]!.matchAll(/^ {4}([a-z_]+) {2,}\S/gm)].map((match) => match[1]).filter((key) => key !== 'key')
    const defaults = [.../^DEFAULTS = \{([^]*?)^\}/m.exec(program)![1]!.matchAll(/"([a-z_]+)": /g)].map((match) => match[1])
    const [before, types] = text(ROOT, 'src/smoke/stand-in/config.ts').split('export interface StandInBehaviour')
    const typed = [...types!.matchAll(/^ {2}([a-z_]+)\?:/gm)].map((match) => match[1])
    const exitKeys = [.../^EXIT_KEYS = \{(.*)\}/m.exec(program)![1]!.matchAll(/"([a-z_]+)"/g)].map((match) => match[1])
    const typedExitKeys = [...before!.matchAll(/^ {2}([a-z_]+)\?:/gm)].map((match) => match[1])
    expect(table).toHaveLength(36)
    expect(typed).toEqual(table)
    expect(defaults.filter((key) => key !== 'code')).toEqual(table)
    expect(['code', 'signal', ...typedExitKeys]).toEqual(exitKeys)
  })
})
