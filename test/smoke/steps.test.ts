import {describe, expect, it} from 'vitest'
import {checkModules} from '../../src/doctor/checks/index.js'
import {type SmokeStep, type StepDefinition, STEPS, selectSteps} from '../../src/smoke/steps.js'

const idsOf = (steps: readonly Pick<SmokeStep, 'id'>[]) => steps.map(({id}) => id)

describe('the steps of the self-test', () => {
  it('need only steps that come before them', () => {
    const steps: readonly StepDefinition[] = STEPS
    for (const [index, {needs}] of steps.entries()) expect(idsOf(steps.slice(0, index))).toEqual(expect.arrayContaining([...needs]))
  })

  it('of doctor are named as the checks that they try', () => {
    const ids = idsOf(STEPS.filter(({group}) => group === 'doctor'))
    expect(ids).toHaveLength(4)
    expect(Object.keys(checkModules)).toEqual(expect.arrayContaining(ids))
  })

  it('are all tried if none is named', () => {
    expect(selectSteps(undefined)).toEqual(STEPS)
  })

  it('bring what they need, however they are named, in their own order', () => {
    expect(idsOf(selectSteps(['zombie-pid']))).toEqual(['install', 'alive', 'stop', 'stays-stopped', 'zombie-pid'])
    expect(idsOf(selectSteps(['nothing-left', 'install']))).toEqual(['install', 'uninstall', 'nothing-left'])
    const doctor = ['install', 'alive', 'missing-heartbeat', 'desired-state', 'stop', 'stays-stopped', 'stale-state', 'zombie-pid']
    expect(idsOf(selectSteps(['doctor']))).toEqual(doctor)
    expect(idsOf(selectSteps(['life-cycle', 'doctor']))).toEqual(idsOf(STEPS))
  })

  it('are refused with the one that was probably meant', () => {
    expect(() => selectSteps(['zombie-pdi'])).toThrow('--only: unknown step or group "zombie-pdi" (did you mean zombie-pid?)')
    expect(() => selectSteps(['docter'])).toThrow('(did you mean doctor?)')
    expect(() => selectSteps(['install', 'banana'])).toThrow(/"banana"$/)
  })
})
