import {describe, expect, it} from 'vitest'
import {planRestart} from '../../src/lifecycle/restart.js'
import {planStart} from '../../src/lifecycle/start.js'
import {planStop} from '../../src/lifecycle/stop.js'
import {assess} from '../../src/observe/assess.js'
import {observe} from '../../src/observe/look.js'
import type {TargetFlags} from '../../src/observe/place.js'
import {report} from '../../src/observe/report.js'
import {orForeground, resolveManaged, resolveTarget} from '../../src/observe/where.js'
import {type FakeFile, FakeHost, type FakeMachine, USER} from '../fakes/fake-host.js'
import {GATEWAY_ARGV, processFiles} from '../fakes/fake-process.js'
import {CONTAINER, RUN, runFiles, runningIn} from '../fakes/foreground.js'
import {refusal} from '../support/refusal.js'

const SYSTEMD: Record<string, FakeFile> = {'/run/systemd/system': {folder: true}}
const UNIT = '/home/user/.config/systemd/user/hermes-gateway.service'
const WISH = `${RUN.memory}/wish`
const STOP = {timeoutMs: 10_000, untilBoot: false, force: false, wedgeWindowMs: 1000}

const hostOf = (files: FakeMachine['files'], env = {}) => new FakeHost({files: files ?? {}, env})
const targetOf = (host: FakeHost, flags: TargetFlags = {}) => resolveTarget(host, flags, 'change')

describe('what keeps a gateway alive in the foreground', () => {
  it('is what is meant while it lives, where no manager is', async () => {
    const {manager, service} = await targetOf(hostOf(runningIn()))
    expect([manager.kind, service.name, manager.observer.isOnDisk(service)]).toEqual(['run', 'hermes-gateway', true])
  })

  it('is what is meant while it lives, where a manager has nothing of the profile', async () => {
    const files = {...runningIn(), ...SYSTEMD}
    expect((await targetOf(hostOf(files))).manager.kind).toBe('run')
    expect((await targetOf(hostOf({...files, [UNIT]: '[Service]\n'}))).manager.kind).toBe('systemd')
    // Who names a manager or a scope means that.
    expect((await targetOf(hostOf(files), {manager: 'systemd'})).manager.kind).toBe('systemd')
    expect((await targetOf(hostOf(files), {scope: 'user'})).manager.kind).toBe('systemd')
    expect((await targetOf(hostOf({...files, [UNIT]: '[Service]\n'}), {manager: 'run'})).manager.kind).toBe('run')
    expect((await targetOf(hostOf({...CONTAINER, ...SYSTEMD, ...runFiles(RUN, undefined)}))).manager.kind).toBe('systemd')
  })

  it('is nothing in which a service could be installed', async () => {
    expect(await refusal(() => resolveManaged(hostOf(runningIn()), {}, 'change'))).toMatchObject({code: 'no-manager', exitStatus: 4})
    expect(await refusal(() => resolveManaged(hostOf(runningIn()), {manager: 'run'}, 'change'))).toMatchObject({code: 'no-manager'})
    expect((await resolveManaged(hostOf({...runningIn(), ...SYSTEMD}), {}, 'change')).manager.kind).toBe('systemd')
  })

  it('is found among the services of all profiles', async () => {
    const target = await resolveManaged(hostOf({...runningIn(), ...SYSTEMD}), {}, 'read')
    expect((await orForeground(target)).manager.kind).toBe('run')
    const other = target.manager.placement.serviceFor(
      {name: 'work', home: '/home/user/.hermes/profiles/work', root: RUN.settings.home},
      USER,
    )
    expect((await orForeground({...target, service: other})).manager.kind).toBe('systemd')
  })

  it('tells of its gateway what its record says', async () => {
    const target = await targetOf(hostOf(runningIn()))
    const seen = observe(target)
    expect(seen.manager).toMatchObject({
      installed: 'run',
      activity: 'waiting',
      restarts: 2,
      failuresInARow: 1,
      lastExit: {how: 'killed', status: 9},
    })
    expect(assess(seen)).toEqual({actual: 'waiting', exitStatus: 1})
    expect(report(seen, target.manager, 0, undefined, {state: 'offline', platforms: [], advice: null})).toMatchObject({
      manager: 'run',
      installed: 'run',
      foreground: true,
      enabled: null,
    })
  })

  it('has what its gateway has started for its own, a wrapper between them or not', async () => {
    const gateway = processFiles({pid: 41, parentPid: 40, startTime: 4800, argv: GATEWAY_ARGV, env: {HERMES_HOME: RUN.settings.home}})
    const record = {
      [`${RUN.settings.home}/gateway.pid`]: JSON.stringify({
        pid: 41,
        start_time: 4800,
        hermes_home: RUN.settings.home,
        kind: 'hermes-gateway',
      }),
    }
    const state = {[`${RUN.settings.home}/gateway_state.json`]: JSON.stringify({pid: 41, start_time: 4800, gateway_state: 'running'})}
    const wrapper = processFiles({pid: 40, parentPid: 25, startTime: 4799, argv: ['/bin/sh', 'hermes']})
    const files = {...gateway, ...wrapper, ...record, ...state}
    const seen = observe(await targetOf(hostOf({...runningIn({activity: 'running', gatewayPid: 40, startedAtMs: 47_990}), ...files})))
    expect(seen).toMatchObject({supervised: true, verdict: {state: 'alive', pid: 41}})
    expect(assess(seen)).toEqual({actual: 'running', exitStatus: 0})
    // Beside it, while it waits for the next start, somebody has started one by hand.
    expect(observe(await targetOf(hostOf({...runningIn(), ...files}))).supervised).toBe(false)
    // Where nothing of ours is, a container's runtime may keep it alive.
    expect(observe(await targetOf(hostOf({...CONTAINER, ...files})))).toMatchObject({supervised: undefined, verdict: {state: 'alive'}})
  })

  it.each<[string, (host: FakeHost) => Promise<{readonly steps: readonly object[]}>]>([
    ['stop', async (host) => planStop(await targetOf(host), STOP)],
    ['start', async (host) => planStart(await targetOf(host), {timeoutMs: undefined})],
  ])('is wished to %s by a file in its folder, with the ids of the account, and nobody is signalled', async (wish, plan) => {
    const {steps} = await plan(hostOf(runningIn()))
    const asked = wish === 'start' ? 'restart' : wish
    expect(steps).toContainEqual(
      expect.objectContaining({kind: 'write-file', path: WISH, text: `${asked}\n`, as: expect.objectContaining({name: 'user'}) as object}),
    )
    expect(steps.filter((step) => 'signal' in step)).toEqual([])
  })

  it.each<[string, (host: FakeHost) => Promise<unknown>]>([
    ['start', async (host) => planStart(await targetOf(host), {timeoutMs: undefined})],
    ['stop', async (host) => planStop(await targetOf(host), STOP)],
    ['restart', async (host) => planRestart(await targetOf(host), {force: false, timeoutMs: undefined, wedgeWindowMs: 1000, times: {}})],
  ])('is what %s points to, with exit 4, where neither a manager nor it is', async (_, plan) => {
    const error = await refusal(() => plan(hostOf({...CONTAINER, ...runFiles(RUN, undefined)})))
    expect(error).toMatchObject({
      code: 'no-manager',
      exitStatus: 4,
      next: expect.arrayContaining([expect.stringMatching(/^hermes-svc run /)]) as object,
    })
  })
})
