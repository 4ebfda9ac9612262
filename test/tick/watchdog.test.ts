import {lookAtHome, type SeenGateway} from '../../src/observe/look.js'
import {describe, expect, it} from 'vitest'
import {watch, type WatchedService} from '../../src/tick/watchdog.js'
import {tickPlaces} from '../../src/managers/systemd/paths.js'
import {type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const RUNTIME = '/run/user/1000/hermes-svc-hermes-gateway'
const MEMORY = `${RUNTIME}/watchdog`
const PID = 777
const START_TIME = 5000
const SERVICE: WatchedService = {
  ...{name: 'hermes-gateway.service', home: HOME, runtimeFolder: RUNTIME, limit: 2, intervalSec: 60, awakeForMs: Infinity},
  isOwn: (process) => tickPlaces(new FakeHost(), '/unused').isOwn('hermes-gateway', process),
}

interface Options {
  readonly cgroup?: string
  readonly files?: Readonly<Record<string, FakeFile | string>>
  readonly locked?: readonly string[]
  /** What the main thread sleeps in. */
  readonly wchan?: string
}

/** A machine with a gateway that was stopped by a signal, up for longer than a young one. */
function machine({cgroup = '/user.slice/hermes-gateway.service', files = {}, locked = [], wchan = '0'}: Options = {}): FakeHost {
  const record = {pid: PID, start_time: START_TIME, argv: ['hermes', 'gateway', 'run']}
  const stat = `${PID} (hermes) T 1 ${'0 '.repeat(17)}${START_TIME} 0\n`
  const own = {uid: USER.uid, gid: USER.gid}
  return new FakeHost({
    monotonicMs: START_TIME * 10 + 60_000,
    pids: [PID],
    locked,
    files: {
      [HOME]: {folder: true, ...own},
      [`${HOME}/gateway.pid`]: {text: JSON.stringify(record), ...own},
      [`${HOME}/gateway_state.json`]: {text: JSON.stringify({...record, gateway_state: 'running'}), ...own},
      [RUNTIME]: {folder: true, mode: 0o700, ...own},
      '/proc/uptime': '1.00 1.00\n',
      '/proc/locks': '',
      [`/proc/${PID}`]: {folder: true, ...own},
      [`/proc/${PID}/stat`]: {text: stat, ...own},
      [`/proc/${PID}/cmdline`]: {text: 'hermes\0gateway\0run\0', ...own},
      [`/proc/${PID}/environ`]: {text: `HERMES_HOME=${HOME}\0`, ...own},
      [`/proc/${PID}/cgroup`]: {text: `0::${cgroup}\n`, ...own},
      [`/proc/${PID}/task/${PID}/stat`]: {text: stat.replace(' T ', wchan === '0' ? ' T ' : ' S '), ...own},
      [`/proc/${PID}/task/${PID}/wchan`]: {text: wchan, ...own},
      ...files,
    },
  })
}

function proved(host: FakeHost): SeenGateway {
  return lookAtHome(host, HOME)
}

/** Ticks so often; the line of the last one. */
async function ticks(host: FakeHost, count: number): Promise<string | undefined> {
  let line: string | undefined
  for (let index = 0; index < count; index++) {
    line = (await watch(host, SERVICE, proved(host)))?.line
    await host.sleep(60_000)
  }
  return line
}

const signals = (host: FakeHost) => host.changes.filter((change) => change.kind === 'signal')
const memoryOf = (host: FakeHost) => JSON.parse(host.texts()[MEMORY] ?? 'null') as unknown

describe('the watchdog of a tick', () => {
  it('counts nothing of a gateway that has just been woken, and forgets what it counted before the sleep', async () => {
    const host = machine()
    const tickWhen = async (awakeForMs: number) => {
      const watched = await watch(host, {...SERVICE, awakeForMs}, proved(host))
      await host.sleep(60_000)
      return watched
    }
    expect(await tickWhen(Infinity)).toBeUndefined()
    for (const awakeForMs of [0, 60_000, 120_000]) expect(await tickWhen(awakeForMs)).toBeUndefined()
    expect(memoryOf(host)).toMatchObject({wedgedTicks: 0, kills: 0})
    expect(await tickWhen(180_000)).toBeUndefined()
    expect(signals(host)).toEqual([])
    host.after(10, () => host.drop(`/proc/${PID}`))
    expect((await tickWhen(240_000))?.line).toMatch(/after 2 ticks in a row/)
  })

  it('kills what it has proved wedged for long enough, as the service’s user, and writes it down', async () => {
    const host = machine()
    // The kernel takes it away as soon as it is killed.
    host.after(60_010, () => host.drop(`/proc/${PID}`))
    expect(await watch(host, SERVICE, proved(host))).toBeUndefined()
    expect(memoryOf(host)).toMatchObject({pid: PID, startTime: START_TIME, wedgedTicks: 1, kills: 0})
    await host.sleep(60_000)
    expect((await watch(host, SERVICE, proved(host)))?.line).toMatch(
      /^the watchdog had to kill the wedged gateway \(pid 777\) after 2 ticks in a row/,
    )
    expect(signals(host)).toEqual([{kind: 'signal', pid: PID, signal: 'SIGKILL', as: USER.name}])
    expect(memoryOf(host)).toMatchObject({wedgedTicks: 0, kills: 1})
    const journal = host.texts()[`${HOME}/logs/hermes-svc.jsonl`] ?? ''
    const steps = [{kind: 'act', changed: true}]
    expect(JSON.parse(journal)).toMatchObject({command: 'watchdog', service: SERVICE.name, outcome: 'done', steps})
    expect(host.changes.filter(({kind}) => kind === 'lock' || kind === 'release')).toHaveLength(2)
  })

  it('does not kill the next one soon again, and says for how long it waits, once', async () => {
    const memory = {pid: PID - 1, startTime: START_TIME - 1, wedgedTicks: 0, kills: 1, lastKillMs: START_TIME * 10}
    const host = machine({files: {[MEMORY]: {text: JSON.stringify(memory), uid: USER.uid, gid: USER.gid}}})
    expect(await ticks(host, 2)).toBe('pid 777 is wedged, but the watchdog has recently killed a gateway, so it waits another 8 min')
    expect(await ticks(host, 3)).toBeUndefined()
    expect(signals(host)).toEqual([])
  })

  it('says so where the process survives even that', async () => {
    const host = machine()
    expect(await ticks(host, 2)).toContain('still exists after SIGKILL')
    expect(host.texts()[`${HOME}/logs/hermes-svc.jsonl`]).toContain('"outcome":"failed"')
  })

  it.each<[string, Options, string | undefined]>([
    ['outside its service', {cgroup: '/user.slice/session-1.scope'}, 'outside its service'],
    ['of another service whose name is longer', {cgroup: '/user.slice/hermes-gateway.service.d'}, 'outside its service'],
    ['about to be stopped', {files: {[`${HOME}/.hermes-svc.json`]: '{"desiredState":"stopped"}'}}, 'about to stop'],
    ['of an intent that cannot be read', {files: {[`${HOME}/.hermes-svc.json`]: '{'}}, 'cannot tell whether it should be running'],
    ['what another command is at work on', {locked: [HOME]}, undefined],
    ['back in its event loop by now', {wchan: 'do_epoll_wait'}, undefined],
  ])('does not kill a wedged gateway that is %s', async (_, options, why) => {
    const host = machine(options)
    const line = await ticks(host, 2)
    if (why === undefined) expect(line).toBeUndefined()
    else expect(line).toContain(why)
    // Once is enough.
    expect(await ticks(host, 5)).toBeUndefined()
    expect(signals(host)).toEqual([])
  })

  it('does nothing where it could not remember it', async () => {
    const host = machine()
    host.drop(RUNTIME)
    expect(await ticks(host, 5)).toBeUndefined()
    expect(host.changes).toEqual([])

    const full = machine({files: {[RUNTIME]: {folder: true, mode: 0o500, uid: USER.uid, gid: USER.gid}}})
    expect(await ticks(full, 5)).toContain('the watchdog failed')
    expect(signals(full)).toEqual([])
  })

  it('counts nothing while there is nothing to count', async () => {
    const host = machine()
    host.drop(`/proc/${PID}`)
    expect(await ticks(host, 5)).toBeUndefined()
    expect(host.changes).toEqual([])
  })

  it('takes a process for as old as the clock that says the most', async () => {
    const young = machine({files: {'/proc/uptime': `${START_TIME / 100 + 29}.00 1.00\n`}})
    const inContainer = new FakeHostAt(young, START_TIME * 10 + 29_000)
    expect(inContainer.monotonicMs() - START_TIME * 10).toBe(29_000)
    await watch(inContainer, {...SERVICE, limit: 1}, proved(inContainer))
    expect(signals(inContainer)).toEqual([])
    // Asleep for a day: CLOCK_MONOTONIC has not gone on, the uptime has.
    inContainer.put('/proc/uptime', `${START_TIME / 100 + 86_400}.00 1.00\n`)
    await watch(inContainer, {...SERVICE, limit: 1}, proved(inContainer))
    expect(signals(inContainer)).toHaveLength(1)
  })
})

/** The same machine at another moment. */
class FakeHostAt extends FakeHost {
  constructor(base: FakeHost, monotonicMs: number) {
    super({monotonicMs, pids: [PID]})
    for (const [file, text] of Object.entries(base.texts())) this.put(file, {text, uid: USER.uid, gid: USER.gid})
    this.put(RUNTIME, {folder: true, mode: 0o700, uid: USER.uid, gid: USER.gid})
    this.put(`/proc/${PID}`, {folder: true, uid: USER.uid, gid: USER.gid})
  }
}
