import {describe, expect, it} from 'vitest'
import {check} from '../../../src/doctor/checks/not-enabled.js'
import {cure, find, found, serviceMachine} from '../../fakes/fake-scene.js'

describe('not-enabled', () => {
  it('finds a service that should be running and does not start at boot, and enables it without starting it', async () => {
    const machine = serviceMachine({enabled: false})
    expect(await find(machine, check)).toMatchObject([
      {
        ...{kind: 'disabled', severity: 'warning', what: 'hermes-gateway.service should be running, but does not start at boot'},
        ...{evidence: ['desired state: running, since then (install)', 'enabled at boot: no; the service is stopped now'], isSafe: true},
      },
    ])
    await cure(machine, check)
    expect(machine.verbs).toEqual(['enable'])
    expect(await found(machine, check)).toEqual([])
  })

  it.each([
    ['is enabled', {}],
    ['should be stopped', {enabled: false, desired: 'stopped'}],
    ['nobody has asked for', {enabled: false, desired: null}],
  ] as const)('finds nothing in one that %s', async (_name, service) => {
    expect(await found(serviceMachine(service), check)).toEqual([])
  })
})
