import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/orphan-gateway.js'
import {GATEWAY_ARGV, type FakeProcess} from '../../fakes/fake-process.js'
import {addProcess, cure, find, found, serviceMachine} from '../../fakes/fake-scene.js'
import {FakeSystemd} from '../../fakes/fake-systemd.js'
import {serviceOf} from '../../fakes/settings.js'

const HOME = '/home/user/.hermes'
const orphan: FakeProcess = {pid: 900, startTime: 9000, env: {HERMES_HOME: HOME}, cgroup: '/user.slice/session-3.scope'}
const holding: FakeProcess = {...orphan, open: {3: {path: `${HOME}/gateway.lock`, isLocked: true}}}

/** Signals end the process that they are sent to. */
function mortal(machine: FakeSystemd): [number, NodeJS.Signals | 0][] {
  const sent: [number, NodeJS.Signals | 0][] = []
  machine.host.signal = (pid, signal) => {
    sent.push([pid, signal])
    machine.host.drop(`/proc/${pid}`)
    machine.host.drop(`${HOME}/gateway.pid`)
    return true
  }
  return sent
}

describe('a gateway outside its service', () => {
  it('is found, ended without asking it to start again, and the service runs in its place', async () => {
    const machine = serviceMachine()
    machine.putProcess(holding, 'running')
    expect(await find(machine, check)).toMatchObject([
      {kind: 'alone', severity: 'error', what: 'the gateway of this home (pid 900) runs outside its service', isSafe: false},
    ])
    const sent = mortal(machine)
    await cure(machine, check)
    expect(sent).toEqual([[900, 'SIGTERM']])
    expect(machine.verbs).toEqual(['reset-failed', 'restart --no-block'])
    expect(await found(machine, check)).toEqual([])
  })

  it('is only ended where nothing should run', async () => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    machine.putProcess(holding, 'running')
    mortal(machine)
    await cure(machine, check)
    expect(machine.verbs).toEqual([])
  })

  it('is found without any service', async () => {
    const machine = new FakeSystemd()
    machine.putProcess(holding, 'running')
    expect(await find(machine, check)).toMatchObject([
      {kind: 'alone', severity: 'warning', cure: ['hermes-svc fix orphan-gateway', 'hermes-svc install']},
    ])
  })

  it('is left to the service that runs it, if that is another one', async () => {
    const machine = serviceMachine()
    const cgroup = '/user.slice/user-1000.slice/user@1000.service/app.slice/hermes.service'
    machine.others['hermes.service'] = {Restart: 'always', MainPID: '0'}
    machine.putProcess({...holding, cgroup}, 'running')
    expect(await find(machine, check)).toMatchObject([
      {kind: 'other-service', isFixable: false, cure: ['systemctl --user disable --now hermes.service']},
    ])
  })

  it.each<[string, string, Record<string, string>, string]>([
    [
      'a wrapper in a unit of any name',
      '/user.slice/user-1000.slice/user@1000.service/app.slice/bot.service',
      {Restart: 'always', MainPID: '7'},
      '--user disable --now bot.service',
    ],
    [
      'an instance of a template of the machine',
      '/system.slice/system-hermes.slice/hermes@u.service',
      {Restart: 'on-failure', MainPID: '7'},
      'disable --now hermes@u.service',
    ],
    [
      "another user's manager",
      '/user.slice/user-1001.slice/user@1001.service/app.slice/bot.service',
      {},
      '--user disable --now bot.service',
    ],
  ])('is left to %s', async (_name, cgroup, shown, cure_) => {
    const machine = serviceMachine()
    machine.others[cgroup.slice(cgroup.lastIndexOf('/') + 1)] = {Restart: 'no', MainPID: '0', ...shown}
    machine.putProcess({...holding, cgroup}, 'running')
    const found = await find(machine, check)
    expect(found).toMatchObject([{kind: 'other-service', isFixable: false}])
    expect(found[0]?.cure[0]).toContain(`systemctl ${cure_}`)
  })

  it("names whose it is, under another user's manager, and what ends it there", async () => {
    const machine = serviceMachine()
    machine.putProcess({...holding, cgroup: '/user.slice/user-0.slice/user@0.service/app.slice/hermes-gateway.service'}, 'running')
    expect(await find(machine, check)).toMatchObject([
      {
        what: 'another service, hermes-gateway.service of user root, runs a gateway of this home (pid 900)',
        cure: ['sudo -u root XDG_RUNTIME_DIR=/run/user/0 systemctl --user disable --now hermes-gateway.service'],
      },
    ])
  })

  it('is ended where no service would start it again, such as in that of a terminal', async () => {
    const machine = serviceMachine()
    const cgroup = '/user.slice/user-1000.slice/user@1000.service/app.slice/gnome-terminal-server.service'
    machine.others['gnome-terminal-server.service'] = {Restart: 'no', MainPID: '7'}
    machine.putProcess({...holding, cgroup}, 'running')
    expect(await find(machine, check)).toMatchObject([{kind: 'alone', isFixable: true}])
  })

  it('is not hit if its number has gone to another process', async () => {
    const machine = serviceMachine({desired: 'stopped', enabled: false})
    machine.putProcess(holding, 'running')
    const sent = mortal(machine)
    await cure(machine, check, {}, () => addProcess(machine, {...orphan, startTime: 9001}))
    expect(sent).toEqual([])
  })
})

describe("beside the service's own", () => {
  const withOwn = (...others: readonly FakeProcess[]) => {
    const machine = serviceMachine()
    machine.comesUp()
    for (const other of others) addProcess(machine, other)
    return machine
  }

  it('finds a second one, and ends just that', async () => {
    const machine = withOwn(orphan)
    expect(await found(machine, check)).toEqual(['second error: a second gateway of this home (pid 900) runs outside the service'])
    const sent = mortal(machine)
    await cure(machine, check)
    expect([sent, machine.verbs]).toEqual([[[900, 'SIGTERM']], []])
  })

  it.each<[string, Partial<FakeProcess>]>([
    ['without HERMES_HOME, which then is that of its user', {env: {}}],
    ['that names the default profile by a flag', {argv: [...GATEWAY_ARGV, '-p', 'default']}],
  ])('finds one %s', async (_name, process) => {
    expect(await found(withOwn({...orphan, ...process}), check)).toHaveLength(1)
  })

  it('finds the one of a named profile, by its flag', async () => {
    const machine = new FakeSystemd({}, serviceOf('work'))
    addProcess(machine, {pid: machine.host.pid, startTime: 100_000, argv: ['node']})
    addProcess(machine, {...orphan, argv: [...GATEWAY_ARGV, '-p', 'work']})
    expect(await found(machine, check)).toEqual([expect.stringMatching(/\(pid 900\)/)])
  })

  it('counts a launcher and the helpers of a gateway as one with it', async () => {
    const launcher = {...orphan, pid: 899, argv: ['sudo', '-u', 'user', 'hermes', 'gateway', 'run']}
    const helper = {...orphan, pid: 901, parentPid: 900}
    expect(await found(withOwn(launcher, {...orphan, parentPid: 899}, helper), check)).toEqual([expect.stringContaining('(pid 900)')])
  })

  it.each<[string, Partial<FakeProcess>]>([
    ["one of the service's own processes", {cgroup: '/s/hermes.service/worker'}],
    ['a command that restarts the gateway', {argv: ['hermes', 'gateway', 'restart']}],
    ['the gateway of another home', {env: {HERMES_HOME: '/srv/other'}}],
    ['that of another profile, by its flag', {argv: [...GATEWAY_ARGV, '-p', 'work']}],
    ["that of another user's own home", {env: {}, uid: 1001}],
    ['one that has just started', {startTime: 99_900}],
    ['one that has ended', {state: 'Z'}],
  ])('is none: %s', async (_name, process) => {
    expect(await found(withOwn({...orphan, ...process}), check)).toEqual([])
  })

  it("is none in a container, whose home has another user's path by chance", async () => {
    const machine = withOwn(orphan)
    machine.host.put('/proc/900/status', 'NSpid:\t900\t7\n')
    expect(await found(machine, check)).toEqual([])
  })
})
