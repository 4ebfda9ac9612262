import {describe, expect, it} from 'vitest'
import {ExitStatus, ServiceError} from '../../../../src/errors.js'
import {check} from '../../../../src/managers/systemd/checks/user-bus.js'
import {examined, foreign, installed, kinds} from '../../../fakes/scene.js'
import {FakeSystemd} from '../../../fakes/fake-systemd.js'

const BUS = '/run/user/1000/bus'
const LINGER = '/var/lib/systemd/linger/user'

describe('user-bus', () => {
  it('says nothing where the manager answers, or where it does not and there is no service', async () => {
    expect(await kinds(await installed(), check)).toEqual([])
    const machine = new FakeSystemd()
    machine.host.drop(BUS)
    expect(await kinds(machine, check)).toEqual([])
  })

  it('finds that the manager of a user who does not linger does not run, with what everybody may do about it', async () => {
    const machine = foreign()
    machine.host.drop(BUS)
    machine.host.drop(LINGER)
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'not-running', severity: 'error', cure: ['sudo loginctl enable-linger user'], isFixable: true}])
    expect(findings[0]?.evidence).toContain('user is not logged in, and lingering is off')
  })

  it('finds one that was stopped although its user lingers, which only root can do', async () => {
    const machine = await installed()
    machine.host.drop(BUS)
    const {findings, plan} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'not-running', cure: ['sudo systemctl restart user@1000.service'], isFixable: false}])
    expect(plan).toBeUndefined()
  })

  it('cannot tell why a manager that runs does not answer', async () => {
    const unreachable = new ServiceError('systemctl show: no answer in time', {
      code: 'manager-unreachable',
      exitStatus: ExitStatus.cannotTell,
    })
    const {findings} = await examined(await installed(), check, {unreachable})
    expect(findings).toMatchObject([{kind: 'unreachable', severity: 'unknown', what: 'systemctl show: no answer in time'}])
  })
})
