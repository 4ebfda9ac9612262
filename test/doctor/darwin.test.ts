import {describe, expect, it} from 'vitest'
import type {Check} from '../../src/doctor/check.js'
import {check as duplicateSupervisor} from '../../src/doctor/checks/duplicate-supervisor.js'
import {check as interruptedChange} from '../../src/doctor/checks/interrupted-change.js'
import {check as leftoverProcesses} from '../../src/doctor/checks/leftover-processes.js'
import {check as logSize} from '../../src/doctor/checks/log-size.js'
import {check as orphanGateway} from '../../src/doctor/checks/orphan-gateway.js'
import {check as staleMarker} from '../../src/doctor/checks/stale-marker.js'
import {check as staleTokenLock} from '../../src/doctor/checks/stale-token-lock.js'
import {check as zombiePid} from '../../src/doctor/checks/zombie-pid.js'
import {loadChecks} from '../../src/doctor/checks/index.js'
import {examine} from '../../src/doctor/examine.js'
import type {Target} from '../../src/observe/where.js'
import type {FakeProcess} from '../fakes/fake-process.js'
import {AGENT, FakeLaunchd, LABEL, LAUNCHD_SERVICE} from '../fakes/fake-launchd.js'
import {runPlan} from '../fakes/run-plan.js'
import {sceneOf} from '../fakes/scene.js'
import {SETTINGS} from '../fakes/settings.js'

const GUI = `gui/1000/${LABEL}`
const HOME = '/home/user/.hermes'
const ENV = {HERMES_HOME: HOME}
const LOCKS = '/home/user/.local/state/hermes/gateway-locks'
const MINUTE = 6000
const PROGRAMS = Object.fromEntries(['/bin/sh', '/bin/ls', '/usr/bin/env', '/usr/bin/git'].map((file) => [file, {text: '', mode: 0o755}]))

/** A Mac on which a service of ours has run for a minute, and whose gateway answers. */
class Mac extends FakeLaunchd {
  readonly target: Target
  readonly launcher: number
  readonly gateway: number
  /** When its gateway started, in hundredths of a second. */
  readonly startTime: number

  private constructor(text: string) {
    super({[AGENT]: text, ...PROGRAMS})
    this.leavesRecords = true
    const {host, manager} = this
    this.startTime = Math.round(host.nowMs() / 10)
    this.load(GUI)
    this.launcher = this.jobs.get(GUI)?.pid ?? 0
    this.gateway = this.launcher + 1
    this.target = {host, userHost: host, manager, service: LAUNCHD_SERVICE, homeFlag: 'home'}
  }

  static async boot(): Promise<Mac> {
    const maker = new FakeLaunchd()
    const files = await maker.manager.definition.render(LAUNCHD_SERVICE, SETTINGS, new Map())
    const mac = new Mac(files.find(({path}) => path === AGENT)?.text ?? '')
    mac.put(files)
    await mac.host.sleep(60_000)
    mac.seen.add({pid: mac.host.pid, startTime: mac.startTime + MINUTE, argv: ['node']})
    mac.host.put(`${HOME}/.hermes-svc.json`, JSON.stringify({schemaVersion: 1, desiredState: 'running', since: 'then', by: 'install'}))
    return mac
  }

  /** A process that has been there for half a minute. */
  add(process: FakeProcess): void {
    this.seen.add({startTime: this.startTime + MINUTE / 2, ...process})
    this.host.setAlive(process.pid, true)
  }

  leave(file: string, value: unknown): void {
    this.host.put(file, {text: JSON.stringify(value), modifiedMs: this.host.nowMs() - 30_000})
  }

  async find(check: Check) {
    return (await examine(await sceneOf(this.target), [check])).findings
  }

  async kinds(check: Check): Promise<string[]> {
    return (await this.find(check)).map(({kind}) => kind)
  }
}

describe('a gateway beside its service on macOS', () => {
  it("is found by its home, and not among the launcher's own", async () => {
    const mac = await Mac.boot()
    expect(await mac.kinds(orphanGateway)).toEqual([])
    mac.add({pid: 900, parentPid: mac.gateway, env: ENV})
    expect(await mac.kinds(orphanGateway)).toEqual([])
    mac.add({pid: 901, env: ENV})
    const [finding] = await mac.find(orphanGateway)
    expect(finding).toMatchObject({kind: 'second', evidence: expect.arrayContaining(['uid 1000, parent 1, running for 30 s']) as string[]})
  })

  it.each<[string, FakeProcess]>([
    ['whose home cannot be seen', {pid: 901}],
    ['of another home', {pid: 901, env: {HERMES_HOME: '/home/user'}}],
  ])('is not accused %s', async (_, process) => {
    const mac = await Mac.boot()
    mac.add(process)
    expect(await mac.kinds(orphanGateway)).toEqual([])
  })
})

describe('what a former gateway has left on macOS', () => {
  it("is in the process group of the job and older than the gateway, not the launcher's", async () => {
    const mac = await Mac.boot()
    expect(await mac.kinds(leftoverProcesses)).toEqual([])
    mac.addOrphan(700, mac.launcher, mac.startTime + 100)
    expect(await mac.kinds(leftoverProcesses)).toEqual([])
    mac.addOrphan(701, mac.launcher, mac.startTime - 9000)
    expect(await mac.find(leftoverProcesses)).toMatchObject([{kind: 'former', evidence: ['pid 701 (uid 1000): /usr/bin/left']}])
  })

  it('is a lock on a token whose owner is gone or another process, not one whose start differs by less than two seconds', async () => {
    const mac = await Mac.boot()
    const lock = (pid: number, startTime: number) =>
      mac.leave(`${LOCKS}/a.lock`, {pid, start_time: startTime, scope: 'token', hermes_home: HOME})
    lock(mac.gateway, mac.startTime + 87)
    expect(await mac.kinds(staleTokenLock)).toEqual([])
    lock(mac.gateway, mac.startTime + 900)
    expect(await mac.kinds(staleTokenLock)).toEqual(['recycled'])
    lock(99, mac.startTime)
    expect(await mac.kinds(staleTokenLock)).toEqual(['gone'])
  })

  it('is a marker for a process that is another one by now', async () => {
    const mac = await Mac.boot()
    const marker = (startTime: number) =>
      mac.leave(`${HOME}/.gateway-takeover.json`, {
        target_pid: mac.gateway,
        target_start_time: startTime,
        written_at: mac.host.nowMs() / 1000,
      })
    marker(mac.startTime + 87)
    expect(await mac.kinds(staleMarker)).toEqual([])
    marker(mac.startTime - 900)
    expect(await mac.kinds(staleMarker)).toEqual(['takeover'])
  })

  it('is a zombie with its parent', async () => {
    const mac = await Mac.boot()
    const zombie = {pid: 950, parentPid: 800, state: 'Z', startTime: mac.startTime}
    mac.gatewayEnds(GUI)
    mac.add({pid: 800, argv: ['/bin/zsh']})
    mac.add(zombie)
    for (const name of ['gateway.pid', 'gateway.lock']) mac.leave(`${HOME}/${name}`, {pid: 950, start_time: mac.startTime + 87})
    expect(await mac.find(zombiePid)).toMatchObject([
      {kind: 'recorded', evidence: ['pid 950 is a zombie; its parent, pid 800 ("zsh"), has not reaped it']},
    ])
  })

  it('is no half-done change while another command of ours is at work', async () => {
    const mac = await Mac.boot()
    mac.leave(`${HOME}/.gateway_state.json.hermes-svc-tmp`, '')
    expect(await mac.kinds(interruptedChange)).toEqual(['temporary-files'])
    mac.add({pid: 960, argv: ['node', '/usr/local/bin/hermes-svc', 'stop'], open: {9: {path: HOME}}})
    expect(await mac.kinds(interruptedChange)).toEqual([])
  })
})

describe('a large log on macOS', () => {
  it('is shortened only if nobody has it open', async () => {
    const mac = await Mac.boot()
    const log = `${HOME}/logs/gateway.log`
    mac.host.put(log, {text: 'x', size: 200_000_000})
    expect(await mac.find(logSize)).toMatchObject([{kind: 'large-file', isFixable: true}])
    mac.add({pid: 970, argv: ['cat'], open: {5: {path: log}}})
    expect(await mac.find(logSize)).toMatchObject([{kind: 'large-file', isFixable: false}])
  })
})

describe('another service for the same home on macOS', () => {
  const RIVAL = [
    '<plist version="1.0"><dict><key>ProgramArguments</key><array><string>/opt/hermes</string><string>gateway</string><string>run</string>',
    `</array><key>EnvironmentVariables</key><dict><key>HERMES_HOME</key><string>${HOME}</string></dict></dict></plist>`,
  ].join('')
  const path = (label: string) => AGENT.replace(LABEL, label)

  it('is found while it is enabled, or runs a gateway now', async () => {
    const mac = await Mac.boot()
    mac.host.put(path('my-bot'), RIVAL)
    expect(await mac.find(duplicateSupervisor)).toMatchObject([
      {
        kind: 'other-service',
        what: expect.stringContaining('it starts at boot') as string,
        cure: [expect.stringContaining('launchctl bootout')],
      },
    ])
    mac.disabled.add('my-bot')
    expect(await mac.kinds(duplicateSupervisor)).toEqual([])
    const {pid} = mac.load('gui/1000/my-bot', path('my-bot'))
    mac.add({pid: 980, parentPid: pid ?? 0, env: ENV})
    expect(await mac.find(duplicateSupervisor)).toMatchObject([{what: expect.stringContaining('it runs a gateway now') as string}])
  })

  it('is unloaded and disabled if it is the legacy one', async () => {
    const mac = await Mac.boot()
    const rival = {name: 'old', scope: 'user', path: path('old'), home: HOME, isEnabled: true, command: []} as const
    mac.load('gui/1000/old')
    mac.changes.splice(0)
    await runPlan(mac.host, {title: 'x', steps: mac.manager.rivals.end(rival), outcome: 'x'})
    expect(mac.changes).toEqual(['disable gui/1000/old', 'bootout gui/1000/old'])
    expect(mac.jobs.has('gui/1000/old')).toBe(false)
  })
})

describe('every check', () => {
  it('looks at a healthy service of a Mac without finding an error', async () => {
    const mac = await Mac.boot()
    const {findings} = await examine(await sceneOf(mac.target), await loadChecks())
    expect(findings.filter(({severity}) => severity === 'error').map(({id, what, evidence}) => [id, what, evidence])).toEqual([])
  })
})
