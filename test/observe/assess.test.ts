import {report} from '../../src/observe/report.js'
import type {Verdict} from '../../src/observe/judge.js'
import {describe, expect, it} from 'vitest'
import type {Observation} from '../../src/observe/look.js'
import {assess} from '../../src/observe/assess.js'
import type {ManagerObservation} from '../../src/managers/manager.js'
import {SERVICE} from '../fakes/settings.js'
import {gatewayState} from '../fakes/gateway-state.js'

interface Seen {
  readonly manager?: Partial<ManagerObservation>
  readonly verdict?: Verdict['state']
  readonly pid?: number | undefined
  readonly says?: string
  readonly supervised?: boolean | undefined
  readonly desired?: Observation['desired']
}

function observation({manager = {}, verdict = 'dead', says, supervised = true, desired = {kind: 'absent'}, ...rest}: Seen): Observation {
  const pid = 'pid' in rest ? rest.pid : verdict === 'alive' || verdict === 'wedged' ? 468 : undefined
  const state = gatewayState({says})
  return {
    by: 'process',
    isOverdue: false,
    manager: {
      service: SERVICE,
      installed: 'own',
      broken: undefined,
      enabled: true,
      activity: 'running',
      mainPid: 468,
      startedAtMs: 1000,
      changedAtMs: 1000,
      restarts: 0,
      lastExit: undefined,
      failuresInARow: 0,
      controlGroup: '/s',
      home: undefined,
      environment: [],
      accountName: undefined,
      definitionPaths: [],
      needsReload: false,
      settings: undefined,
      directives: {},
      ...manager,
    },
    gateway: {
      home: SERVICE.profile.home,
      pidRecord: {kind: 'absent'},
      lockRecord: {kind: 'absent'},
      state: {kind: 'present', value: state},
      lock: {kind: 'absent'},
      processes: new Map(),
      hiddenPids: new Set(),
    },
    verdict: {state: verdict, pid, evidence: ['why']},
    desired,
    supervised: pid === undefined ? undefined : supervised,
  }
}

const NOT_LOOKED_AT = {state: 'unknown', platforms: [], advice: null} as const

describe('assess', () => {
  it.each<[string, Seen, string, number]>([
    ['a gateway that works', {verdict: 'alive', says: 'running'}, 'running', 0],
    ['a gateway of which some platforms fail', {verdict: 'alive', says: 'degraded'}, 'running', 0],
    ['a gateway that comes up', {verdict: 'alive', says: 'starting'}, 'starting', 0],
    ['a process that has written nothing yet', {verdict: 'dead'}, 'starting', 0],
    ['a start that is prepared', {manager: {activity: 'starting'}}, 'starting', 0],
    ['a gateway that finishes its work', {verdict: 'alive', says: 'draining'}, 'draining', 0],
    ['a stop under way', {manager: {activity: 'stopping'}, verdict: 'alive'}, 'stopping', 3],
    ['a service that is stopped', {manager: {activity: 'stopped'}}, 'stopped', 3],
    ['a service that has failed', {manager: {activity: 'failed'}}, 'failed', 3],
    ['a service that failed for good after a crash loop', {manager: {activity: 'failed', failuresInARow: 9}}, 'failed', 3],
    ['a service that is stopped after a crash loop', {manager: {activity: 'stopped', failuresInARow: 9}}, 'stopped', 3],
    ['a gateway that is frozen', {verdict: 'wedged'}, 'wedged', 1],
    ['a delay before the next start', {manager: {activity: 'waiting', failuresInARow: 2}}, 'waiting', 1],
    ['a third failure in a row', {manager: {activity: 'waiting', failuresInARow: 3}}, 'crash-looping', 1],
    ['one more try of a crash loop', {manager: {activity: 'starting', failuresInARow: 3}}, 'crash-looping', 1],
    ['a process of a crash loop that has written nothing yet', {manager: {failuresInARow: 3}}, 'crash-looping', 1],
    ['a gateway that is up after a crash loop', {manager: {failuresInARow: 3}, verdict: 'alive', says: 'running'}, 'running', 0],
    ['a gateway of which nothing can be told after a crash loop', {manager: {failuresInARow: 3}, verdict: 'unknown'}, 'unknown', 4],
    ['a gateway outside its service', {manager: {activity: 'stopped'}, verdict: 'alive', supervised: false}, 'orphaned', 1],
    ['a frozen gateway outside its service', {manager: {activity: 'stopped'}, verdict: 'wedged', supervised: false}, 'orphaned', 1],
    [
      'a gateway without any service',
      {manager: {installed: 'no', activity: 'stopped'}, verdict: 'alive', supervised: false},
      'orphaned',
      1,
    ],
    ['no service', {manager: {installed: 'no', activity: 'stopped'}}, 'not-installed', 4],
    ['a service that is masked', {manager: {installed: 'no', broken: 'masked', activity: 'stopped'}}, 'stopped', 3],
    ['files that cannot be read', {verdict: 'unknown'}, 'unknown', 4],
    ['files that cannot be read of a service that is stopped', {manager: {activity: 'stopped'}, verdict: 'unknown'}, 'stopped', 3],
  ])('%s', (_, seen, actual, exitStatus) => {
    expect(assess(observation(seen))).toEqual({actual, exitStatus})
  })
})

describe('report', () => {
  const MANAGER = {kind: 'systemd', scope: 'user', linger: {isOn: () => true}} as const

  it('shows what is known, with null for what is not', () => {
    const seen = observation({
      verdict: 'alive',
      says: 'running',
      desired: {kind: 'recorded', record: {schemaVersion: 1, desiredState: 'stopped', since: 'x', by: 'y'}},
    })
    expect(report(seen, MANAGER, 6000.4, undefined, NOT_LOOKED_AT)).toEqual({
      service: 'hermes-gateway.service',
      manager: 'systemd',
      scope: 'user',
      profile: 'default',
      home: '/home/user/.hermes',
      account: 'user',
      installed: 'own',
      enabled: true,
      desired: 'stopped',
      actual: 'running',
      verdict: {state: 'alive', pid: 468, evidence: ['why']},
      gatewayState: 'running',
      pid: 468,
      uptimeMs: 5000,
      restarts: 0,
      failuresInARow: 0,
      lastExit: null,
      servedBy: null,
      online: NOT_LOOKED_AT,
    })
  })

  it('has no pid and no uptime for what does not run', () => {
    const seen = observation({manager: {activity: 'stopped', mainPid: undefined, enabled: undefined, lastExit: {how: 'killed', status: 9}}})
    expect(report(seen, MANAGER, 6000, undefined, NOT_LOOKED_AT)).toMatchObject({
      pid: null,
      uptimeMs: null,
      enabled: null,
      lastExit: {how: 'killed', status: 9},
    })
  })

  it('names what keeps a definition from being used, in place of whose it is', () => {
    expect(report(observation({manager: {broken: 'masked'}}), MANAGER, 0, undefined, NOT_LOOKED_AT).installed).toBe('masked')
  })

  it('has no desired state where the record cannot be read', () => {
    expect(report(observation({desired: {kind: 'unreadable', why: 'EACCES'}}), MANAGER, 0, undefined, NOT_LOOKED_AT).desired).toBeNull()
  })

  it('names the account of the definition before the one that was asked about', () => {
    expect(report(observation({manager: {accountName: 'hermes'}}), MANAGER, 0, undefined, NOT_LOOKED_AT).account).toBe('hermes')
  })

  it('never shows an uptime below zero', () => {
    expect(report(observation({}), MANAGER, 0, undefined, NOT_LOOKED_AT).uptimeMs).toBe(0)
  })

  it('says that an agent, or a service of a user who does not linger, starts at login', () => {
    const ofLogin = {...MANAGER, linger: {isOn: () => false}}
    expect(report(observation({}), ofLogin, 0, undefined, NOT_LOOKED_AT).startsAtLogin).toBe(true)
    expect(report(observation({manager: {enabled: false}}), ofLogin, 0, undefined, NOT_LOOKED_AT).startsAtLogin).toBeUndefined()
    expect(report(observation({}), {...ofLogin, scope: 'system'}, 0, undefined, NOT_LOOKED_AT).startsAtLogin).toBeUndefined()
    expect(report(observation({}), MANAGER, 0, undefined, NOT_LOOKED_AT).startsAtLogin).toBeUndefined()
  })

  it('names the profile whose gateway serves this one', () => {
    expect(report(observation({}), MANAGER, 0, 'default', NOT_LOOKED_AT).servedBy).toBe('default')
  })
})
