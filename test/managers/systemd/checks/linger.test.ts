import {describe, expect, it} from 'vitest'
import {check} from '../../../../src/managers/systemd/checks/linger.js'
import {examined, foreign, installed, kinds, SUPPORT, wants} from '../../../fakes/scene.js'

const LINGER = '/var/lib/systemd/linger/user'

describe('linger', () => {
  it('says nothing where the user lingers, where that was not wanted, or of a service that should be stopped', async () => {
    const machine = await installed()
    expect(await kinds(machine, check)).toEqual([])
    machine.host.drop(LINGER)
    const settings = machine.host.texts()[`${SUPPORT}/settings.json`] ?? ''
    machine.host.put(`${SUPPORT}/settings.json`, settings.replace('"linger": true', '"linger": false'))
    expect(await kinds(machine, check)).toEqual([])
    machine.host.put(`${SUPPORT}/settings.json`, settings)
    wants(machine, 'stopped')
    expect(await kinds(machine, check)).toEqual([])
  })

  it('finds it off for ours, which may be cured unasked, and for another tool’s, which may not', async () => {
    for (const [machine, isSafe] of [
      [await installed(), true],
      [foreign(), false],
    ] as const) {
      machine.host.drop(LINGER)
      const {findings} = await examined(machine, check)
      expect(findings).toMatchObject([{kind: 'off', severity: 'warning', isSafe}])
      expect(findings[0]?.cure).toEqual(['hermes-svc fix linger', 'sudo loginctl enable-linger user   # if that is refused'])
    }
  })
})
