import {describe, expect, it} from 'vitest'
import {type CheckDefinition, defineCheck} from '../../src/doctor/check.js'
import {loadChecks} from '../../src/doctor/checks/index.js'
import {examine} from '../../src/doctor/examine.js'
import {ExitStatus, ServiceError} from '../../src/errors.js'
import {HostError} from '../../src/host/host.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'
import {installed, sceneOf} from '../fakes/scene.js'
import type {CheckId} from '../../src/doctor/checks/index.js'

const QUIET: CheckDefinition<undefined> = {
  ...{id: 'quiet', title: 'nothing', why: 'Nothing comes of it.', needsService: false, needsManager: false},
  ...{seeByHand: [['ls', 'what is there']] as const, whatTheFixDoes: 'It helps.', ifItComesBack: 'Look again.'},
  look: () => undefined,
  diagnose: () => [],
}

const broken = (id: string, explains: readonly CheckId[] = []) =>
  defineCheck({...QUIET, id, diagnose: () => [{kind: 'broken', severity: 'error', what: `${id} is broken`, explains}]})

const throwing = (error: unknown) =>
  defineCheck({
    ...QUIET,
    id: 'throwing',
    look: () => {
      throw error
    },
  })

async function findingsOf(...checks: Parameters<typeof examine>[1]) {
  return (await examine(await sceneOf(new FakeSystemd().target), checks)).findings
}

describe('an examination', () => {
  it('asks systemd once about all that its checks go by', async () => {
    const machine = await installed()
    const before = machine.looks.length
    const scene = await sceneOf(machine.target)
    await examine(scene, await loadChecks())
    expect(machine.looks.slice(before)).toEqual([['hermes-gateway.service', 'hermes-svc-heartbeat.timer', 'hermes-svc-heartbeat.service']])
  })

  it('has the findings of all checks, in the order of the checks', async () => {
    expect((await findingsOf(broken('one'), defineCheck(QUIET), broken('two'))).map(({id}) => id)).toEqual(['one', 'two'])
  })

  it('leaves out what is only a consequence of another finding, whichever check came first', async () => {
    const findings = await findingsOf(broken('stale-state'), broken('cause', ['stale-state']), broken('other'))
    expect(findings.map(({id}) => id)).toEqual(['cause', 'other'])
  })

  it('cannot tell where a check cannot read what it needs', async () => {
    const [finding] = await findingsOf(throwing(new HostError('EACCES', '/x', 'cannot read')))
    expect(finding).toMatchObject({id: 'throwing', kind: 'unreadable', severity: 'unknown', isFixable: false, isSafe: false})
    expect(finding?.what).toContain('cannot read /x: EACCES')
  })

  it('has what to type next from a failure that says so', async () => {
    const error = new ServiceError('the manager is away', {code: 'x', exitStatus: ExitStatus.cannotTell, next: ['bring it back']})
    expect(await findingsOf(throwing(error))).toMatchObject([{kind: 'unreadable', severity: 'unknown', cure: ['bring it back']}])
  })

  it('has a check that breaks as a finding of its own, with the place, and goes on with the others', async () => {
    const findings = await findingsOf(throwing(new TypeError('x is not a function')), broken('one'))
    expect(findings).toMatchObject([{id: 'throwing', kind: 'check-failed', severity: 'unknown'}, {id: 'one'}])
    expect(findings[0]?.evidence[0]).toMatch(/^at .*examine\.test\.ts/)
  })

  it('does not ask checks about a service where there is none, nor about a manager that cannot be asked', async () => {
    const machine = new FakeSystemd()
    const absent = await sceneOf(machine.target)
    const service = {...broken('service'), needsService: true}
    const manager = {...broken('manager'), needsManager: true}
    expect((await examine(absent, [service, manager])).examined).toEqual(['manager'])
    const unreachable = new ServiceError('away', {code: 'x', exitStatus: ExitStatus.cannotTell})
    expect((await examine({...absent, unreachable}, [service, manager, broken('files')])).examined).toEqual(['files'])
  })

  it('asks no check that is about another kind of manager', async () => {
    const scene = await sceneOf(new FakeSystemd().target)
    const checks = [
      {...broken('one'), managers: ['systemd', 's6'] as const},
      {...broken('other'), managers: ['launchd'] as const},
    ]
    expect((await examine(scene, checks)).examined).toEqual(['one'])
  })

  it('finds nothing in a profile that another gateway serves', async () => {
    const scene = await sceneOf(new FakeSystemd().target)
    expect(await examine({...scene, servedBy: 'default'}, [broken('one')])).toMatchObject({findings: [], examined: []})
  })
})
