import {describe, expect, it} from 'vitest'
import {check as brokenCheck} from '../../src/doctor/checks/definition-broken.js'
import {check as pathCheck} from '../../src/doctor/checks/active-profile.js'
import {check} from '../../src/doctor/checks/stale-state.js'
import {examine} from '../../src/doctor/examine.js'
import {confirmed} from '../../src/doctor/look-again.js'
import {leave, sceneOf, serviceMachine} from '../fakes/fake-scene.js'
import {installed, sceneOf as sceneOfInstalled} from '../fakes/scene.js'

const OPTIONS = {wedgeWindowMs: 1000, isNamed: true, anyScope: false}
const CHECKS = [check, pathCheck]

/** A service that is down, beside the pid record of a gateway that is gone. */
async function stale() {
  const machine = serviceMachine()
  leave(machine, 'gateway.pid', {pid: 77, kind: 'hermes-gateway', start_time: 5})
  await machine.host.sleep(60_000)
  return {machine, diagnosis: await examine(await sceneOf(machine), CHECKS)}
}

describe('a second look', () => {
  it('confirms what is so', async () => {
    const {diagnosis} = await stale()
    expect(diagnosis.findings).toMatchObject([{id: 'stale-state', kind: 'pid-gone'}])
    expect((await confirmed([diagnosis], CHECKS, OPTIONS))[0]?.findings).toEqual(diagnosis.findings)
  })

  it('drops what was but a restart between two looks', async () => {
    const {machine, diagnosis} = await stale()
    machine.host.after(100, () => machine.comesUp())
    expect((await confirmed([diagnosis], CHECKS, OPTIONS))[0]?.findings).toEqual([])
  })

  it('finds why a start failed that systemd tries once more at the first look', async () => {
    const machine = await installed()
    const between = {
      ActiveState: 'activating',
      SubState: 'auto-restart',
      MainPID: '0',
      NRestarts: '4',
      ExecMainCode: '0',
      ExecMainStatus: '0',
    }
    Object.assign(machine.shown, between, {SubState: 'start-pre', ExecStartPre: '', ExecStopPost: ''})
    const checks = [brokenCheck]
    const diagnosis = await examine(await sceneOfInstalled(machine.target), checks)
    expect(diagnosis.findings).toEqual([])
    machine.host.after(100, () => {
      Object.assign(machine.shown, between, {ExecStartPre: '{ path=/bin/sh ; argv[]=/bin/sh ; code=exited ; status=216 }'})
    })
    expect((await confirmed([diagnosis], checks, OPTIONS))[0]?.findings).toMatchObject([{id: 'definition-broken', kind: 'start-failed'}])
  })

  it('is not taken where nothing is in doubt', async () => {
    const machine = serviceMachine()
    machine.comesUp()
    const diagnosis = await examine(await sceneOf(machine), CHECKS)
    const before = machine.host.monotonicMs()
    expect(await confirmed([diagnosis], CHECKS, OPTIONS)).toEqual([diagnosis])
    expect(machine.host.monotonicMs()).toBe(before)
  })
})
