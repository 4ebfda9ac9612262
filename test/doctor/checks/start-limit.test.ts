import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/start-limit.js'
import {examined, fix, foreign, installed, kinds, wants} from '../../fakes/scene.js'

const HIT = {ActiveState: 'failed', SubState: 'failed', Result: 'start-limit-hit', NRestarts: '5', MainPID: '0', ControlGroup: ''}

describe('start-limit', () => {
  it('says nothing of a service of ours', async () => {
    expect(await kinds(await installed(), check)).toEqual([])
  })

  it.each([
    ['storms', {StartLimitIntervalUSec: '0'}],
    ['dies', {StartLimitIntervalUSec: '10min', StartLimitBurst: '5'}],
  ])("finds that another tool's unit %s, and leaves it to the operator to adopt it", async (kind, shown) => {
    const {findings} = await examined(foreign(shown), check)
    expect(findings).toMatchObject([{kind, severity: 'warning', isFixable: true, isSafe: false, cure: ['hermes-svc install']}])
  })

  it('adds our policy to it, and does not touch the gateway', async () => {
    const machine = foreign()
    const pid = machine.shown.MainPID
    await fix(machine, check)
    expect(machine.host.texts()).toHaveProperty([`${machine.unit}.d/10-hermes-svc.conf`])
    expect(machine.shown.MainPID).toBe(pid)
  })

  it('finds a limit that was hit, starts it again, and may do so unasked where it should run', async () => {
    const machine = await installed()
    machine.goesDown()
    Object.assign(machine.shown, HIT)
    const {findings} = await examined(machine, check)
    expect(findings).toMatchObject([{kind: 'hit', severity: 'error', isSafe: true, explains: ['crash-loop', 'desired-state']}])
    await fix(machine, check)
    expect(machine.verbs.slice(-2)).toEqual(['reset-failed', 'start --no-block'])
  })

  it('says nothing of one that hit its limit and should be stopped', async () => {
    const machine = await installed()
    machine.goesDown()
    Object.assign(machine.shown, HIT)
    wants(machine, 'stopped')
    expect(await kinds(machine, check)).toEqual([])
  })
})
