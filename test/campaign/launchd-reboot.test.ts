import {expect, it} from 'vitest'
import {recordOf} from '../support/doctor-home-rows.js'
import {describeOnLaunchd} from '../support/launchd-machine.js'
import {LaunchdService} from '../support/launchd-service.js'

// desired-state-reboot, under launchd: what is loaded at a boot and at a login. Races for the record have no manager in them. In memory: test/lifecycle/launchd.test.ts;
// what the double does at both: launchd-double.test.ts.

describeOnLaunchd('a shutdown and a boot, under launchd', (there) => {
  it('keep what is asked for: what ran comes back, what was stopped stays down, until the boot is until the boot', async () => {
    const all: {ran: LaunchdService; stopped: LaunchdService; untilBoot: LaunchdService; record: object}[] = []
    const ann = await there().addUser('ann')
    const install = async (kind: 'gui' | 'system') => {
      const service = await LaunchdService.make(there(), ann, {kind})
      await service.must('install')
      return service
    }
    for (const kind of ['gui', 'system'] as const) {
      const [ran, stopped, untilBoot] = [await install(kind), await install(kind), await install(kind)]
      await stopped.must('stop')
      await untilBoot.must('stop', ['--until-boot'])
      expect(await untilBoot.status()).toMatchObject({desired: 'running', actual: 'stopped', enabled: true, exit: 3})
      expect((await untilBoot.run('doctor', ['--json'])).json()).toMatchObject({services: [{findings: []}]})
      all.push({ran, stopped, untilBoot, record: await recordOf(ran)})
    }
    await there().reboot(ann)
    for (const {ran, stopped, untilBoot, record} of all) {
      await ran.comesUp()
      await untilBoot.comesUp()
      expect(await recordOf(ran)).toEqual(record)
      expect(await stopped.status()).toMatchObject({desired: 'stopped', actual: 'stopped', enabled: false, exit: 3})
      expect(await stopped.starts()).toBe(1)
      expect(await untilBoot.status()).toMatchObject({desired: 'running', actual: 'running', enabled: true})
      for (const one of [ran, stopped]) expect((await one.run('doctor', ['--json'])).json()).toMatchObject({services: [{findings: []}]})
      await stopped.must('start')
    }
  })
})
