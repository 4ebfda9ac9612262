import {describe, expect, it} from 'vitest'
import {notifyFile, formatNotify, NO_NOTIFY, type NotifySettings} from '../../src/notify/notify-file.js'
import {notifyStateFile, readNotifyState} from '../../src/notify/notify-state.js'
import {tickAll} from '../../src/tick/tick-all.js'
import {tickPlaces} from '../../src/managers/systemd/paths.js'
import {formatSettings} from '../../src/service/settings.js'
import {HostError} from '../../src/host/host.js'
import {type FakeCommand, type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'
import {SETTINGS} from '../fakes/settings.js'

const SUPPORT = '/home/user/.config/hermes-svc'
const HOME = '/home/user/.hermes'
const MEMORY = '/run/user/1000/hermes-svc-hermes-gateway'
const PID = 777
const MINUTE = 60_000
const ASK: FakeCommand = {
  argv: [
    ...['systemctl', '--user', 'show'],
    '--property=Result,ActiveState,NRestarts,StartLimitBurst,StartLimitIntervalUSec,RestartUSec,RestartSteps,RestartMaxDelayUSec',
    ...['--', 'hermes-gateway.service'],
  ],
  stdout: 'Result=success\nActiveState=failed\nNRestarts=1\nStartLimitBurst=200\n',
  times: Infinity,
}

/** The line of its helper about a gateway whose configuration is wrong. */
const CONFIG_END = `${JSON.stringify({
  ...{time: '2025-12-31T23:59:00Z', event: 'end', code: 'exited', status: '78', result: 'exit-code', uptimeMs: 9},
  ...{reason: 'config', failures: 0, delayMs: 0},
})}\n`

/** One machine with a service whose gateway comes and goes, ticked once a minute. What its one target is told goes into `told`. */
class Night {
  readonly told: string[] = []
  readonly events: Record<string, unknown>[] = []
  readonly lines: string[] = []
  answers = 0
  readonly host: FakeHost
  constructor(
    notify: Partial<NotifySettings> = {},
    files: Readonly<Record<string, string | FakeFile>> = {},
    ask: FakeCommand = ASK,
    upMs = 1440 * MINUTE,
  ) {
    const stat = `${PID} (hermes) S 1 ${'0 '.repeat(17)}5000 0\n`
    const record = {pid: PID, start_time: 5000, argv: ['hermes', 'gateway', 'run']}
    this.host = new FakeHost({
      monotonicMs: upMs,
      files: {
        [`${SUPPORT}/heartbeat.cjs`]: '// the tick',
        [`${SUPPORT}/hermes-gateway/settings.json`]: formatSettings(SETTINGS),
        [`${HOME}/gateway.pid`]: JSON.stringify(record),
        [`${HOME}/gateway_state.json`]: JSON.stringify({
          ...record,
          gateway_state: 'running',
          updated_at: '2025-12-31T23:00:00.123456+00:00',
        }),
        [`${HOME}/logs/gateway.log`]: 'first\nwith token=verysecretvalue\n',
        [`${HOME}/.env`]: 'KEY=hush-hush-hush\n',
        [notifyFile(HOME)]: {text: formatNotify({...NO_NOTIFY, targets: ['exec:/bin/tell'], ...notify}), mode: 0o600},
        '/proc/locks': '',
        '/proc/sys/kernel/hostname': 'box\n',
        [MEMORY]: {folder: true, uid: USER.uid},
        ...files,
      },
      commands: [ask, {argv: ['/bin/tell'], times: Infinity, effect: () => undefined}],
    })
    const run = this.host.run.bind(this.host)
    this.host.run = async (argv, options) => {
      const result = await run(argv, options)
      if (argv[0] !== '/bin/tell') return result
      const event = JSON.parse(options?.input ?? '') as {type: string; data: {what: string; reminder: boolean}}
      if (this.answers > 0) return {...result, code: this.answers}
      this.events.push(event)
      this.told.push(`${event.data.reminder ? 'still ' : ''}${event.type.replace('hermes-svc.', '')}`)
      return result
    }
    this.stat = stat
    this.lives()
  }
  private readonly stat: string
  private sleptMs = 0

  lives(): this {
    this.host.put(`/proc/${PID}`, {folder: true, uid: USER.uid})
    this.put(`/proc/${PID}/cmdline`, 'hermes\0gateway\0run\0')
    this.put(`/proc/${PID}/environ`, `HERMES_HOME=${HOME}\0`)
    this.put(`/proc/${PID}/stat`, this.stat)
    this.put(`/proc/${PID}/task/${PID}/stat`, this.stat)
    this.put(`/proc/${PID}/task/${PID}/wchan`, 'ep_poll')
    return this
  }

  dies(): this {
    this.host.drop(`/proc/${PID}`)
    return this
  }

  /** The machine sleeps: its monotonic clock stands still, that since the boot and the wall clock go on. */
  suspended(ms: number): void {
    this.sleptMs += ms
    this.host.setClock(this.host.nowMs() + ms)
  }

  put(file: string, text: string): void {
    this.host.put(file, text)
  }

  /** No file of the home is written as a whole any more; on a disk that is full, as on one without inodes, those that are there can be written over. */
  takesNothing(code: 'ENOSPC' | 'EROFS'): () => void {
    const {host} = this
    const [writeAtomic, editInPlace, appendLine] = [host.writeAtomic.bind(host), host.editInPlace.bind(host), host.appendLine.bind(host)]
    const refuse = (file: string) => {
      if (file.startsWith(`${HOME}/`)) throw new HostError(code, file, 'cannot write')
    }
    host.writeAtomic = (file, ...rest) => (refuse(file), writeAtomic(file, ...rest))
    if (code === 'EROFS') {
      host.editInPlace = (file, ...rest) => (refuse(file), editInPlace(file, ...rest))
      host.appendLine = (file, ...rest) => (refuse(file), appendLine(file, ...rest))
    }
    return () => Object.assign(host, {writeAtomic, editInPlace, appendLine})
  }

  async ticks(count: number, everyMs = MINUTE): Promise<this> {
    for (let done = 0; done < count; done++) {
      await this.host.sleep(everyMs)
      this.put('/proc/uptime', `${(this.host.monotonicMs() + this.sleptMs) / 1000} 1.00\n`)
      this.lines.push(...(await tickAll(this.host, tickPlaces(this.host, SUPPORT))).map(({text}) => text))
    }
    return this
  }

  journal(): string[] {
    const text = this.host.texts()[`${HOME}/logs/hermes-svc.jsonl`] ?? ''
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as {event: string}).event)
  }
}

describe('a night of ticks', () => {
  it('tells once that the gateway is down, after two ticks, and once that it is well again', async () => {
    const night = new Night()
    await night.ticks(3)
    expect(night.told).toEqual([])
    await night.dies().ticks(1)
    expect(night.told).toEqual([])
    await night.ticks(5)
    expect(night.told).toEqual(['down'])
    await night.lives().ticks(4)
    expect(night.told).toEqual(['down', 'recovered'])
    expect(night.journal()).toEqual(['down', 'recovered'])
    expect(night.lines).toEqual([])
  })

  it.each([
    ['a sleep in which the machine stood still', (night: Night) => night.suspended(8 * 60 * MINUTE)],
    ['a sleep by which the wall clock alone has gone on', (night: Night) => night.host.setClock(night.host.nowMs() + 8 * 60 * MINUTE)],
    ['a manager that was held for long', (night: Night) => night.host.sleep(8 * 60 * MINUTE)],
  ] as const)('says nothing in the first minutes after %s, and after them what lasts', async (_, sleep) => {
    const night = new Night()
    await night.ticks(3)
    await sleep(night)
    await night.dies().ticks(3)
    expect([night.told, night.journal()]).toEqual([[], []])
    await night.lives().ticks(2)
    expect([night.told, night.journal()]).toEqual([[], []])
    await night.dies().ticks(2)
    expect(night.told).toEqual(['down'])
  })

  it('says which machine, profile and service, what, since when, the last lines without secrets, and what to type', async () => {
    const night = new Night()
    await night.dies().ticks(2)
    expect(night.events).toMatchObject([
      {
        type: 'hermes-svc.down',
        data: {
          ...{machine: 'box', service: 'hermes-gateway.service', profile: 'default', what: 'is down, but it should be running'},
          ...{since: new Date(night.host.nowMs() - MINUTE).toISOString(), next: 'hermes-svc doctor --fix'},
          lines: ['first', 'with token=<hidden>'],
        },
      },
    ])
  })

  it('says nothing of a stop that the operator asked for, and forgets what was told before it', async () => {
    const night = new Night()
    night.put(`${HOME}/.hermes-svc.json`, JSON.stringify({schemaVersion: 1, desiredState: 'stopped', since: 'x', by: 'stop'}))
    await night.dies().ticks(5)
    expect(night.told).toEqual([])
    night.put(`${HOME}/.hermes-svc.json`, JSON.stringify({schemaVersion: 1, desiredState: 'running', since: 'x', by: 'start'}))
    await night.ticks(2)
    night.put(`${HOME}/.hermes-svc.json`, JSON.stringify({schemaVersion: 1, desiredState: 'stopped', since: 'x', by: 'stop'}))
    await night.ticks(2)
    await night.lives().ticks(3)
    expect(night.told).toEqual(['down'])
  })

  it('says nothing while a command of ours is at work on the service, and tells afterwards', async () => {
    const night = new Night()
    const held = await night.host.lockWithin(HOME)
    await night.dies().ticks(4)
    expect(night.told).toEqual([])
    await held?.release()
    await night.ticks(1)
    expect(night.told).toEqual(['down'])
  })

  it('says nothing in the first minutes after a boot', async () => {
    const night = new Night({}, {}, ASK, MINUTE / 2)
    await night.dies().ticks(2)
    expect(night.told).toEqual([])
    await night.ticks(4)
    expect(night.told).toEqual(['down'])
  })

  it('keeps what could not be told, tells it in order once that works, and says so once', async () => {
    const night = new Night()
    night.answers = 1
    await night.dies().ticks(4)
    await night.lives().ticks(4)
    expect(night.told).toEqual([])
    expect(night.lines).toEqual(['hermes-gateway.service: cannot notify exec tell: exit 1'])
    expect(readNotifyState(night.host, [notifyStateFile(HOME)]).outbox.waiting.map(({event}) => event.kind)).toEqual(['down', 'recovered'])
    night.answers = 0
    await night.ticks(10)
    expect(night.told).toEqual(['down', 'recovered'])
    expect(readNotifyState(night.host, [notifyStateFile(HOME)]).outbox).toEqual({waiting: [], faults: {}})
  })

  it('reminds every so often while it lasts', async () => {
    const night = new Night({reminderMs: 60 * MINUTE})
    await night.dies().ticks(130)
    expect(night.told).toEqual(['down', 'still down', 'still down'])
    expect(night.journal()).toEqual(['down'])
  })

  it('tells only what was asked for, and notes all', async () => {
    const night = new Night({on: ['recovered']})
    await night.dies().ticks(3)
    await night.lives().ticks(3)
    expect(night.told).toEqual(['recovered'])
    expect(night.journal()).toEqual(['down', 'recovered'])
  })

  it('tells at once of a gateway whose configuration is wrong, by the last line of its helper', async () => {
    const night = new Night({}, {[`${HOME}/logs/hermes-svc.jsonl`]: CONFIG_END})
    await night.dies().ticks(1)
    expect(night.told).toEqual(['fatal-config'])
    expect(night.events[0]).toMatchObject({data: {since: '2025-12-31T23:59:00.000Z', next: 'hermes-svc doctor'}})
  })

  it('tells what the kernel has done, by the last line of its helper', async () => {
    const end = {
      ...{time: '2025-12-31T23:59:00Z', event: 'end', code: 'killed', status: 'KILL', result: 'oom-kill', uptimeMs: 9},
      ...{reason: 'failure', failures: 1, delayMs: 0},
    }
    const night = new Night({}, {[`${HOME}/logs/hermes-svc.jsonl`]: `${JSON.stringify(end)}\n`})
    await night.dies().ticks(2)
    expect(night.events).toMatchObject([
      {data: {what: 'is down, but it should be running; it was killed by the kernel for lack of memory'}},
    ])
  })

  it('does not lay an end to a gateway that was started after it: not the time, and not what the kernel has done', async () => {
    const end = {
      ...{time: '2025-12-24T12:00:00Z', event: 'end', code: 'killed', status: 'KILL', result: 'oom-kill', uptimeMs: 9},
      ...{reason: 'failure', failures: 1, delayMs: 0},
    }
    const night = new Night({}, {[`${HOME}/logs/hermes-svc.jsonl`]: `${JSON.stringify(end)}\n`, [`${MEMORY}/started`]: '123456\n'})
    await night.dies().ticks(5)
    expect(night.events).toMatchObject([{data: {what: 'is down, but it should be running'}}])
    expect(Date.parse((night.events[0]?.data as {since: string}).since)).toBeGreaterThan(Date.parse(end.time) + 24 * 60 * MINUTE)
  })

  it.each([
    ['that is told as the result', 'Result=start-limit-hit\n', 'start-limit'],
    [
      'at whose burst the restarts are left',
      'Result=exit-code\nActiveState=failed\nNRestarts=4\nStartLimitBurst=3\nStartLimitIntervalUSec=5min\nRestartUSec=1s\n',
      'start-limit',
    ],
    [
      'that the pace of the unit cannot reach, however many restarts there were: it is down, by something else',
      'Result=timeout\nActiveState=failed\nNRestarts=250\nStartLimitBurst=200\nStartLimitIntervalUSec=10s\nRestartUSec=1s\n',
      'down',
    ],
  ])('asks its manager for a start limit, and tells of one %s', async (_, stdout, kind) => {
    const night = new Night({}, {}, {...ASK, stdout})
    await night.dies().ticks(3)
    expect(night.told).toEqual([kind])
  })

  it('tells of a crash loop by the count of its helper', async () => {
    const night = new Night({}, {[`${MEMORY}/failures`]: '4\n'})
    await night.dies().ticks(3)
    expect(night.told).toEqual(['crash-looping'])
  })

  it('writes nothing of a gateway that is well, whoever is told', async () => {
    const night = new Night()
    await night.ticks(1)
    const before = night.host.texts()[notifyStateFile(HOME)]
    await night.ticks(3)
    expect(night.host.texts()[notifyStateFile(HOME)]).toBe(before)
    const nobody = new Night({targets: []})
    await nobody.ticks(3)
    expect(nobody.host.texts()[notifyStateFile(HOME)]).toBeUndefined()
  })

  it.each([
    ['is full, and there is no folder for what the service remembers', 'ENOSPC', false],
    ['is read-only', 'EROFS', true],
  ] as const)('tells once that the gateway is down, and once that it is well again, in a home that %s', async (_, code, hasMemory) => {
    const night = new Night()
    await night.ticks(3)
    if (!hasMemory) night.host.drop(MEMORY)
    const mend = night.takesNothing(code)
    await night.dies().ticks(5)
    expect(night.told).toEqual(['down'])
    mend()
    await night.lives().ticks(4)
    expect(night.told).toEqual(['down', 'recovered'])
    // What the home did not take is in the home again, and nowhere else.
    expect(Object.keys(night.host.texts()).filter((file) => file.startsWith(MEMORY))).toEqual(hasMemory ? [`${MEMORY}/ticked`] : [])
    expect(readNotifyState(night.host, [notifyStateFile(HOME)]).memory).toEqual({})
  })

  it('tells of what is told at once a single time, and notes it once, where the home has no room for what is remembered', async () => {
    const night = new Night({}, {[`${MEMORY}/failures`]: '4\n'})
    night.takesNothing('ENOSPC')
    await night.dies().ticks(3)
    expect([night.told, night.journal()]).toEqual([['crash-looping'], ['crash-looping']])
  })

  it('notes nothing of what is told at once where nothing can be remembered of it, and says so', async () => {
    const night = new Night({}, {[`${HOME}/logs/hermes-svc.jsonl`]: CONFIG_END})
    night.host.drop(MEMORY)
    night.takesNothing('ENOSPC')
    await night.dies().ticks(2)
    expect([night.told, night.journal()]).toEqual([[], ['end']])
    expect(night.lines).toEqual(Array(2).fill(`hermes-gateway.service: cannot write ${notifyStateFile(HOME)}: ENOSPC`))
  })

  it('forgets a platform that its gateway names no more: set up again, it has a problem of its own, which is told as new', async () => {
    const night = new Night({reminderMs: 60 * MINUTE})
    const says = (platforms: object) => {
      const record = {pid: PID, start_time: 5000, argv: ['hermes', 'gateway', 'run'], gateway_state: 'running', platforms}
      night.put(`${HOME}/gateway_state.json`, JSON.stringify({...record, updated_at: new Date(night.host.nowMs()).toISOString()}))
    }
    const telegram = {state: 'fatal', error_message: 'Unauthorized'}
    says({telegram, slack: {state: 'connected'}})
    await night.ticks(2)
    expect(night.told).toEqual(['platform-down'])
    says({slack: {state: 'connected'}})
    await night.ticks(2)
    expect(readNotifyState(night.host, [notifyStateFile(HOME)]).memory).toEqual({})
    await night.ticks(120)
    says({telegram, slack: {state: 'connected'}})
    await night.ticks(1)
    expect(night.told).toEqual(['platform-down', 'platform-down'])
  })

  it('says that nobody can be told where who is cannot be read, and ticks all the same', async () => {
    const night = new Night({}, {[notifyFile(HOME)]: '{'})
    await night.ticks(1)
    expect(night.lines).toEqual([
      expect.stringContaining('cannot notify anybody, because the notification targets cannot be read (not a record of hermes-svc)'),
    ])
    expect(night.host.texts()[`${HOME}/gateway_state.json`]).not.toContain('2025-12-31T23:00:00')
  })
})
