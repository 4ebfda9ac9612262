import {describe, expect, it} from 'vitest'
import {ServiceError} from '../../src/errors.js'
import {defineCheck} from '../../src/doctor/check.js'
import type {Found} from '../../src/doctor/finding.js'
import {planCure} from '../../src/doctor/fix.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'
import {outcomeOf} from '../../src/plan/plan.js'
import {runPlan} from '../fakes/run-plan.js'

const FILE = '/home/user/.hermes/thing'
const OPTIONS = {wedgeWindowMs: 1000}
const LEFT: Found = {kind: 'broken', severity: 'error', what: 'the thing is there', evidence: ['it was seen'], cure: ['take it away']}

/** A check that finds a file, and whose fix does `steps`. */
function checkOf(options: {readonly interrupts?: boolean; readonly cures?: boolean; readonly found?: Partial<Found>} = {}) {
  const {interrupts = false, cures = true, found = {}} = options
  return defineCheck({
    ...{id: 'thing', title: 'a thing', why: 'It is in the way.', needsService: false, needsManager: false},
    ...{seeByHand: [['ls', 'what is there']] as const, whatTheFixDoes: 'It helps.', ifItComesBack: 'Look again.'},
    look: ({target}) => target.userHost.lstat(FILE) !== undefined,
    diagnose: (_, isThere) => (isThere ? [{...LEFT, ...found}] : []),
    fix: {
      ...{isSafe: true, interrupts},
      plan: () => ({
        title: 'take it away',
        steps: cures ? [{kind: 'remove-file', why: 'remove it', path: FILE}] : [],
        outcome: 'it is gone',
      }),
    },
  })
}

describe('the cure of a finding', () => {
  it('does nothing where nothing is found', async () => {
    const {target} = new FakeSystemd()
    const {plan, findings} = await planCure(target, checkOf(), OPTIONS)
    expect({findings, steps: plan.steps, verify: plan.verify}).toEqual({findings: [], steps: [], verify: undefined})
    expect(plan.outcome).toBe('hermes-gateway.service: thing finds nothing; nothing was changed')
  })

  it('says "Fixed" of what is gone after it', async () => {
    const {target, host} = new FakeSystemd({[FILE]: ''})
    const {plan} = await planCure(target, checkOf(), OPTIONS)
    await runPlan(host, plan)
    expect(outcomeOf(plan)).toBe('Fixed: it is gone')
    expect(host.texts()[FILE]).toBeUndefined()
  })

  it('fails with what is left, and what to type about it', async () => {
    const {target, host} = new FakeSystemd({[FILE]: ''})
    const {plan} = await planCure(target, checkOf({cures: false}), OPTIONS)
    await expect(runPlan(host, plan)).rejects.toMatchObject({
      ...{code: 'not-fixed', exitStatus: 1, evidence: ['it was seen'], next: ['take it away']},
      message: 'hermes-gateway.service: thing is not fixed: the thing is there',
    })
  })

  it('is undone where what it does would undo itself, and leaves nothing behind', async () => {
    const {target, host} = new FakeSystemd({[FILE]: ''})
    const check = checkOf()
    const failing: typeof check = {
      ...check,
      examine: async (scene) => {
        const {plan, ...rest} = await check.examine(scene)
        const verify = () => Promise.reject(new ServiceError('it did not come up', {code: 'not-running', exitStatus: 1}))
        return {...rest, plan: plan && (async (options) => ({...(await plan(options)), verify}))}
      },
    }
    const {plan} = await planCure(target, failing, OPTIONS)
    await expect(runPlan(host, plan)).rejects.toMatchObject({code: 'not-running', leftovers: []})
    expect(host.texts()[FILE]).toBe('')
  })

  it('takes what is only information for gone', async () => {
    const {target, host} = new FakeSystemd({[FILE]: ''})
    const {plan} = await planCure(target, checkOf({cures: false, found: {severity: 'info'}}), OPTIONS)
    await expect(runPlan(host, plan)).resolves.toBeDefined()
  })

  it('is refused, with what a person has to do, where no command can do it', async () => {
    const {target} = new FakeSystemd({[FILE]: ''})
    const refused = planCure(target, checkOf({found: {isFixable: false}}), OPTIONS)
    await expect(refused).rejects.toMatchObject({code: 'not-fixable', exitStatus: 1, next: ['take it away']})
    const unknown = planCure(target, checkOf({found: {severity: 'unknown'}}), OPTIONS)
    await expect(unknown).rejects.toMatchObject({code: 'not-fixable', exitStatus: 4})
  })

  it('is refused inside the gateway that it would end, and only there', async () => {
    const machine = new FakeSystemd({[FILE]: ''})
    const pid = machine.comesUp('running', {pid: machine.host.pid})
    expect(pid).toBeGreaterThan(0)
    await expect(planCure(machine.target, checkOf({interrupts: true}), OPTIONS)).rejects.toMatchObject({
      code: 'inside-gateway',
      exitStatus: 1,
    })
    await expect(planCure(machine.target, checkOf(), OPTIONS)).resolves.toBeDefined()
  })
})
