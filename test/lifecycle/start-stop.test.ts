import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {HostError} from '../../src/host/host.js'
import {planInstall} from '../../src/lifecycle/install.js'
import {observe} from '../../src/observe/look.js'
import {observeHealth} from '../../src/observe/health.js'
import {planRestart} from '../../src/lifecycle/restart.js'
import {planStart} from '../../src/lifecycle/start.js'
import {planStop} from '../../src/lifecycle/stop.js'
import {planUninstall} from '../../src/lifecycle/uninstall.js'
import {notifyFile} from '../../src/notify/notify-file.js'
import {notifyStateFile} from '../../src/notify/notify-state.js'
import {outcomeOf, type Plan} from '../../src/plan/plan.js'
import {formatDesired} from '../../src/service/desired-state.js'
import {formatSettings} from '../../src/service/settings.js'
import {upstreamUnit} from '../fakes/captures.js'
import {GATEWAY_ARGV, processFiles} from '../fakes/fake-process.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'
import {runPlan} from '../fakes/run-plan.js'
import {SETTINGS} from '../fakes/settings.js'

const HOME = '/home/user/.hermes'
const RECORD = `${HOME}/.hermes-svc.json`
const STATE = `${HOME}/gateway_state.json`
const SUPPORT = '/home/user/.config/hermes-svc/hermes-gateway'
const timeoutMs = 10_000

/** A machine with an enabled service of ours. */
function machineWith(desired: 'running' | 'stopped' | undefined): FakeSystemd {
  const machine = new FakeSystemd()
  machine.addUnit(`# Written by hermes-svc.\n[Service]\nEnvironment="HERMES_HOME=${HOME}"\n[Install]\nWantedBy=default.target\n`)
  machine.host.put(`${machine.unit}.d/10-hermes-svc.conf`, '# Written by hermes-svc\n')
  machine.host.put(`${SUPPORT}/settings.json`, formatSettings(SETTINGS))
  Object.assign(machine.timer, {isEnabled: true, isActive: true})
  if (desired) machine.host.put(RECORD, formatDesired({schemaVersion: 1, desiredState: desired, since: 'x', by: 'y'}))
  return machine
}

const desiredOf = (machine: FakeSystemd) => (JSON.parse(machine.host.texts()[RECORD] ?? '{}') as {desiredState?: string}).desiredState
const mirrored = (machine: FakeSystemd) => (JSON.parse(machine.host.texts()[STATE] ?? '{}') as {desired_state?: string}).desired_state

async function run(machine: FakeSystemd, plan: Plan): Promise<string> {
  await runPlan(machine.host, plan)
  return outcomeOf(plan)
}

const start = async (machine: FakeSystemd) => run(machine, await planStart(machine.target, {timeoutMs}))
const stop = async (machine: FakeSystemd, untilBoot = false) =>
  run(machine, await planStop(machine.target, {timeoutMs, untilBoot, force: false, wedgeWindowMs: 5000}))
const restartPlan = (machine: FakeSystemd, force = false) => planRestart(machine.target, {timeoutMs, force, wedgeWindowMs: 5000, times: {}})
const restart = async (machine: FakeSystemd, force = false) => run(machine, await restartPlan(machine, force))
const install = async (machine: FakeSystemd) =>
  run(machine, await planInstall(machine.target, {environment: new Map(), policy: {}, heartbeat: {}, timeoutMs, force: false}))
const uninstall = async (machine: FakeSystemd) => run(machine, await planUninstall(machine.target, {timeoutMs}))

/** What a plan comes to, and what it warns of. */
async function toldOf(machine: FakeSystemd, plan: Plan): Promise<{outcome: string; warnings: string[]}> {
  const applied = await runPlan(machine.host, plan)
  return {outcome: outcomeOf(plan), warnings: applied.flatMap(({warning}) => warning ?? [])}
}

/** The disk takes nothing new from now on: `EROFS`, and not even what is written over a file's own bytes. */
function makeFull(machine: FakeSystemd, code: 'ENOSPC' | 'EROFS'): void {
  const refuse = (file: string) => {
    throw new HostError(code, file, 'cannot write')
  }
  machine.host.writeAtomic = refuse
  machine.host.appendLine = refuse
  if (code === 'EROFS') machine.host.editInPlace = refuse
}

describe('where the disk is full or read-only', () => {
  it('stop stops, and records it over the bytes that are there', async () => {
    const machine = machineWith('running')
    machine.host.put(RECORD, formatDesired({schemaVersion: 1, desiredState: 'running', since: '2026-01-01T00:00:00.000Z', by: 'install'}))
    machine.comesUp()
    makeFull(machine, 'ENOSPC')
    expect(await stop(machine)).toBe('hermes-gateway.service is stopped')
    expect(JSON.parse(machine.host.texts()[RECORD] ?? '')).toMatchObject({desiredState: 'stopped', by: 'stop'})
  })

  it.each([
    ['of one with a record, where the disk is read-only', 'running', 'EROFS'],
    ['of one without, where the disk is full', undefined, 'ENOSPC'],
  ] as const)('stop %s stops, and says what could not be recorded, and what to type', async (_, desired, code) => {
    const machine = machineWith(desired)
    machine.comesUp()
    makeFull(machine, code)
    const {outcome, warnings} = await toldOf(
      machine,
      await planStop(machine.target, {timeoutMs, untilBoot: false, force: false, wedgeWindowMs: 5000}),
    )
    expect(outcome).toBe('hermes-gateway.service is stopped')
    expect(warnings).toEqual([
      `could not record that the service should be stopped: cannot write ${RECORD}: ${code}; once the disk can be written again, run: hermes-svc stop`,
    ])
    expect(machine.verbs).toEqual(['disable', 'stop --no-block', 'reset-failed', 'clean --what=runtime'])
  })

  it('stop stops, and fails, where it may not record it for another reason than the disk', async () => {
    const machine = machineWith(undefined)
    machine.comesUp()
    machine.host.writeAtomic = (file: string) => {
      throw new HostError('EACCES', file, 'cannot write')
    }
    await expect(stop(machine)).rejects.toMatchObject({
      code: 'step-failed',
      exitStatus: 1,
      leftovers: [],
      message: `hermes-gateway.service is stopped, but some steps failed: record that the service should be stopped: cannot write ${RECORD}: EACCES`,
    })
  })

  it('stop stops also where it cannot be kept stopped after a reboot', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.failing.set('disable', {code: 1, stderr: 'Read-only file system'})
    await expect(stop(machine)).rejects.toMatchObject({code: 'command-failed', exitStatus: 1})
    expect(machine.verbs).toContain('stop --no-block')
    expect(desiredOf(machine)).toBe('stopped')
  })

  it.each(['start', 'restart'] as const)('%s brings the gateway up, and says what could not be recorded', async (command) => {
    const machine = machineWith('stopped')
    makeFull(machine, 'EROFS')
    const plan = await (command === 'start' ? planStart(machine.target, {timeoutMs}) : restartPlan(machine))
    const {outcome, warnings} = await toldOf(machine, plan)
    expect(outcome).toMatch(/^hermes-gateway.service is running/)
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`^could not record that the service should be running: .* hermes-svc ${command}$`)),
    ])
    expect(machine.shown.ActiveState).toBe('active')
  })
})

describe('a stop that fails', () => {
  it('leaves the record and its mirror as they were', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    const state = (machine.host.texts()[STATE] ?? '').replace('{', '{"desired_state":"running",')
    machine.host.put(STATE, state)
    machine.failing.set('stop', {code: 1, stderr: 'refused'})
    await expect(stop(machine)).rejects.toMatchObject({code: 'command-failed', leftovers: []})
    expect([desiredOf(machine), machine.host.texts()[STATE]]).toEqual(['running', state])
  })
})

describe('start', () => {
  it('starts one that cannot be started at boot, and says so at the end', async () => {
    const machine = machineWith('stopped')
    machine.shown.UnitFileState = 'disabled'
    machine.failing.set('enable', {code: 1, stderr: 'Failed to enable unit: Read-only file system'})
    await expect(start(machine)).rejects.toThrow('Read-only file system')
    expect(machine.shown.ActiveState).toBe('active')
    machine.goesDown()
    await expect(restart(machine)).rejects.toThrow('Read-only file system')
    expect(machine.shown.ActiveState).toBe('active')
  })

  it('starts no gateway of another home, which the user manager itself names while the unit names none', async () => {
    const given = (home: string) => {
      const machine = machineWith('stopped')
      delete machine.shown.Environment
      machine.managerEnvironment.HERMES_HOME = home
      return machine
    }
    await expect(start(given('/home/user/agent'))).rejects.toMatchObject({code: 'other-home'})
    expect(await start(given(HOME))).toBe('hermes-gateway.service is running')
  })

  it('has a unit without an [Install] section started at boot, of which systemctl enable would make nothing', async () => {
    const machine = machineWith('stopped')
    machine.shown.UnitFileState = 'static'
    machine.host.put(machine.unit, '[Service]\nExecStart=/usr/bin/hermes gateway run\n')
    expect(await start(machine)).toBe('hermes-gateway.service is running')
    expect(machine.verbs).toContain('add-wants default.target')
    expect(machine.shown.UnitFileState).toBe('enabled')
  })

  it('records the intent, enables the service again, and waits until the gateway says that it runs', async () => {
    const machine = machineWith('stopped')
    machine.shown.UnitFileState = 'disabled'
    expect(await start(machine)).toBe('hermes-gateway.service is running')
    expect(machine.verbs).toEqual(['enable', 'reset-failed', 'start --no-block'])
    expect(desiredOf(machine)).toBe('running')
  })

  it('has the tick run again that its manager has given up, for a home that came late say', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.timer.isActive = false
    const why = 'adapt the heartbeat to the services of this account'
    expect((await restartPlan(machine)).steps.map((step) => step.why)).toContain(why)
    await start(machine)
    expect(machine.timer).toEqual({isEnabled: true, isActive: true})
    for (const plan of [await restartPlan(machine), await planStart(machine.target, {timeoutMs})])
      expect(plan.steps.map((step) => step.why)).not.toContain(why)
  })

  it('does nothing to a gateway that runs', async () => {
    const machine = machineWith('running')
    const pid = machine.comesUp()
    const plan = await planStart(machine.target, {timeoutMs})
    expect(plan.steps).toEqual([])
    expect(outcomeOf(plan)).toContain(`is already running (pid ${pid})`)
  })

  it('waits for a gateway that is coming up already', async () => {
    const machine = machineWith('running')
    machine.comesUp('starting')
    const plan = await planStart(machine.target, {timeoutMs})
    expect(plan.steps).toEqual([])
    machine.host.after(3000, () => machine.comesUp())
    const before = machine.host.monotonicMs()
    await runPlan(machine.host, plan)
    expect(machine.host.monotonicMs() - before).toBeGreaterThanOrEqual(3000)
  })

  it('asks systemd of a gateway that comes up twice a second, and as soon as its home changes', async () => {
    const machine = machineWith('running')
    machine.comesUp('starting')
    const plan = await planStart(machine.target, {timeoutMs})
    machine.host.after(2850, () => machine.comesUp())
    const [beforeMs, looks] = [machine.host.monotonicMs(), machine.looks.length]
    await runPlan(machine.host, plan)
    // At its beginning, and of what it is when it is up: for restarts that are to come, and once more.
    expect(machine.looks.length - looks).toBeLessThanOrEqual(1 + 2 * 3 + 3)
    expect(machine.host.monotonicMs() - beforeMs).toBeLessThanOrEqual(2900)
  })

  it('calls the wait off where earlier failures delay the next start', async () => {
    const machine = machineWith('running')
    machine.goesDown('activating', 'auto-restart')
    await start(machine)
    expect(machine.verbs).toEqual(['reset-failed', 'restart --no-block'])
  })

  it('does not take the process for the gateway before it says that it runs', async () => {
    const machine = machineWith('stopped')
    machine.onStart = () => {
      machine.comesUp('starting')
      machine.host.after(4000, () => machine.comesUp())
    }
    const before = machine.host.monotonicMs()
    await start(machine)
    expect(machine.host.monotonicMs() - before).toBeGreaterThanOrEqual(4000)
  })

  it('leaves a start that does not come up to the manager: the intent stands', async () => {
    const machine = machineWith('stopped')
    machine.onStart = () => machine.comesUp('starting')
    await expect(start(machine)).rejects.toMatchObject({code: 'not-running', leftovers: []})
    expect(desiredOf(machine)).toBe('running')
  })

  it('takes everything back where the manager refuses to start it', async () => {
    const machine = machineWith('stopped')
    machine.shown.UnitFileState = 'disabled'
    machine.failing.set('start', {code: 1, stderr: 'refused'})
    await expect(start(machine)).rejects.toMatchObject({code: 'command-failed'})
    expect(desiredOf(machine)).toBe('stopped')
    expect(machine.shown.UnitFileState).toBe('disabled')
  })

  it('gives up early on a configuration that is at fault', async () => {
    const machine = machineWith('stopped')
    machine.onStart = () =>
      Object.assign(machine.shown, {ActiveState: 'failed', SubState: 'failed', ExecMainCode: '1', ExecMainStatus: '78'})
    const before = machine.host.monotonicMs()
    await expect(start(machine)).rejects.toThrow('it ended with 78: its configuration is wrong')
    expect(machine.host.monotonicMs() - before).toBeLessThan(1000)
  })

  it.each<[string, (machine: FakeSystemd) => void]>([
    ['as the manager counts', (machine) => Object.assign(machine.shown, {NRestarts: '3'})],
    ['as the helpers count', (machine) => machine.host.put('/run/user/1000/hermes-svc-hermes-gateway/failures', '3\n')],
  ])('gives up early on a gateway that ends again and again, %s', async (_, count) => {
    const machine = machineWith('stopped')
    machine.onStart = () => {
      Object.assign(machine.shown, {ActiveState: 'activating', SubState: 'auto-restart', ExecMainCode: '2', ExecMainStatus: '11'})
      machine.host.after(2000, () => count(machine))
    }
    await expect(start(machine)).rejects.toThrow('it ended 3 times in a row (killed by signal 11)')
  })

  it('is refused while a gateway of the home runs outside its service', async () => {
    const machine = machineWith('running')
    machine.putProcess({pid: 77, startTime: 7, cgroup: '/user.slice/session'}, 'running')
    await expect(planStart(machine.target, {timeoutMs})).rejects.toThrow('already running outside hermes-gateway.service: pid 77')
  })

  it('is refused without a definition, with the command that makes one', async () => {
    await expect(planStart(new FakeSystemd().target, {timeoutMs})).rejects.toThrow('is not installed in systemd (user)')
  })
})

describe('stop', () => {
  it("keeps another tool's unit that is a link, which systemctl disable would take away", async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.host.put('/home/user/dot.service', machine.host.texts()[machine.unit] ?? '')
    machine.host.put(machine.unit, {link: '/home/user/dot.service'})
    await stop(machine)
    expect(machine.verbs).not.toContain('disable')
    expect(machine.verbs).toEqual(expect.arrayContaining(['remove links', 'daemon-reload', 'stop --no-block']))
    expect(machine.host.lstat(machine.unit)?.kind).toBe('link')
  })

  it('records the intent, keeps the service stopped after a reboot, and sees the gateway gone', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    expect(await stop(machine)).toBe('hermes-gateway.service is stopped')
    expect(machine.verbs.slice(0, 2)).toEqual(['disable', 'stop --no-block'])
    expect(machine.shown).toMatchObject({ActiveState: 'inactive', UnitFileState: 'disabled'})
    expect([desiredOf(machine), mirrored(machine)]).toEqual(['stopped', 'stopped'])
  })

  describe('until the next boot', () => {
    const recordOf = (machine: FakeSystemd) => JSON.parse(machine.host.texts()[RECORD] ?? '{}') as unknown

    it('leaves it enabled, and goes on saying that it should run', async () => {
      const machine = machineWith('running')
      machine.comesUp()
      expect(await stop(machine, true)).toBe('hermes-gateway.service is stopped until the next boot')
      expect(machine.shown).toMatchObject({ActiveState: 'inactive', UnitFileState: 'enabled'})
      expect(recordOf(machine)).toEqual({schemaVersion: 1, desiredState: 'running', since: 'x', by: 'y', stoppedInBoot: 'this-boot'})
      expect(mirrored(machine)).toBe('running')
    })

    it('records that it should run where nothing is recorded of a service that is enabled', async () => {
      const machine = machineWith(undefined)
      machine.comesUp()
      await stop(machine, true)
      expect(recordOf(machine)).toMatchObject({desiredState: 'running', by: 'stop --until-boot', stoppedInBoot: 'this-boot'})
    })

    it('does nothing the second time', async () => {
      const machine = machineWith('running')
      machine.comesUp()
      await stop(machine, true)
      const plan = await planStop(machine.target, {timeoutMs, untilBoot: true, force: false, wedgeWindowMs: 5000})
      expect(plan.steps).toEqual([])
      expect(outcomeOf(plan)).toBe('hermes-gateway.service is already stopped until the next boot; nothing was changed')
    })

    it.each(['recorded', 'not recorded'])('does not bring back what is stopped for good, %s', async (kind) => {
      const machine = machineWith(kind === 'recorded' ? 'stopped' : undefined)
      machine.shown.UnitFileState = 'disabled'
      machine.comesUp()
      expect(await stop(machine, true)).toBe('hermes-gateway.service is stopped and not enabled, so it stays stopped after the next boot')
      expect(machine.shown.UnitFileState).toBe('disabled')
      expect(desiredOf(machine)).toBe(kind === 'recorded' ? 'stopped' : undefined)
    })

    it('becomes a stop for good by a stop without it', async () => {
      const machine = machineWith('running')
      machine.comesUp()
      await stop(machine, true)
      expect(await stop(machine)).toBe('hermes-gateway.service is stopped')
      expect(machine.shown.UnitFileState).toBe('disabled')
      expect(recordOf(machine)).toMatchObject({desiredState: 'stopped', by: 'stop'})
      expect(recordOf(machine)).not.toHaveProperty('stoppedInBoot')
      expect(mirrored(machine)).toBe('stopped')
    })

    it('is no reason for a probe to have it killed', async () => {
      const machine = machineWith('running')
      machine.comesUp()
      expect((await observeHealth(machine.host, {})).meantToRun).toBe(true)
      await stop(machine, true)
      expect((await observeHealth(machine.host, {})).meantToRun).toBe(false)
      machine.host.put('/proc/1/stat', `1 (init) S 0 ${'0 '.repeat(17)}4711 0\n`)
      expect((await observeHealth(machine.host, {})).meantToRun).toBe(true)
    })

    it('ends with a start', async () => {
      const machine = machineWith('running')
      machine.comesUp()
      await stop(machine, true)
      await start(machine)
      expect(machine.shown.ActiveState).toBe('active')
      expect(recordOf(machine)).not.toHaveProperty('stoppedInBoot')
    })

    it('is over after that boot: a start then has nothing to change', async () => {
      const machine = machineWith('running')
      machine.comesUp()
      await stop(machine, true)
      machine.host.put('/proc/sys/kernel/random/boot_id', 'next-boot\n')
      machine.comesUp()
      expect((await planStart(machine.target, {timeoutMs})).steps).toEqual([])
    })

    it.each(['recorded', 'not recorded'])('is recorded as running alone where no boot can be told from another, %s', async (kind) => {
      const machine = machineWith(kind === 'recorded' ? 'running' : undefined)
      machine.host.drop('/proc/sys/kernel/random/boot_id')
      machine.comesUp()
      await stop(machine, true)
      expect(machine.shown).toMatchObject({ActiveState: 'inactive', UnitFileState: 'enabled'})
      expect(recordOf(machine)).not.toHaveProperty('stoppedInBoot')
      expect(desiredOf(machine)).toBe('running')
    })
  })

  it('does nothing to a service that is stopped', async () => {
    const machine = machineWith('stopped')
    machine.shown.UnitFileState = 'disabled'
    expect(await stop(machine)).toContain('is already stopped; nothing was changed')
    expect(machine.verbs).toEqual([])
  })

  it('records the intent of one that is down anyway', async () => {
    const machine = machineWith('running')
    await stop(machine)
    expect(desiredOf(machine)).toBe('stopped')
    expect(machine.verbs).toEqual(['disable'])
  })

  it('turns a unit that failed into one that is stopped', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.onStop = () => machine.goesDown('failed', 'failed', 1)
    await stop(machine)
    expect(machine.shown.ActiveState).toBe('inactive')
  })

  it('takes the word of the manager where the files of the gateway cannot be read', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.onStop = () => {
      machine.goesDown()
      machine.host.put(`${HOME}/gateway.pid`, {text: '', mode: 0o600, uid: 0})
    }
    expect(await stop(machine)).toBe('hermes-gateway.service is stopped')
  })

  it('waits for a gateway that drains', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.onStop = () => {
      Object.assign(machine.shown, {ActiveState: 'deactivating', SubState: 'stop-sigterm'})
      machine.host.after(6000, () => machine.goesDown())
    }
    await stop(machine)
    expect(machine.shown.ActiveState).toBe('inactive')
  })

  it('asks systemd of a gateway that drains twice a second, and as soon as its process has ended', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    let beforeMs = 0
    machine.onStop = () => {
      Object.assign(machine.shown, {ActiveState: 'deactivating', SubState: 'stop-sigterm'})
      beforeMs = machine.host.monotonicMs()
      machine.looks.length = 0
      machine.host.after(6250, () => machine.goesDown())
    }
    await stop(machine)
    // Each time for restarts that are to come, too; and both once more of one that is gone.
    expect(machine.looks.length).toBeLessThanOrEqual(2 * (1 + 2 * 6 + 3))
    expect(machine.host.monotonicMs() - beforeMs).toBeLessThanOrEqual(6400)
  })

  it('lets the intent stand where the gateway does not stop in time', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.onStop = () => Object.assign(machine.shown, {ActiveState: 'deactivating', SubState: 'stop-sigterm'})
    await expect(stop(machine)).rejects.toMatchObject({code: 'not-stopped', exitStatus: 1})
    expect(desiredOf(machine)).toBe('stopped')
    expect(machine.shown.UnitFileState).toBe('disabled')
  })

  it('takes everything back where the manager refuses to stop it', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.failing.set('stop', {code: 1, stderr: 'refused'})
    await expect(stop(machine)).rejects.toMatchObject({code: 'command-failed'})
    expect(desiredOf(machine)).toBe('running')
    expect(machine.shown.UnitFileState).toBe('enabled')
  })

  it('ends a gateway of the home that goes on outside', async () => {
    const machine = machineWith('running')
    machine.putProcess({pid: 77, startTime: 7, cgroup: '/user.slice/session'}, 'running')
    const signal = machine.host.signal.bind(machine.host)
    machine.host.signal = (target, name) => {
      const sent = signal(target, name)
      if (name === 'SIGTERM') machine.host.drop(`/proc/${target}`)
      return sent
    }
    expect(await stop(machine)).toBe('hermes-gateway.service is stopped')
    expect(machine.host.changes.filter(({kind}) => kind === 'signal')).toMatchObject([{pid: 77, signal: 'SIGTERM'}])
  })

  it('says so where it survives', async () => {
    const machine = machineWith('running')
    machine.putProcess({pid: 77, startTime: 7, cgroup: '/user.slice/session'}, 'running')
    await expect(stop(machine)).rejects.toMatchObject({code: 'not-ended', message: expect.stringContaining('pid 77') as string})
  })
})

describe('the rungs of a restart', () => {
  const rungs = (plan: Plan) =>
    plan.steps.map((step) => {
      if (step.kind === 'signal') return [step.signal, step.waitMs, step.onlyIf?.when]
      return [step.kind, step.kind === 'wait-until' ? step.limitMs : undefined, step.onlyIf?.when]
    })
  const KILL = ['SIGKILL', 5000, 'the process still exists']
  const START = ['shared', undefined, undefined]
  const UP = ['wait-until', 90_000, undefined]

  it.each<[string, (machine: FakeSystemd) => unknown, boolean, unknown[]]>([
    [
      'one that works is asked, and given its drain',
      (machine) => machine.comesUp(),
      false,
      [
        ['SIGUSR1', 1_995_000, undefined],
        ['SIGTERM', 10_000, 'the process still exists'],
        KILL,
        ['wait-until', 90_000, 'the gateway has ended because of the request'],
        ['shared', undefined, 'the gateway is not back by then'],
        ['wait-until', 90_000, 'the gateway is not back by then'],
      ],
    ],
    [
      'one that is forced is told to stop',
      (machine) => machine.comesUp(),
      true,
      [['SIGTERM', 10_000, undefined], KILL, ['remove-file', undefined, undefined], START, UP],
    ],
    [
      'one that is wedged is killed',
      (machine) => machine.comesUp('running', {state: 'T'}),
      false,
      [['SIGKILL', 5000, undefined], START, UP],
    ],
    ['one that is down is started', () => undefined, false, [START, UP]],
  ])('are in its plan: %s', async (_, prepare, force, expected) => {
    const machine = machineWith('running')
    prepare(machine)
    expect(rungs(await restartPlan(machine, force))).toEqual(expected)
    expect(machine.host.changes).toEqual([])
  })

  it('are as long as the options have them', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    const times = {drainMs: 1, answerMs: 2, terminateMs: 3, killMs: 4}
    const plan = await planRestart(machine.target, {timeoutMs, force: false, wedgeWindowMs: 5000, times})
    const signals = plan.steps.flatMap((step) => (step.kind === 'signal' ? [[step.waitMs, step.answerMs]] : []))
    expect(signals).toEqual([
      [1, 2],
      [3, undefined],
      [4, undefined],
    ])
  })

  it('say what each came to, and only the ones that did something have changed anything', async () => {
    const machine = machineWith('running')
    const pid = machine.comesUp()
    const signal = machine.host.signal.bind(machine.host)
    machine.host.signal = (target, name) => {
      if (name === 'SIGUSR1') machine.host.after(2000, () => machine.comesUp())
      return signal(target, name)
    }
    const applied = await runPlan(machine.host, await restartPlan(machine))
    expect(applied.map(({step, changed, came}) => [step.why, changed, came])).toEqual([
      [`ask the gateway (pid ${pid}) to finish its work (SIGUSR1)`, true, true],
      [`stop the gateway (pid ${pid}) (SIGTERM)`, false, undefined],
      [`kill the gateway (pid ${pid}) (SIGKILL)`, false, undefined],
      ['wait until systemd (user) has started the gateway again', false, true],
      ['wait until the gateway runs under a new pid', false, undefined],
    ])
  })

  it('have the manager start it if it does not by itself after one that was asked has ended', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.host.signal = () => {
      machine.goesDown('inactive', 'dead')
      return true
    }
    const options = {timeoutMs: 200_000, force: false, wedgeWindowMs: 5000, times: {}}
    await run(machine, await planRestart(machine.target, options))
    expect(machine.verbs.at(-1)).toBe('restart --no-block')
  })
})

describe('restart', () => {
  it('asks a gateway that works, and sees it come back under another pid', async () => {
    const machine = machineWith('running')
    const pid = machine.comesUp()
    const signal = machine.host.signal.bind(machine.host)
    machine.host.signal = (target, name) => {
      if (name === 'SIGUSR1') machine.host.after(2000, () => machine.comesUp())
      return signal(target, name)
    }
    expect(await restart(machine)).toBe('hermes-gateway.service is running under a new pid')
    expect(machine.host.changes.filter(({kind}) => kind === 'signal')).toEqual([{kind: 'signal', pid, signal: 'SIGUSR1', as: 'user'}])
    expect(machine.verbs).toEqual([])
    expect(machine.shown.MainPID).not.toBe(String(pid))
  })

  describe('of a gateway that holds itself back', () => {
    const LEDGER = `${HOME}/gateway-starts.log`
    /** One whose service was just started, for the seventh time in two minutes: it sleeps for 20 s, and then comes up. */
    const heldBack = () => {
      const machine = machineWith('running')
      machine.comesUp('running', {open: {}})
      for (const name of ['gateway.pid', 'gateway.lock', 'gateway_state.json']) machine.host.drop(`${HOME}/${name}`)
      machine.shown.ExecMainStartTimestampMonotonic = String(machine.host.monotonicMs() * 1000)
      const nowSec = machine.host.nowMs() / 1000
      machine.host.put(LEDGER, [60, 50, 40, 30, 20, 10, 0].map((second) => `${nowSec - second}\n`).join(''))
      return machine
    }

    it('waits for it, for as long as that takes, and starts nothing', async () => {
      const machine = heldBack()
      expect(observe(machine.target)).toMatchObject({brake: {starts: 7}, verdict: {state: 'dead'}})
      machine.host.after(95_000, () => machine.comesUp())
      const nowSec = machine.host.nowMs() / 1000
      // Four more: it sleeps for 300 s at most.
      machine.host.put(LEDGER, Array.from({length: 11}, (_, index) => `${nowSec - 10 + index}\n`).join(''))
      const plan = await planRestart(machine.target, {timeoutMs: undefined, force: false, wedgeWindowMs: 5000, times: {}})
      expect(plan.steps.map((step) => step.why)).toContain('wait until the gateway ends its own start delay')
      expect(await run(machine, plan)).toBe('hermes-gateway.service is running under a new pid')
      expect(machine.verbs).toEqual([])
    })

    it.each([
      ['gives another number of starts', 'HERMES_GATEWAY_MAX_STARTS=7\0', undefined],
      ['sets nothing', 'A=b\0', {starts: 7}],
    ])('goes by the environment of the process, wherever its variables come from: that %s', (_, env, brake) => {
      const machine = heldBack()
      machine.host.put(`/proc/${machine.shown.MainPID}/environ`, env)
      expect(observe(machine.target).brake).toEqual(brake && expect.objectContaining(brake))
    })

    it('says how long it will be where there is no time for that, and starts nothing either', async () => {
      const machine = heldBack()
      await expect(restart(machine)).rejects.toMatchObject({
        message: expect.stringMatching(
          /did not report "running" within 10 s; the gateway delays its own start after 7 starts within 2 min; 10 s left/,
        ) as string,
      })
      expect(machine.verbs).toEqual([])
    })

    it('clears its ledger and starts it once if that is what was asked for', async () => {
      const machine = heldBack()
      expect(await restart(machine, true)).toBe('hermes-gateway.service is running under a new pid')
      expect(machine.host.texts()[LEDGER]).toBeUndefined()
      expect(machine.verbs).toEqual(['reset-failed', 'restart --no-block'])
    })

    it('is waited for by start, too', async () => {
      const machine = heldBack()
      machine.host.after(15_000, () => machine.comesUp())
      expect(await run(machine, await planStart(machine.target, {timeoutMs: undefined}))).toBe('hermes-gateway.service is running')
      expect(machine.verbs).toEqual([])
    })
  })

  it('has the manager restart it where it does not answer', async () => {
    const machine = machineWith('running')
    const pid = machine.comesUp()
    const signal = machine.host.signal.bind(machine.host)
    machine.host.signal = (target, name) => {
      const sent = signal(target, name)
      if (name === 'SIGKILL') machine.goesDown('deactivating', 'stop-post', 9)
      return sent
    }
    const options = {timeoutMs: 60_000, force: false, wedgeWindowMs: 5000, times: {answerMs: 1000}}
    await run(machine, await planRestart(machine.target, options))
    const signals = machine.host.changes.filter((change) => change.kind === 'signal').map((change) => change.signal)
    expect(signals).toEqual(['SIGUSR1', 'SIGTERM', 'SIGKILL'])
    expect(machine.verbs).toContain('restart --no-block')
    expect(machine.shown.MainPID).not.toBe(String(pid))
  })

  it('gives one of which it cannot be told whether it works 30 s to answer', async () => {
    const machine = machineWith('running')
    machine.comesUp('starting', {waitsIn: 'hrtimer_nanosleep'})
    const startMs = machine.host.monotonicMs()
    let [askedMs, termMs] = [0, 0]
    machine.host.signal = (_, name) => {
      if (name === 'SIGUSR1') askedMs = machine.host.monotonicMs()
      if (name === 'SIGTERM') {
        termMs = machine.host.monotonicMs()
        machine.goesDown('deactivating', 'stop-post', 15)
      }
      return true
    }
    await run(machine, await planRestart(machine.target, {timeoutMs: 120_000, force: false, wedgeWindowMs: 1000, times: {}}))
    expect(askedMs).toBeGreaterThan(startMs)
    expect(termMs - askedMs).toBeGreaterThanOrEqual(30_000)
    expect(termMs - askedMs).toBeLessThan(31_000)
    expect(machine.verbs.at(-1)).toBe('restart --no-block')
  })

  it('says what else was in the service, and what became of it', async () => {
    const machine = machineWith('running')
    const pid = machine.comesUp()
    for (const child of [901, 902]) {
      for (const [file, content] of Object.entries(processFiles({pid: child, startTime: child, argv: ['/usr/bin/adb', 'server']}))) {
        machine.host.put(file, content)
      }
    }
    machine.host.put('/sys/fs/cgroup/s/hermes.service/cgroup.procs', `${pid}\n901\n902\n`)
    const plan = await restartPlan(machine, true)
    machine.host.signal = () => {
      machine.goesDown('deactivating', 'stop-post', 15)
      machine.host.drop('/proc/901')
      return true
    }
    expect(await run(machine, plan)).toBe(
      'hermes-gateway.service is running under a new pid; ended with the former gateway: pid 901 (adb); still running from the former gateway: pid 902 (adb)',
    )
  })

  it.each(['restart', 'stop'])('%s is refused inside a gateway that no service would start again', async (command) => {
    const machine = machineWith('running')
    machine.putProcess({pid: machine.host.pid, startTime: 7, cgroup: '/user.slice/session'}, 'running')
    const refused = command === 'stop' ? stop(machine) : restart(machine)
    await expect(refused).rejects.toMatchObject({
      ...{code: 'inside-gateway', exitStatus: 1},
      next: [`hermes-svc ${command}   # from a shell outside the gateway`],
    })
    expect(machine.host.changes.filter(({kind}) => kind === 'signal')).toEqual([])
  })

  it('leaves a gateway that works alone where the time is up before its drain is', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    await expect(restart(machine)).rejects.toMatchObject({exitStatus: 1, next: ['hermes-svc restart --force']})
    const signals = machine.host.changes.filter((change) => change.kind === 'signal').map((change) => change.signal)
    expect(signals).toEqual(['SIGUSR1'])
    expect(machine.verbs).toEqual([])
  })

  it('does not lose patience over failures that are long past', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.host.put('/run/user/1000/hermes-svc-hermes-gateway/failures', '5\n')
    machine.host.signal = () => {
      machine.goesDown('deactivating', 'stop-post', 75)
      machine.host.after(1000, () => machine.comesUp())
      return true
    }
    await restart(machine)
    expect(machine.verbs).toEqual([])
  })

  it.each([
    ['is forced', (machine: FakeSystemd) => machine.comesUp(), true],
    ['is wedged', (machine: FakeSystemd) => machine.comesUp('running', {state: 'T'}), false],
    ['is down', () => undefined, false],
  ])('asks nobody where it %s', async (_, prepare, force) => {
    const machine = machineWith('running')
    prepare(machine)
    const signal = machine.host.signal.bind(machine.host)
    machine.host.signal = (target, name) => {
      if (name === 'SIGTERM' || name === 'SIGKILL') machine.goesDown('deactivating', 'stop-post', 15)
      return signal(target, name)
    }
    await restart(machine, force)
    expect(machine.host.changes.filter((change) => change.kind === 'signal' && change.signal === 'SIGUSR1')).toEqual([])
    expect(machine.verbs.at(-1)).toBe('restart --no-block')
  })

  it('never signals a process that got the pid in the meantime', async () => {
    const machine = machineWith('running')
    const pid = machine.comesUp()
    const plan = await restartPlan(machine)
    machine.host.drop(`/proc/${pid}`)
    machine.putProcess({pid, startTime: 99, argv: GATEWAY_ARGV, cgroup: '/s/hermes.service'}, 'running')
    await runPlan(machine.host, plan)
    expect(machine.host.changes.filter(({kind}) => kind === 'signal')).toEqual([])
  })

  it('has the manager restart at once what is not for certain the gateway', async () => {
    const machine = machineWith('running')
    const pid = machine.comesUp()
    const plan = await restartPlan(machine)
    machine.putProcess({pid, startTime: 99, argv: ['/opt/another-program'], cgroup: '/s/hermes.service'}, 'running')
    const startMs = machine.host.monotonicMs()
    await runPlan(machine.host, plan)
    expect(machine.verbs).toContain('restart --no-block')
    expect(machine.host.monotonicMs() - startMs).toBeLessThan(timeoutMs / 2)
  })

  it('is not forced upon the gateway by whoever cancels the wait', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    let asked = 0
    const cancelled = runPlan(machine.host, await restartPlan(machine), () => ++asked > 5)
    await expect(cancelled).rejects.toMatchObject({exitStatus: 130})
    expect(machine.verbs).toEqual([])
  })

  it('starts a service that the operator had stopped, and records that', async () => {
    const machine = machineWith('stopped')
    machine.shown.UnitFileState = 'disabled'
    await restart(machine)
    expect(desiredOf(machine)).toBe('running')
    expect(machine.shown).toMatchObject({ActiveState: 'active', UnitFileState: 'enabled'})
  })
})

describe('a restart that the gateway has left to systemd', () => {
  const PENDING = 'hermes-gateway-planned-restart-501.service'
  /** Their names fit, and they are others': a profile's service, and what the gateway of such a profile left. */
  const OTHERS: readonly (readonly [string, boolean])[] = [
    ['hermes-gateway-planned-restart-7.service', false],
    ['hermes-gateway-planned-restart-7-planned-restart-9.service', true],
    ['hermes-gateway-planned-restart-.service', true],
  ]

  /** A machine on which whatever waits in that unit comes to pass as soon as somebody waits. */
  function machineWithPending(desired: 'running' | 'stopped'): FakeSystemd {
    const machine = machineWith(desired)
    for (const [name, isTransient] of OTHERS) machine.transient.set(name, isTransient)
    const sleep = machine.host.sleep.bind(machine.host)
    machine.host.sleep = async (ms) => {
      if (machine.transient.delete(PENDING)) machine.comesUp()
      await sleep(ms)
    }
    return machine
  }

  const left = (machine: FakeSystemd) => [...machine.transient]

  it.each([
    ['stop', stop],
    ['uninstall', uninstall],
  ] as const)('%s calls it off, which comes with the end of the gateway, and nothing of others', async (_, command) => {
    const machine = machineWithPending('running')
    machine.comesUp('draining')
    machine.onStop = () => {
      machine.goesDown()
      machine.transient.set(PENDING, true)
      machine.onStop = () => machine.goesDown()
    }
    await command(machine)
    expect([machine.shown.ActiveState, left(machine)]).toEqual(['inactive', OTHERS])
    expect(machine.verbs).toContain(`stop ${PENDING}`)
  })

  it.each([
    ['and is not there any more', false],
    ['and is still there', true],
  ])('stop stops also what it has started by then %s', async (_, isStillThere) => {
    const machine = machineWithPending('running')
    machine.comesUp('draining')
    let ends = 0
    machine.onStop = () => {
      machine.goesDown()
      if (++ends > 1) return
      machine.comesUp('starting')
      if (isStillThere) machine.transient.set(PENDING, true)
    }
    await stop(machine)
    expect([machine.shown.ActiveState, left(machine), ends]).toEqual(['inactive', OTHERS, 2])
  })

  it.each([
    ['stop', stop],
    ['uninstall', uninstall],
  ] as const)('%s calls it off for a service that is down', async (_, command) => {
    const machine = machineWithPending('stopped')
    machine.transient.set(PENDING, true)
    await command(machine)
    expect([machine.shown.ActiveState, left(machine)]).toEqual(['inactive', OTHERS])
  })

  it.each([
    ['start', start, 'stopped'],
    ['restart', restart, 'stopped'],
    ['restart --force', (machine: FakeSystemd) => restart(machine, true), 'running'],
  ] as const)('%s calls it off before it starts the gateway, which is started once', async (command, run, desired) => {
    const machine = machineWithPending(desired)
    if (command === 'restart --force') {
      machine.comesUp('draining')
      machine.host.signal = () => {
        machine.goesDown()
        return true
      }
    }
    machine.transient.set(PENDING, true)
    let starts = 0
    machine.onStart = () => {
      starts++
      expect(left(machine)).toEqual(OTHERS)
      machine.comesUp()
    }
    await run(machine)
    expect([machine.shown.ActiveState, left(machine), starts]).toEqual(['active', OTHERS, 1])
  })

  it('restart does not end while one is to come', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.host.signal = () => {
      machine.comesUp()
      machine.transient.set(PENDING, true)
      return true
    }
    await restart(machine)
    expect([left(machine), machine.verbs]).toEqual([[], [`stop ${PENDING}`]])
  })
})

describe('a gateway that answers, and whose process cannot be seen from here,', () => {
  /** A machine on which the control socket of the home answers for a gateway of a container. */
  function machineWithUnseen(): FakeSystemd {
    const machine = machineWith('running')
    const socket = `${HOME}/gateway.sock`
    machine.host.put(socket, {kind: 'socket'})
    machine.host.exchange = async (path) => {
      await Promise.resolve()
      if (path !== socket) throw new HostError('ENOENT', path, 'cannot connect to')
      return `${JSON.stringify({ok: true, result: {pid: 12, start_time: 345, hermes_home: HOME}})}\n`
    }
    return machine
  }
  const refusal = {
    code: 'gateway-unseen',
    exitStatus: 1,
    evidence: expect.arrayContaining([expect.stringContaining('cannot be seen from here')]),
  }

  it.each<[string, (machine: FakeSystemd) => Promise<string>]>([
    ['started', start],
    ['restarted', restart],
    ['stopped', stop],
    ['installed', install],
  ])('is not %s: nothing is changed', async (_, command) => {
    const machine = machineWithUnseen()
    await expect(command(machine)).rejects.toMatchObject(refusal)
    expect(machine.host.changes.filter(({kind}) => kind !== 'run')).toEqual([])
    expect(machine.verbs).toEqual([])
  })

  it('is not taken for stopped with a service that fails beside it, which is', async () => {
    const machine = machineWithUnseen()
    machine.goesDown('activating', 'auto-restart')
    await expect(stop(machine)).rejects.toMatchObject({code: 'gateway-unseen'})
    expect(machine.shown).toMatchObject({ActiveState: 'inactive', UnitFileState: 'disabled'})
    expect(desiredOf(machine)).toBe('stopped')
  })
})

describe('uninstall', () => {
  it('stops and disables the service, and leaves nothing but the home', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    expect(await uninstall(machine)).toContain('is uninstalled; its home /home/user/.hermes is kept')
    expect(machine.verbs).toEqual(expect.arrayContaining(['stop --no-block', 'disable --no-reload', 'daemon-reload']))
    expect(machine.shown.LoadState).toBe('not-found')
    const left = Object.keys(machine.host.texts()).filter((file) => file.startsWith('/home/user/') && !file.startsWith(`${HOME}/gateway`))
    expect(left).toEqual([])
    expect(machine.target.manager.installer?.traces(machine.target.service)).toEqual([])
  })

  it('has nothing to do the second time, and says so', async () => {
    const machine = new FakeSystemd()
    expect(await uninstall(machine)).toContain('is not installed; nothing was changed')
    expect(machine.verbs).toEqual([])
  })

  it('takes the targets of notifications away too where systemd no longer knows the unit, since an uninstall before it was killed', async () => {
    const machine = new FakeSystemd()
    await install(machine)
    const {host} = machine
    const targets = [notifyFile(HOME), notifyStateFile(HOME)]
    for (const file of targets) host.put(file, '{}')
    host.drop(machine.unit)
    machine.shown = new FakeSystemd().shown
    await uninstall(machine)
    expect(targets.filter((file) => file in host.texts())).toEqual([])
    expect(machine.target.manager.installer?.traces(machine.target.service)).toEqual([])
  })

  it('completes one that was killed after the units of the heartbeat were removed, of which systemd still says that they are enabled', async () => {
    const machine = new FakeSystemd()
    await install(machine)
    const {host} = machine
    for (const unit of ['timer', 'service']) host.drop(path.join(path.dirname(machine.unit), `hermes-svc-heartbeat.${unit}`))
    expect(await uninstall(machine)).toContain('is uninstalled')
    expect(machine.verbs.at(-1)).toBe('daemon-reload')
    expect(machine.target.manager.installer?.traces(machine.target.service)).toEqual([])
  })

  it("takes only our additions away from another tool's unit, which goes on running", async () => {
    const machine = new FakeSystemd()
    machine.addUnit(upstreamUnit().replaceAll('/home/hermes', '/home/user'))
    machine.host.put(`${machine.unit}.d/10-hermes-svc.conf`, '# Written by hermes-svc\n')
    machine.host.put(`${machine.unit}.d/mine.conf`, '[Service]\n')
    machine.comesUp()
    expect(await uninstall(machine)).toContain('the unit itself belongs to another tool and stays')
    expect(machine.shown.ActiveState).toBe('active')
    expect(Object.keys(machine.host.texts())).toEqual(expect.arrayContaining([machine.unit, `${machine.unit}.d/mine.conf`]))
    expect(machine.host.stat(`${machine.unit}.d/10-hermes-svc.conf`)).toBeUndefined()
  })

  it('has the service running again where it does not succeed', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.failing.set('daemon-reload', {code: 1, stderr: 'refused'})
    await expect(uninstall(machine)).rejects.toMatchObject({code: 'command-failed'})
    expect(machine.shown).toMatchObject({ActiveState: 'active', UnitFileState: 'enabled'})
    expect(machine.host.texts()[machine.unit]).toContain('# Written by hermes-svc.')
    expect(desiredOf(machine)).toBe('running')
  })

  it('can be cancelled while it waits for the gateway', async () => {
    const machine = machineWith('running')
    machine.comesUp()
    machine.onStop = () => undefined
    let asked = 0
    const cancelled = runPlan(machine.host, await planUninstall(machine.target, {timeoutMs: 1e9}), () => ++asked > 20)
    await expect(cancelled).rejects.toMatchObject({exitStatus: 130})
  })

  it('leaves the unit of another home alone', async () => {
    const machine = machineWith('running')
    machine.shown.Environment = 'HERMES_HOME=/srv/other'
    await expect(planUninstall(machine.target, {timeoutMs})).rejects.toThrow('belongs to another home')
  })
})
