import {describe, expect, it} from 'vitest'
import {type InstallRequest, planInstall} from '../../src/lifecycle/install.js'
import {planStop} from '../../src/lifecycle/stop.js'
import {formatDesired} from '../../src/service/desired-state.js'
import {upstreamUnit} from '../fakes/captures.js'
import type {FakeFile} from '../fakes/fake-host.js'
import {outcomeOf} from '../../src/plan/plan.js'
import {FakeSystemd, LOG_LINE} from '../fakes/fake-systemd.js'
import {runPlan} from '../fakes/run-plan.js'
import {serviceOf} from '../fakes/settings.js'

const REQUEST: InstallRequest = {environment: new Map(), policy: {}, heartbeat: {}, timeoutMs: 10_000, force: false}
const HOME = '/home/user/.hermes'
const RECORD = `${HOME}/.hermes-svc.json`
const UNIT = upstreamUnit().replaceAll('/home/hermes', '/home/user')

async function install(machine: FakeSystemd, request: Partial<InstallRequest> = {}): Promise<string> {
  const plan = await planInstall(machine.target, {...REQUEST, ...request})
  await runPlan(machine.host, plan)
  return outcomeOf(plan)
}

/** All regular files outside of /proc, for comparing a machine before and after. */
function files(machine: FakeSystemd): Record<string, string> {
  return Object.fromEntries(Object.entries(machine.host.texts()).filter(([file]) => !file.startsWith('/proc/')))
}

describe('an account without a home of a gateway yet', () => {
  const fresh = (files: Record<string, FakeFile> = {}) => {
    const machine = new FakeSystemd(files)
    machine.host.drop(HOME)
    return machine
  }

  it('gets one as upstream makes it, as the first step', async () => {
    const machine = fresh()
    const plan = await planInstall(machine.target, REQUEST)
    expect(plan.steps[0]).toMatchObject({kind: 'make-folder', path: HOME, mode: 0o700, as: {name: 'user'}})
    expect(await install(machine)).toBe('hermes-gateway.service is installed and running')
    expect(machine.host.stat(HOME)).toMatchObject({kind: 'folder', mode: 0o700})
  })

  it('has none if that fails', async () => {
    const machine = fresh()
    machine.failing.set('enable', {code: 1, stderr: 'refused'})
    await expect(install(machine)).rejects.toMatchObject({code: 'command-failed'})
    expect(machine.host.stat(HOME)).toBeUndefined()
  })

  it('is told how to come by a gateway where there is none, and nothing is made', async () => {
    const machine = fresh()
    machine.host.drop('/usr/bin/hermes')
    await expect(planInstall(machine.target, REQUEST)).rejects.toMatchObject({
      code: 'gateway-not-found',
      next: [
        expect.stringContaining('then: hermes setup'),
        expect.stringMatching(/^hermes gateway setup/),
        expect.stringContaining('--command'),
      ],
    })
  })

  it('gets none that was named: it may be misspelt, or yet to be mounted', async () => {
    const machine = fresh()
    await expect(planInstall({...machine.target, homeFlag: 'HERMES_HOME'}, REQUEST)).rejects.toMatchObject({
      exitStatus: 2,
      message: 'HERMES_HOME "/home/user/.hermes": does not exist',
      next: [expect.stringMatching(/^hermes setup/), expect.stringMatching(/^hermes gateway setup/)],
    })
  })
})

describe('a first install', () => {
  it('writes the definition, enables and starts it, and sees the gateway say that it runs', async () => {
    const machine = new FakeSystemd()
    expect(await install(machine)).toBe('hermes-gateway.service is installed and running')
    // systemd reads all units when the service is enabled.
    expect(machine.verbs).toEqual(['enable', 'reset-failed', 'start --no-block'])
    expect(machine.timer).toEqual({isEnabled: true, isActive: true})
    expect(machine.shown).toMatchObject({ActiveState: 'active', UnitFileState: 'enabled'})
    expect(JSON.parse(files(machine)[RECORD] ?? '')).toMatchObject({desiredState: 'running', by: 'install'})
    expect(files(machine)[machine.unit]).toContain('ExecStart=:"/usr/bin/hermes" "gateway" "run"')
  })

  it('has nothing left to do the second time, and says so', async () => {
    const machine = new FakeSystemd()
    await install(machine, {environment: new Map([['A', '1']])})
    const before = files(machine)
    const plan = await planInstall(machine.target, REQUEST)
    expect(plan.steps.map(({why}) => why)).toEqual([])
    expect(outcomeOf(plan)).toBe('hermes-gateway.service is already up to date; nothing was changed')
    expect(files(machine)).toEqual(before)
  })

  it('leaves the machine as it was if the gateway does not come up, and shows the end of the log', async () => {
    const machine = new FakeSystemd()
    machine.onStart = () => Object.assign(machine.shown, {ActiveState: 'activating', SubState: 'start'})
    const before = files(machine)
    await expect(install(machine)).rejects.toMatchObject({
      code: 'not-running',
      message: expect.stringMatching(/^The gateway did not come up: .*; nothing is left of the installation$/) as string,
      evidence: [LOG_LINE],
      // Not doctor, which would say that nothing is installed.
      next: [
        'hermes gateway run   # shows in this terminal why the gateway does not run',
        'hermes gateway setup   # if its setup is the reason',
        'hermes-svc install   # after you have fixed it',
      ],
      leftovers: [],
    })
    expect(files(machine)).toEqual(before)
    expect(machine.shown).toMatchObject({LoadState: 'not-found', ActiveState: 'inactive'})
    // A first tick that runs meanwhile would be kept as one that failed.
    expect(machine.tickVerbs).toEqual(['stop', 'reset-failed'])
  })

  it('ends the first tick of an installation that is undone where systemd keeps a failed one too, of units that are gone', async () => {
    const machine = new FakeSystemd()
    machine.keepsFailedTick = true
    machine.onStart = () => machine.goesDown('failed', 'failed')
    await expect(install(machine)).rejects.toMatchObject({code: 'not-running', leftovers: []})
    expect(machine.tickVerbs).toEqual(['stop', 'reset-failed'])
  })

  it('tells first why the gateway itself said that it ended, if it was this one, and shows no secret of its', async () => {
    const machine = new FakeSystemd()
    machine.host.put(`${machine.home}/.env`, 'SOME_KEY=swordfish\n')
    machine.onStart = () => {
      machine.comesUp('starting')
      const file = `${machine.home}/gateway_state.json`
      const state = JSON.parse(machine.host.texts()[file] ?? '') as object
      const ended = {gateway_state: 'startup_failed', exit_reason: 'telegram: refused\nswordfish', updated_at: '2030-01-01T00:00:00+00:00'}
      machine.host.put(file, JSON.stringify({...state, ...ended}))
      machine.goesDown('failed', 'failed')
    }
    const failure = {evidence: ['the gateway said: telegram: refused <hidden>', LOG_LINE]}
    await expect(install(machine)).rejects.toMatchObject(failure)
  })

  it('leaves nothing in the home of a gateway that was ended before it said that it runs', async () => {
    const machine = new FakeSystemd()
    const before = files(machine)
    machine.onStart = () => {
      machine.comesUp('starting')
      machine.host.put(`${machine.home}/.gateway-planned-stop.json`, '{}')
    }
    machine.onStop = () => {
      // It is killed, and takes nothing away itself.
      const texts = machine.host.texts()
      machine.goesDown()
      machine.host.put(`${machine.home}/gateway.pid`, texts[`${machine.home}/gateway.pid`] ?? '')
    }
    await expect(install(machine)).rejects.toMatchObject({code: 'not-running', leftovers: []})
    machine.host.drop(`${machine.home}/gateway.lock`)
    expect(files(machine)).toEqual(before)
  })

  it.each(['enable', 'start'])('leaves the machine as it was if systemctl %s fails', async (verb) => {
    const machine = new FakeSystemd()
    machine.failing.set(verb, {code: 1, stderr: 'refused'})
    const before = files(machine)
    await expect(install(machine)).rejects.toMatchObject({code: 'command-failed', message: expect.stringContaining('refused') as string})
    expect(files(machine)).toEqual(before)
  })

  it('keeps a command and values that were given, until others are', async () => {
    const machine = new FakeSystemd({'/opt/a/hermes': {text: '#!/bin/sh\n', mode: 0o755}})
    await install(machine, {
      command: '/opt/a/hermes',
      environment: new Map([
        ['A', '1'],
        ['B', '2'],
      ]),
    })
    await install(machine, {environment: new Map([['A', undefined]])})
    expect(files(machine)[machine.unit]).toContain('ExecStart=:"/opt/a/hermes"')
    expect(files(machine)['/home/user/.config/hermes-svc/hermes-gateway/gateway.env']).toMatch(/^B="2"$/m)
    expect(files(machine)['/home/user/.config/hermes-svc/hermes-gateway/gateway.env']).not.toMatch(/^A=/m)
  })
})

describe('a later install', () => {
  it('keeps what it may take as it was chosen, and restarts the gateway for nothing but its nice', async () => {
    const machine = new FakeSystemd()
    await install(machine)
    const pid = () => machine.shown.MainPID
    const before = pid()
    const taken = () =>
      Object.entries(files(machine))
        .find(([file]) => file.endsWith('10-hermes-svc.conf'))?.[1]
        .match(/^(?:Memory|Nice|CPU).*/gm)
    await install(machine, {resources: {memoryMax: '1G', cpuWeight: 50}})
    expect([taken(), pid()]).toEqual([['MemoryMax=1G', 'CPUWeight=50'], before])
    await install(machine, {resources: {nice: 5, cpuWeight: null}})
    expect(taken()).toEqual(['MemoryMax=1G', 'Nice=5'])
    expect(pid()).not.toBe(before)
    expect(await install(machine)).toContain('already up to date')
  })

  it.each([
    [{memoryHigh: '2G', memoryMax: '1G'}, /^--memory-high \(2G\) must not be higher than --memory-max \(1G\)$/],
    [{nice: -1}, /^--nice: the systemd of a user can lower the priority of a service, but not raise it/],
  ])('refuses %j before anything is written', async (resources, message) => {
    const machine = new FakeSystemd()
    const before = files(machine)
    await expect(planInstall(machine.target, {...REQUEST, resources})).rejects.toMatchObject({
      exitStatus: 2,
      message: expect.stringMatching(message) as string,
    })
    expect(files(machine)).toEqual(before)
  })

  it('restarts the gateway where its definition has changed, and sees another pid', async () => {
    const machine = new FakeSystemd()
    await install(machine)
    const pid = machine.shown.MainPID
    await install(machine, {environment: new Map([['A', '1']])})
    expect(machine.verbs).toContain('restart --no-block')
    expect(machine.shown.MainPID).not.toBe(pid)
  })

  it('leaves a gateway that runs alone if it is told to, and notes that a restart is due, for the next install', async () => {
    const machine = new FakeSystemd()
    const due = '/home/user/.config/hermes-svc/hermes-gateway/restart-due'
    await install(machine)
    const pid = machine.shown.MainPID
    for (let time = 0; time < 2; time++) {
      await install(machine, {environment: new Map([['A', '1']]), keepRunning: true})
      expect(machine.shown.MainPID).toBe(pid)
      expect(files(machine)).toHaveProperty([due])
    }
    await install(machine)
    expect(machine.shown.MainPID).not.toBe(pid)
    expect(files(machine)).not.toHaveProperty([due])
  })

  it('has the previous definition running again if the new one does not come up', async () => {
    const machine = new FakeSystemd()
    await install(machine)
    const before = files(machine)
    let starts = 0
    machine.onStart = () => {
      starts++
      if (starts === 1) machine.goesDown('activating', 'start')
      else machine.comesUp()
    }
    await expect(install(machine, {environment: new Map([['A', '1']])})).rejects.toMatchObject({code: 'not-running', leftovers: []})
    const changing = (all: Record<string, string>) =>
      Object.entries(all).filter(([file]) => !/gateway(_state\.json|\.lock|\.pid)$/.test(file))
    expect(changing(files(machine))).toEqual(changing(before))
    expect(machine.shown.ActiveState).toBe('active')
  })

  it('leaves a service stopped that the operator stopped', async () => {
    const machine = new FakeSystemd()
    await install(machine)
    machine.goesDown()
    machine.shown.UnitFileState = 'disabled'
    machine.host.put(RECORD, formatDesired({schemaVersion: 1, desiredState: 'stopped', since: 'x', by: 'stop'}))
    expect(await install(machine, {environment: new Map([['A', '1']])})).toContain('stopped as before')
    expect(machine.shown).toMatchObject({ActiveState: 'inactive', UnitFileState: 'disabled'})
  })

  it('leaves a service stopped that the operator stopped until the next boot, and enabled', async () => {
    const machine = new FakeSystemd()
    await install(machine)
    const stop = {timeoutMs: 10_000, untilBoot: true, force: false, wedgeWindowMs: 5000}
    await runPlan(machine.host, await planStop(machine.target, stop))
    const record = files(machine)[RECORD]
    expect(await install(machine, {environment: new Map([['A', '1']])})).toContain('stopped as before')
    expect(machine.shown).toMatchObject({ActiveState: 'inactive', UnitFileState: 'enabled'})
    expect(files(machine)[RECORD]).toBe(record)
    expect((await planInstall(machine.target, REQUEST)).steps).toEqual([])

    machine.host.put('/proc/sys/kernel/random/boot_id', 'next-boot\n')
    await install(machine)
    expect(machine.shown.ActiveState).toBe('active')
  })

  it('leaves a service stopped of which it cannot be told any more who wanted it stopped', async () => {
    const machine = new FakeSystemd()
    await install(machine)
    machine.goesDown()
    machine.host.put(RECORD, '{"desired')
    await install(machine)
    expect(machine.shown.ActiveState).toBe('inactive')
  })

  it('keeps an edit by hand, and replaces it when told to', async () => {
    const machine = new FakeSystemd()
    await install(machine)
    machine.host.put(machine.unit, `${files(machine)[machine.unit]}# mine\n`)
    expect(await install(machine)).toContain(`kept ${machine.unit}, which was edited by hand`)
    expect(files(machine)[machine.unit]).toContain('# mine')
    await install(machine, {force: true})
    expect(files(machine)[machine.unit]).not.toContain('# mine')
  })
})

describe('a unit that another tool wrote', () => {
  it('is adopted: it is kept as it is, and our policy is added', async () => {
    const machine = new FakeSystemd()
    machine.addUnit(UNIT)
    machine.comesUp()
    expect(await install(machine)).toContain('is adopted and running; hermes-svc keeps its unit and adds its own restart policy')
    expect(files(machine)[machine.unit]).toBe(UNIT)
    expect(files(machine)[`${machine.unit}.d/10-hermes-svc.conf`]).toContain('RestartSec=1s')
    expect(machine.verbs).not.toContain('restart --no-block')
  })

  it('leaves nothing that systemd has yet to read, though it is enabled already and only the heartbeat is new', async () => {
    const machine = new FakeSystemd()
    machine.addUnit(UNIT)
    machine.comesUp()
    machine.shown.UnitFileState = 'enabled'
    await install(machine)
    expect([machine.timer.isEnabled, machine.shown.NeedDaemonReload]).toEqual([true, 'no'])
  })

  it('stays stopped if it was', async () => {
    const machine = new FakeSystemd()
    machine.addUnit(UNIT)
    await install(machine)
    expect(machine.shown.ActiveState).toBe('inactive')
    expect(JSON.parse(files(machine)[RECORD] ?? '')).toMatchObject({desiredState: 'stopped'})
  })

  it('is not hidden by one of ours where it lies in another folder', async () => {
    const machine = new FakeSystemd({'/usr/lib/systemd/user/hermes-gateway.service': UNIT})
    Object.assign(machine.shown, {
      LoadState: 'loaded',
      FragmentPath: '/usr/lib/systemd/user/hermes-gateway.service',
      UnitFileState: 'enabled',
    })
    const plan = await planInstall(machine.target, REQUEST)
    expect(plan.steps.filter((step) => 'path' in step && step.path === machine.unit)).toEqual([])
  })

  it('is refused if it belongs to another home', async () => {
    const machine = new FakeSystemd()
    machine.addUnit(UNIT)
    machine.shown.Environment = 'HERMES_HOME=/srv/other'
    await expect(install(machine)).rejects.toMatchObject({code: 'other-home', exitStatus: 1})
    expect(machine.host.changes).toEqual([])
  })
})

describe('an install is refused, before anything is written,', () => {
  const refused = async (machine: FakeSystemd, request: Partial<InstallRequest> = {}) => {
    const error: unknown = await install(machine, request).catch((thrown: unknown) => thrown)
    expect(machine.host.changes).toEqual([])
    return error
  }

  it('for a home that cannot carry a service', async () => {
    const machine = new FakeSystemd({[HOME]: {folder: true, mode: 0o777} satisfies FakeFile})
    expect(await refused(machine)).toMatchObject({exitStatus: 2})
  })

  it('for a command that does not work', async () => {
    expect(await refused(new FakeSystemd(), {command: '/opt/none'})).toMatchObject({code: 'gateway-command', exitStatus: 1})
  })

  it('for a delay that is longer than the longest', async () => {
    expect(await refused(new FakeSystemd(), {policy: {firstMs: 180_000}})).toMatchObject({
      exitStatus: 2,
      message: expect.stringContaining('--restart-delay') as string,
    })
  })

  it('where the same home has a service of the machine', async () => {
    const machine = new FakeSystemd({'/etc/systemd/system/hermes-gateway.service': '[Service]\nUser=user\n'})
    expect(await refused(machine)).toMatchObject({code: 'duplicate-service', exitStatus: 1})
  })

  it("unless that service of the machine is somebody else's", async () => {
    const machine = new FakeSystemd({'/etc/systemd/system/hermes-gateway.service': '[Service]\nExecStart=/bin/true\n'})
    await install(machine)
    expect(machine.shown.ActiveState).toBe('active')
  })

  it('for a profile that another gateway serves', async () => {
    const machine = new FakeSystemd({[`${HOME}/gateway_state.json`]: '{"served_profiles":["work"]}'}, serviceOf('work'))
    expect(await refused(machine)).toMatchObject({
      exitStatus: 2,
      message: expect.stringContaining('the gateway of profile default serves this profile') as string,
    })
  })

  it('where a gateway of the home runs outside', async () => {
    const machine = new FakeSystemd()
    machine.putProcess({pid: 77, startTime: 7, env: {HERMES_HOME: HOME}, cgroup: '/user.slice/session'}, 'running')
    expect(await refused(machine)).toMatchObject({code: 'orphan-gateway', exitStatus: 1})
  })

  it('for a unit that systemd will not start', async () => {
    const machine = new FakeSystemd()
    machine.shown.LoadState = 'masked'
    expect(await refused(machine)).toMatchObject({code: 'definition-broken', next: ['systemctl --user unmask hermes-gateway.service']})
  })
})
