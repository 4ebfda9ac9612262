import {describe, expect, it} from 'vitest'
import {ExitStatus, ServiceError} from '../../src/errors.js'
import type {ManagerObservation} from '../../src/managers/manager.js'
import {assess} from '../../src/observe/assess.js'
import {locateAll} from '../../src/observe/locate.js'
import {proveLocated} from '../../src/observe/look.js'
import type {Target} from '../../src/observe/where.js'
import type {Service} from '../../src/service/service.js'
import {FakeHost} from '../fakes/fake-host.js'
import {serviceOf} from '../fakes/settings.js'

/** Targets of one manager, which cannot tell of some services; what it was asked, a line each time. */
function managerThatHides(hidden: readonly string[], names = ['one', 'two', 'three']) {
  const asked: string[] = []
  const host = new FakeHost({files: {'/proc/locks': ''}})
  const nothing = (service: Service) =>
    ({
      service,
      installed: 'no',
      activity: 'stopped',
      failuresInARow: 0,
      environment: [],
      broken: undefined,
    }) as unknown as ManagerObservation
  const observer = {
    isOnDisk: () => true,
    notInstalled: nothing,
    whileDown: () => undefined,
    observe(services: readonly Service[]) {
      const profiles = services.map(({profile}) => profile.name)
      asked.push(profiles.join(' '))
      const refused = profiles.find((name) => hidden.includes(name))
      if (refused !== undefined)
        throw new ServiceError(`${refused} may not be looked at`, {code: 'no-access', exitStatus: ExitStatus.cannotTell})
      return services.map((service) => ({...nothing(service), installed: 'own'}))
    },
  }
  const manager = {observer} as unknown as Target['manager']
  const targets = names.map((name): Target => ({host, userHost: host, manager, service: serviceOf(name), homeFlag: 'home'}))
  return {targets, asked}
}

const profileOf = ({target}: {target: Target}) => target.service.profile.name

describe('locateAll', () => {
  it('asks once about all services where the manager can tell of each', () => {
    const {targets, asked} = managerThatHides([])
    expect(locateAll(targets, false).every(({unreachable}) => unreachable === undefined)).toBe(true)
    expect(asked).toEqual(['one two three'])
  })

  it('keeps what cannot be told of one service from hiding the others', async () => {
    const {targets} = managerThatHides(['two'])
    const located = locateAll(targets, false)
    expect(located.filter(({unreachable}) => unreachable).map(profileOf)).toEqual(['two'])
    const found = await proveLocated(located, 0)
    expect(found.map((one) => [profileOf(one), assess(one.seen)])).toEqual([
      ['one', {actual: 'stopped', exitStatus: ExitStatus.notRunning}],
      ['two', {actual: 'unknown', exitStatus: ExitStatus.cannotTell}],
      ['three', {actual: 'stopped', exitStatus: ExitStatus.notRunning}],
    ])
    expect(found[1]?.seen.verdict).toMatchObject({
      state: 'unknown',
      evidence: [expect.stringContaining('two may not be looked at'), expect.any(String)],
    })
  })

  it.each([[['one', 'two', 'three']], [['one']]])('throws where the manager can tell of none of %s', (names) => {
    const {targets} = managerThatHides(names, names)
    expect(() => locateAll(targets, false)).toThrow('one may not be looked at')
  })
})
