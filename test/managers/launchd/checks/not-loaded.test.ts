import {describe, expect, it} from 'vitest'
import {planStop} from '../../../../src/lifecycle/stop.js'
import {check} from '../../../../src/managers/launchd/checks/not-loaded.js'
import {AGENT} from '../../../fakes/fake-launchd.js'
import {GUI, LaunchdTarget} from '../../../fakes/launchd-scene.js'

const STOP = {timeoutMs: 3000, force: false, wedgeWindowMs: 100}

describe('not-loaded', () => {
  it('says nothing of what is loaded, was stopped by us, or is stopped until the next boot', async () => {
    const machine = await LaunchdTarget.installed()
    expect(await machine.kinds(check)).toEqual([])
    for (const untilBoot of [false, true]) {
      const stopped = await LaunchdTarget.installed()
      stopped.host.put('/proc/sys/kernel/random/boot_id', 'this-boot')
      await stopped.go(planStop(stopped.target, {...STOP, untilBoot}))
      expect(stopped.jobs.size).toBe(0)
      expect(await stopped.kinds(check)).toEqual([])
    }
  })

  it('finds one that was unloaded, and loads it', async () => {
    const machine = await LaunchdTarget.installed()
    machine.ends(GUI, 1)
    machine.jobs.delete(GUI)
    expect(await machine.find(check)).toMatchObject([
      {kind: 'unloaded', severity: 'error', isSafe: true, cure: ['hermes-svc fix not-loaded']},
    ])
    expect(await machine.fix(check)).toEqual([`bootstrap gui/1000 ${AGENT}`])
    expect(await machine.kinds(check)).toEqual([])
  })

  it('does not revive unasked what was stopped in good order', async () => {
    const machine = await LaunchdTarget.installed()
    machine.ends(GUI, 0)
    machine.jobs.delete(GUI)
    machine.host.put(`/home/user/Library/Application Support/hermes-svc/ai.hermes.gateway/state/ended`, 'exited 0\n')
    expect(await machine.find(check)).toMatchObject([
      {kind: 'unloaded', isSafe: false, cure: ['hermes-svc fix not-loaded', 'hermes-svc fix desired-state --desired stopped']},
    ])
  })
})
