import type {Service} from '../../src/service/service.js'
import type {RunOptions, RunResult} from '../../src/host/host.js'
import {shortTime} from '../../src/observe/log-text.js'
import type {Target} from '../../src/observe/where.js'
import {systemdManager} from './managers.js'
import {type FakeFile, FakeHost, USER} from './fake-host.js'
import {type FakeProcess, processFiles} from './fake-process.js'
import {packageFiles} from './package-files.js'
import {SERVICE} from './settings.js'

const UNITS = '/home/user/.config/systemd/user'
const TIMER = 'hermes-svc-heartbeat.timer'
const TICK = 'hermes-svc-heartbeat.service'

const GOOD: Readonly<Record<string, string>> = {
  ...{LoadState: 'not-found', UnitFileState: '', ActiveState: 'inactive', SubState: 'dead', MainPID: '0', NRestarts: '0'},
  ...{ExecMainCode: '0', ExecMainStatus: '0', NeedDaemonReload: 'no'},
}

/** What the journal has of the service, as it is shown. */
export const LOG_LINE = `${shortTime(Date.UTC(2026, 0, 1))} a line of the log`

/** An entry of the journal as journalctl prints it. */
export function journalEntry(
  text: string,
  {timeMs = Date.UTC(2026, 0, 1), pid = 77, ...fields}: Readonly<Record<string, string | number>> = {},
): string {
  const entry = {
    ...{__CURSOR: `s=1;i=${text}`, __REALTIME_TIMESTAMP: String(Number(timeMs) * 1000), _PID: String(pid), MESSAGE: text},
    ...{_SYSTEMD_USER_UNIT: SERVICE.name, SYSLOG_IDENTIFIER: 'hermes-gateway'},
    ...fields,
  }
  return `${JSON.stringify(entry)}\n`
}

/**
 * A machine on which systemd runs the services of `USER`, one of which can be worked on. It answers `show` by what was done to it; a
 * gateway comes up when it is started and is gone when it is stopped, unless a test says otherwise by the `on…` members.
 */
export class FakeSystemd {
  readonly host: FakeHost
  readonly target: Target
  readonly home: string
  readonly unit: string
  /** What `show` says of the service. */
  shown: Record<string, string> = {...GOOD}
  /** The verbs that systemctl was called with, in their order, looks and the heartbeat aside; with the name of the service left out. */
  readonly verbs: string[] = []
  /** The looks that systemctl was asked to take, in their order: the units of each. */
  readonly looks: string[][] = []
  /** The verbs of the calls that were about the service of the tick, in their order. */
  readonly tickVerbs: string[] = []
  /** systemd keeps a tick that failed, though its unit is gone. */
  keepsFailedTick = false
  /** The heartbeat's timer. */
  readonly timer = {isEnabled: false, isActive: false}
  /** When the tick last ended, as `show` says it in UTC, and in µs on the monotonic clock. */
  lastTick: {readonly wall: string; readonly monotonic: number} | undefined
  /** What `show` says of units of other names. */
  readonly others: Record<string, Readonly<Record<string, string>>> = {}
  /** The restarts of gateways that are left to it, by the names of their transient units; `true`: it is one. */
  readonly transient = new Map<string, boolean>()
  /** What the manager gives its services. */
  readonly managerEnvironment: Record<string, string> = {}
  onStart: () => void = () => this.comesUp()
  onStop: () => void = () => this.goesDown()
  /** Exit status and words of a verb that fails. */
  readonly failing = new Map<string, {code: number; stderr: string}>()
  /** How the unit is enabled on disk, where systemd has not read that yet. */
  private links: string | undefined
  private nextPid = 500

  constructor(files: Readonly<Record<string, FakeFile | string>> = {}, service: Service = SERVICE) {
    const {home} = service.profile
    this.home = home
    this.unit = `${UNITS}/${service.name}`
    this.host = new FakeHost({
      files: {
        [home]: {folder: true, mode: 0o700},
        '/run/systemd/system': {folder: true},
        '/run/user/1000/bus': {kind: 'socket', uid: 1000, gid: 1000},
        '/run/user/1000': {folder: true, mode: 0o700, uid: 1000, gid: 1000},
        '/var/lib/systemd/linger/user': '',
        '/proc/locks': '',
        '/proc/sys/kernel/random/boot_id': 'this-boot\n',
        '/bin/sh': {text: '', mode: 0o755},
        '/usr/bin/hermes': {text: '#!/bin/sh\n', mode: 0o755},
        '/usr/bin/node': {text: '', mode: 0o755},
        ...packageFiles(),
        ...files,
      },
    })
    this.host.read = (argv) => this.read(argv, service)
    this.host.run = async (argv, options) => {
      await Promise.resolve()
      return this.run(argv, options, service)
    }
    this.target = {host: this.host, userHost: this.host, manager: systemdManager(this.host, 'user', USER), service, homeFlag: 'home'}
  }

  /** Puts a unit there as another tool would, enabled and stopped. */
  addUnit(text: string): void {
    this.host.put(this.unit, text)
    Object.assign(this.shown, {LoadState: 'loaded', FragmentPath: this.unit, UnitFileState: 'enabled'})
  }

  /** A gateway of the service that says that it runs, or something else; its pid. */
  comesUp(gatewayState = 'running', process: Partial<FakeProcess> = {}): number {
    this.goesDown()
    const pid = (this.nextPid += 1)
    const open = {3: {path: `${this.home}/gateway.lock`, isLocked: true}}
    this.putProcess({pid, startTime: pid * 10, env: {HERMES_HOME: this.home}, cgroup: '/s/hermes.service', open, ...process}, gatewayState)
    this.shown = {
      ...this.shown,
      ...{ActiveState: 'active', SubState: 'running', MainPID: String(pid), ControlGroup: '/s/hermes.service'},
      ...{ExecMainCode: '0', ExecMainStartTimestampMonotonic: String((this.host.monotonicMs() - 5000) * 1000)},
    }
    return pid
  }

  /** The process and the files of a gateway, which the service need not know. */
  putProcess(process: FakeProcess, gatewayState: string): void {
    for (const [file, content] of Object.entries(processFiles(process))) this.host.put(file, content)
    const record = {pid: process.pid, kind: 'hermes-gateway', argv: ['gateway', 'run'], start_time: process.startTime}
    for (const name of ['gateway.pid', 'gateway.lock']) this.host.put(`${this.home}/${name}`, JSON.stringify(record))
    this.host.put(`${this.home}/gateway_state.json`, JSON.stringify({...record, gateway_state: gatewayState}))
    this.host.setAlive(process.pid, true)
  }

  /** The service's gateway ends, with an exit status. */
  goesDown(activeState = 'inactive', subState = 'dead', status = 0): void {
    const pid = Number(this.shown.MainPID)
    if (pid > 0) {
      this.host.drop(`/proc/${pid}`)
      this.host.drop(`${this.home}/gateway.pid`)
      this.host.setAlive(pid, false)
    }
    const ended = pid > 0 ? {ExecMainCode: '1', ExecMainStatus: String(status)} : {}
    this.shown = {...this.shown, ActiveState: activeState, SubState: subState, MainPID: '0', ControlGroup: '', ...ended}
  }

  private read(argv: readonly string[], service: Service): RunResult {
    if (argv[0] === 'journalctl') return result(argv, journalEntry('a line of the log'))
    if (argv.includes('--version')) return result(argv, 'systemd 252 (252.1)\n')
    if (argv.includes('show-environment')) {
      return result(argv, properties(this.managerEnvironment))
    }
    if (!argv.includes('show')) throw new Error(`unexpected: ${argv.join(' ')}`)
    const units = argv.slice(argv.indexOf('--') + 1)
    this.looks.push(units)
    const blocks = (units[0]?.includes('*') ? this.fitting(units[0]) : units.map((unit) => this.known(unit, service))).map(properties)
    return result(argv, blocks.join('\n'))
  }

  /** What systemctl says of the units whose names fit a pattern. */
  private fitting(pattern: string): Readonly<Record<string, string>>[] {
    const [before = '', after = ''] = pattern.split('*')
    return [...this.transient]
      .filter(([name]) => name.startsWith(before) && name.endsWith(after))
      .map(([Id, isTransient]) => ({Id, LoadState: 'loaded', Transient: isTransient ? 'yes' : 'no'}))
  }

  /** What systemctl says of one unit. */
  private known(unit: string, service: Service): Readonly<Record<string, string>> {
    const {isEnabled, isActive} = this.timer
    const loaded = {LoadState: 'loaded', SubState: 'dead', NeedDaemonReload: 'no'}
    if (unit === TIMER) return {...loaded, UnitFileState: isEnabled ? 'enabled' : '', ActiveState: isActive ? 'active' : 'inactive'}
    if (unit === TICK) {
      const {wall, monotonic} = this.lastTick ?? {wall: '', monotonic: 0}
      const times = {ExecMainExitTimestamp: wall, ExecMainExitTimestampMonotonic: String(monotonic)}
      const failed = this.keepsFailedTick ? {LoadState: 'not-found', ActiveState: 'failed', UnitFileState: ''} : {}
      return {...loaded, UnitFileState: 'static', ActiveState: 'inactive', MainPID: '0', NRestarts: '0', ...times, ...failed}
    }
    return {Id: service.name, ...(this.others[unit] ?? this.shown)}
  }

  private run(argv: readonly string[], options: RunOptions | undefined, service: Service): RunResult {
    if (argv.at(-1) === '--version') return result(argv, '')
    // The links that have a linked unit started at boot are taken away.
    if (argv[0] === '/bin/sh') {
      this.verbs.push('remove links')
      this.shown = {...this.shown, UnitFileState: 'linked'}
      return result(argv, '')
    }
    if (argv[0] !== 'systemctl' || argv[1] !== '--user' || options?.env?.XDG_RUNTIME_DIR !== '/run/user/1000')
      throw new Error(`unexpected: ${argv.join(' ')}`)
    const words = argv.slice(2).filter((word) => word !== service.name)
    const verb = words[0] ?? ''
    if (words.some((word) => word === TIMER || word === TICK)) return this.changeTimer(argv, verb)
    this.verbs.push(words.join(' '))
    const failure = this.failing.get(verb)
    if (failure) return {...result(argv, ''), ...failure}
    switch (words[0] === 'add-wants' ? words.join(' ') : verb) {
      case 'daemon-reload':
        this.load()
        break
      case 'add-wants default.target':
      case 'enable':
      case 'disable':
        this.links = verb === 'disable' ? 'disabled' : 'enabled'
        this.hasChangedLinks(words)
        break
      case 'start':
        if (this.shown.ActiveState !== 'active') this.onStart()
        break
      case 'restart':
        this.onStart()
        break
      case 'stop':
        for (const name of words) this.transient.delete(name)
        if (words.length === 1 || words[1]?.startsWith('-')) this.onStop()
        break
      case 'reset-failed':
        if (this.shown.ActiveState === 'failed') this.shown = {...this.shown, ActiveState: 'inactive', SubState: 'dead'}
        break
    }
    return result(argv, '')
  }

  private changeTimer(argv: readonly string[], verb: string): RunResult {
    if (argv.includes(TICK)) this.tickVerbs.push(verb)
    if (['enable', 'disable'].includes(verb) && this.host.lstat(`${UNITS}/${TIMER}`) === undefined)
      return {...result(argv, ''), code: 1, stderr: `Failed to ${verb} unit: Unit file ${TIMER} does not exist.\n`}
    if (verb === 'enable' || verb === 'disable') {
      Object.assign(this.timer, {isEnabled: verb === 'enable', isActive: verb === 'enable'})
      this.hasChangedLinks(argv)
    }
    return result(argv, '')
  }

  /**
   * enable and disable end with a reload (systemctl(1)); without one systemd goes on saying what it has read, and from version 256 on that all of its units
   * have to be read (seen on 257).
   */
  private hasChangedLinks(words: readonly string[]): void {
    if (!words.includes('--no-reload')) this.load()
    else this.shown = {...this.shown, NeedDaemonReload: 'yes'}
  }

  private load(): void {
    const text = this.host.readText(this.unit)
    const links = this.links ?? (this.shown.UnitFileState || 'disabled')
    this.links = undefined
    if (text === undefined) {
      this.shown = {...GOOD}
      return
    }
    const home = /^Environment="?HERMES_HOME=([^"\n]*)/m.exec(text)?.[1]
    this.shown = {
      ...this.shown,
      ...{LoadState: 'loaded', FragmentPath: this.unit, UnitFileState: links, NeedDaemonReload: 'no'},
      ...(home === undefined ? {} : {Environment: `HERMES_HOME=${home}`}),
    }
  }
}

function result(argv: readonly string[], stdout: string): RunResult {
  return {argv, code: 0, signal: null, stdout, stderr: ''}
}

/** One line a property, as systemctl prints them. */
function properties(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
