import {describe, expect, it} from 'vitest'
import {planInstall} from '../../src/lifecycle/install.js'
import {observe} from '../../src/observe/look.js'
import {planRestart} from '../../src/lifecycle/restart.js'
import {planStart} from '../../src/lifecycle/start.js'
import {planStop} from '../../src/lifecycle/stop.js'
import {planUninstall} from '../../src/lifecycle/uninstall.js'
import {AGENT, LABEL, LAUNCHD_SERVICE} from '../fakes/fake-launchd.js'
import {GUI, LaunchdTarget, REQUEST} from '../fakes/launchd-scene.js'

// The whole life of a service, by the same plans as under systemd.

const install = (machine: LaunchdTarget, request: object = {}) => machine.go(planInstall(machine.target, {...REQUEST, ...request}))
const stop = (machine: LaunchdTarget, untilBoot = false) =>
  machine.go(planStop(machine.target, {timeoutMs: 3000, untilBoot, force: false, wedgeWindowMs: 100}))

describe('a service under launchd', () => {
  it('is installed, and a second time nothing is changed', async () => {
    const machine = new LaunchdTarget()
    expect(await install(machine)).toBe(`${LABEL} is installed and running`)
    expect(machine.actual).toBe('running')
    expect(machine.calls()).toEqual([`enable ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
    expect(await install(machine)).toContain('nothing was changed')
    expect(machine.calls()).toEqual([])
  })

  it('is stopped for good, started, restarted and uninstalled without a trace', async () => {
    const machine = new LaunchdTarget()
    await install(machine)
    machine.calls()
    expect(await stop(machine)).toBe(`${LABEL} is stopped`)
    expect(machine.actual).toBe('stopped')
    expect(machine.calls()).toEqual([`disable ${GUI}`, `kill SIGTERM ${GUI}`, `bootout ${GUI}`])
    expect(await stop(machine)).toContain('nothing was changed')

    expect(await machine.go(planStart(machine.target, {timeoutMs: 3000}))).toBe(`${LABEL} is running`)
    expect(machine.calls()).toEqual([`enable ${GUI}`, `bootstrap gui/1000 ${AGENT}`])

    const before = observe(machine.target).verdict.pid
    await machine.go(planRestart(machine.target, {force: true, timeoutMs: 3000, wedgeWindowMs: 100, times: {terminateMs: 50}}))
    expect(observe(machine.target).verdict.pid).not.toBe(before)
    expect(machine.actual).toBe('running')
    expect(machine.calls()).toEqual([`kill SIGTERM ${GUI}`, `kickstart -k ${GUI}`])

    expect(await machine.go(planUninstall(machine.target, {timeoutMs: 3000}))).toContain('is uninstalled')
    expect(machine.calls()).toEqual([`kill SIGTERM ${GUI}`, `disable ${GUI}`, `bootout ${GUI}`, `enable ${GUI}`])
    expect(machine.actual).toBe('not-installed')
    expect(machine.manager.installer.traces(LAUNCHD_SERVICE)).toEqual([])
    expect(machine.disabled.size).toBe(0)
    expect(Object.keys(machine.host.texts()).filter((file) => file.startsWith('/home/user/Library'))).toEqual([])
  })

  it('comes back at the next login after a stop until then', async () => {
    const machine = new LaunchdTarget()
    await install(machine)
    await stop(machine, true)
    expect(machine.disabled.size).toBe(0)
    expect(machine.actual).toBe('stopped')
  })

  it('is enabled again by a start where its user disabled it while it runs, and nothing else is done', async () => {
    const machine = new LaunchdTarget()
    await install(machine)
    machine.disabled.add(LABEL)
    machine.calls()
    await machine.go(planStart(machine.target, {timeoutMs: 3000}))
    expect(machine.calls()).toEqual([`enable ${GUI}`])
    expect([machine.actual, machine.disabled.size]).toEqual(['running', 0])
  })

  it('is loaded anew where its definition was changed', async () => {
    const machine = new LaunchdTarget()
    await install(machine)
    machine.calls()
    machine.host.put('/home/user/.hermes/.env', 'HERMES_RESTART_DRAIN_TIMEOUT=900\n')
    await install(machine)
    expect(machine.calls()).toEqual([`kill SIGTERM ${GUI}`, `bootout ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
    expect(observe(machine.target).manager.needsReload).toBe(false)
  })

  it('leaves the machine as it was when it does not come up, no record of a disable either', async () => {
    const machine = new LaunchdTarget()
    machine.leavesRecords = false
    await expect(install(machine)).rejects.toThrow('The gateway did not come up')
    expect(machine.jobs.size).toBe(0)
    expect(machine.disabled.size).toBe(0)
    expect(Object.keys(machine.host.texts()).filter((file) => file.startsWith('/home/user/Library'))).toEqual([])
  })

  it('runs by its former definition again when a new one does not come up', async () => {
    const machine = new LaunchdTarget()
    await install(machine)
    const text = machine.host.texts()[AGENT]
    machine.leavesRecords = false
    machine.host.put('/home/user/.hermes/.env', 'HERMES_RESTART_DRAIN_TIMEOUT=900\n')
    await expect(install(machine)).rejects.toThrow('The gateway did not come up')
    expect(machine.host.texts()[AGENT]).toBe(text)
    expect(machine.jobs.get(GUI)).toMatchObject({state: 'running', text})
  })
  it('runs by its former definition again when launchd does not take a new one', async () => {
    const machine = new LaunchdTarget()
    await install(machine)
    const text = machine.host.texts()[AGENT]
    machine.refusesNextLoad = {code: 109, stderr: 'Bootstrap failed: 109: Invalid property list\n'}
    machine.host.put('/home/user/.hermes/.env', 'HERMES_RESTART_DRAIN_TIMEOUT=900\n')
    await expect(install(machine)).rejects.toThrow('Invalid property list')
    expect(machine.host.texts()[AGENT]).toBe(text)
    expect(machine.jobs.get(GUI)).toMatchObject({state: 'running', text})
  })
})
