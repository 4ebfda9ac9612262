import {describe, expect, it} from 'vitest'
import {HostError} from '../../src/host/host.js'
import {ExitStatus, ServiceError} from '../../src/errors.js'
import {change, type ChangeOptions} from '../../src/lifecycle/change.js'
import {onUndo, type Plan, type Step} from '../../src/plan/plan.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'

const HOME = '/home/user/.hermes'
const JOURNAL = `${HOME}/logs/hermes-svc.jsonl`
const OPTIONS: ChangeOptions = {
  command: 'stop',
  listener: {begin: () => undefined, progress: () => undefined, end: () => undefined, close: () => undefined},
  cancelled: () => false,
}
const write: Step = {kind: 'write-file', why: 'write', path: `${HOME}/x`, text: 'x', mode: 0o600}
const fail: Step = {
  kind: 'act',
  why: 'fail',
  act: () => Promise.reject(new ServiceError('it went wrong', {code: 'wrong', exitStatus: ExitStatus.failed})),
}

const plan = (steps: readonly Step[]): Promise<Plan> => Promise.resolve({title: 't', steps, outcome: 'o'})
const journal = (machine: FakeSystemd) =>
  (machine.host.texts()[JOURNAL] ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as {outcome: string; steps: {kind: string}[]})
const kinds = (machine: FakeSystemd) => machine.host.changes.map((done) => ('path' in done ? `${done.kind} ${done.path}` : done.kind))

describe('change', () => {
  it('holds the home from before the plan is made until after the journal is written', async () => {
    const machine = new FakeSystemd()
    await change(
      machine.target,
      () => {
        expect(kinds(machine)).toEqual([`lock ${HOME}`])
        return plan([write])
      },
      OPTIONS,
    )
    expect(kinds(machine)).toEqual([
      `lock ${HOME}`,
      `writeAtomic ${HOME}/x`,
      `makeFolder ${HOME}/logs`,
      `appendLine ${JOURNAL}`,
      `release ${HOME}`,
    ])
  })

  it('does nothing while another command changes the same home', async () => {
    const machine = new FakeSystemd()
    const other = await machine.host.lock(HOME)
    await expect(change(machine.target, () => Promise.reject(new Error('never asked for a plan')), OPTIONS)).rejects.toMatchObject({
      code: 'busy',
      exitStatus: 1,
    })
    await other?.release()
    await expect(change(machine.target, () => plan([write]), OPTIONS)).resolves.toMatchObject({applied: [{changed: true}]})
  })

  it('does nothing where the home cannot be locked, and says why', async () => {
    const machine = new FakeSystemd()
    machine.host.lockWithin = () => Promise.reject(new HostError('EROFS', HOME, 'cannot lock'))
    await expect(change(machine.target, () => Promise.reject(new Error('never asked for a plan')), OPTIONS)).rejects.toMatchObject({
      ...{code: 'lock-failed', exitStatus: 1},
      message: expect.stringContaining(`cannot lock the home against a second hermes-svc: cannot lock ${HOME}`) as string,
    })
    expect(machine.host.changes).toEqual([])
  })

  it('needs no lock where the home has gone', async () => {
    const machine = new FakeSystemd()
    machine.host.drop(HOME)
    const {warnings} = await change(
      machine.target,
      () => plan([{kind: 'act', why: 'act', act: () => Promise.resolve({changed: false})}]),
      OPTIONS,
    )
    expect(warnings).toEqual([expect.stringMatching(/^could not write the journal: .*ENOENT/)])
  })

  it('writes one line to the journal for what was done, and none where nothing is to do', async () => {
    const machine = new FakeSystemd()
    await change(machine.target, () => plan([]), OPTIONS)
    expect(journal(machine)).toEqual([])
    await change(machine.target, () => plan([...onUndo([fail]), write]), OPTIONS)
    expect(journal(machine)).toMatchObject([
      {command: 'stop', service: 'hermes-gateway.service', outcome: 'done', time: '2026-01-01T00:00:00.000Z'},
    ])
    expect(journal(machine)[0]?.steps.map(({kind}) => kind)).toEqual(['write-file'])
  })

  it.each([
    ['failed', () => false, 'it went wrong'],
    ['cancelled', () => true, 'cancelled: nothing was changed'],
  ])('tells the journal what %s, and lets go of the home', async (outcome, cancelled, error) => {
    const machine = new FakeSystemd()
    await expect(change(machine.target, () => plan([write, fail]), {...OPTIONS, cancelled})).rejects.toThrow(error)
    expect(journal(machine)).toMatchObject([{outcome, error}])
    expect(kinds(machine).at(-1)).toBe(`release ${HOME}`)
  })

  it('changes nothing that was not confirmed', async () => {
    const machine = new FakeSystemd()
    const asked: Plan[] = []
    const confirm = (shown: Plan) => {
      asked.push(shown)
      return Promise.resolve(false)
    }
    await expect(change(machine.target, () => plan([write]), {...OPTIONS, confirm})).rejects.toMatchObject({exitStatus: 130})
    expect(asked).toHaveLength(1)
    expect(kinds(machine)).toEqual([`lock ${HOME}`, `release ${HOME}`])
  })

  it('waits for the outcome of a plan without steps too, before it is told', async () => {
    const machine = new FakeSystemd()
    const waiting = (verify: Plan['verify']) =>
      change(machine.target, async () => ({...(await plan([])), ...(verify ? {verify} : {})}), OPTIONS)
    await expect(waiting(() => Promise.reject(new ServiceError('it went wrong', {code: 'wrong', exitStatus: 1})))).rejects.toThrow(
      'it went wrong',
    )
    expect(journal(machine)).toMatchObject([{outcome: 'failed'}])
    await expect(waiting(() => Promise.resolve())).resolves.toMatchObject({applied: []})
    expect(journal(machine)).toHaveLength(1)
  })

  it('asks nobody where nothing is to do', async () => {
    const confirm = () => Promise.reject(new Error('asked'))
    await expect(change(new FakeSystemd().target, () => plan([]), {...OPTIONS, confirm})).resolves.toMatchObject({applied: []})
  })
})
