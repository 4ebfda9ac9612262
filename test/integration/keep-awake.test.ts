import {expect, it} from 'vitest'
import type {Scope} from '../../src/service/service.js'
import {isCampaign} from '../support/campaign.js'
import {doctor} from '../support/doctor-row.js'
import {describeOnSystemd, waitFor} from '../support/machines.js'
import {TestService} from '../support/test-service.js'

await describeOnSystemd('--keep-awake', (machine) => {
  /** What a user without a session at the machine's seat may keep it from, and root. */
  const HELD: readonly (readonly [Scope, string])[] = [
    ['user', 'idle'],
    ['system', 'sleep:idle'],
  ]

  it.each(HELD)('in %s scope holds the machine awake (%s) while the gateway runs, and leaves its process as it is', async (scope, what) => {
    const user = await machine().addUser(`awake-${scope}`, {linger: scope === 'user'})
    const service = await TestService.make(machine(), user, {scope})
    const held = async () => {
      const lines = (await service.sh('systemd-inhibit --list --no-legend --no-pager')).split('\n')
      return lines.filter((line) => line.startsWith(service.unit)).map((line) => /(\S+) +its gateway runs .* block$/.exec(line)?.[1])
    }
    const isHeld = (wanted: readonly string[]) =>
      waitFor(async () => JSON.stringify((await held()).toSorted()) === JSON.stringify(wanted), `a lock: ${wanted.join()}`)
    const units = async () => (await service.systemctl('list-units', '--all', '--no-legend', '--plain', 'hermes-svc-awake-*')).stdout
    const OFF = ['--heartbeat', 'off']
    if (isCampaign) await service.must('install', OFF)
    const first = isCampaign ? await service.mainPid() : 0
    expect(await held()).toEqual([])

    // What the gateway is started with, so it is started anew; and it is its unit's main process as before.
    await service.must('install', ['--keep-awake', ...OFF])
    const pid = await service.comesUp(first)
    await isHeld([what])
    expect(await service.mainPid()).toBe(pid)
    expect(await units()).toContain(`-${pid}.service`)
    expect(await service.sh('cat "/sys/fs/cgroup$1/cgroup.procs"', [(await service.show('ControlGroup'))[0] ?? ''])).toBe(`${pid}\n`)

    // By which manager it is held is all that the scopes differ in: outside of a campaign the rest is seen in one of them.
    if (isCampaign || scope === 'user') {
      expect(await doctor(service)).toEqual({exit: 0, findings: []})
      await service.kill('KILL')
      const next = await service.comesUp(pid)
      await waitFor(
        async () => (await units()).includes(`-${next}.service`) && !(await units()).includes(`-${pid}.service`),
        'one lock, the new one',
      )
      await isHeld([what])
      if (isCampaign) {
        expect((await service.must('config:get', ['keep-awake'])).stdout.trim()).toMatch(/^on/)
        await service.must('stop')
        await isHeld([])
        await service.must('start')
        await isHeld([what])
        // As every setting that the gateway is started with; what the definition says then: test/managers/systemd/render.test.ts.
        await service.must('config:unset', ['keep-awake'])
        await isHeld([])
        await service.must('install', ['--keep-awake', 'on'])
        await isHeld([what])
      }
    }
    await service.must('uninstall', ['--yes'])
    await isHeld([])
    await waitFor(async () => (await units()) === '', 'no unit to be left')
  })
})
