import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/not-installed.js'
import {examined, foreign, installed, kinds, wants} from '../../fakes/scene.js'
import {FakeSystemd} from '../../fakes/fake-systemd.js'

describe('not-installed', () => {
  it('says nothing of a service that is there, whoever wrote it', async () => {
    expect(await kinds(await installed(), check)).toEqual([])
    expect(await kinds(foreign(), check)).toEqual([])
  })

  it('tells a profile that is asked for and has nothing from one whose gateway was cut off or should run', async () => {
    const machine = new FakeSystemd()
    expect((await examined(machine, check)).findings).toMatchObject([
      {kind: 'none', severity: 'info', isFixable: false, cure: ['hermes-svc install']},
    ])
    const says = (state: string) => machine.host.put(`${machine.home}/gateway_state.json`, JSON.stringify({pid: 1, gateway_state: state}))
    says('stopped')
    expect(await kinds(machine, check)).toEqual(['none info'])
    says('running')
    expect(await kinds(machine, check)).toEqual(['without-service warning'])
    wants(machine, 'running')
    expect(await kinds(machine, check)).toEqual(['missing warning'])
  })

  it('says nothing of one among all', async () => {
    expect(await kinds(new FakeSystemd(), check, {isNamed: false})).toEqual([])
  })
})
