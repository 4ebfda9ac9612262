import {describe, expect, it} from 'vitest'
import {planStop} from '../../../../src/lifecycle/stop.js'
import {check} from '../../../../src/managers/launchd/checks/disabled-override.js'
import {AGENT, LABEL} from '../../../fakes/fake-launchd.js'
import {GUI, LaunchdTarget} from '../../../fakes/launchd-scene.js'

describe('disabled-override', () => {
  it('says nothing of what is enabled, or was stopped by us', async () => {
    const machine = await LaunchdTarget.installed()
    expect(await machine.kinds(check)).toEqual([])
    await machine.go(planStop(machine.target, {timeoutMs: 3000, force: false, wedgeWindowMs: 100, untilBoot: false}))
    expect(machine.disabled.has(LABEL)).toBe(true)
    expect(await machine.kinds(check)).toEqual([])
  })

  it('says nothing where the records cannot be read', async () => {
    const machine = await LaunchdTarget.installed()
    machine.disabled.add(LABEL)
    machine.answers.set('print-disabled', {stdout: 'something else\n'})
    expect(await machine.kinds(check)).toEqual([])
  })

  it('finds it under a running one, never enables it unasked, and leaves the gateway alone', async () => {
    const machine = await LaunchdTarget.installed()
    machine.disabled.add(LABEL)
    expect(await machine.find(check)).toMatchObject([{kind: 'disabled', severity: 'warning', isSafe: false}])
    expect(await machine.fix(check)).toEqual([`enable ${GUI}`])
  })

  it('finds it as the reason of one that is down, and starts that', async () => {
    const machine = await LaunchdTarget.installed()
    machine.disabled.add(LABEL)
    machine.ends(GUI)
    machine.jobs.delete(GUI)
    const [finding] = await machine.find(check)
    expect(finding).toMatchObject({severity: 'error'})
    expect(finding?.explains).toEqual(expect.arrayContaining(['not-loaded', 'not-enabled', 'desired-state']))
    expect(await machine.fix(check)).toEqual([`enable ${GUI}`, `bootstrap gui/1000 ${AGENT}`])
    expect(machine.actual).toBe('running')
  })
})
