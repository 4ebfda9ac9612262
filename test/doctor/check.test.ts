import fs from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {MANAGER_KINDS} from '../../src/managers/index.js'
import {type CheckDefinition, commandLine, defineCheck} from '../../src/doctor/check.js'
import type {Found} from '../../src/doctor/finding.js'
import type {Plan} from '../../src/plan/plan.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'
import {sceneOf} from '../fakes/scene.js'
import {serviceOf} from '../fakes/settings.js'
import {checkModules, loadChecks} from '../../src/doctor/checks/index.js'

const FOUND: Found = {kind: 'broken', severity: 'error', what: 'it is broken'}
const PLAN: Plan = {title: 'mend it', steps: [], outcome: 'it is mended'}

function definition(found: readonly Found[], withFix = true): CheckDefinition<string> {
  return {
    ...{id: 'thing', title: 'a broken thing', why: 'It falls.', needsService: false, needsManager: false},
    ...{seeByHand: [['ls', 'what is there']] as const, whatTheFixDoes: 'It helps.', ifItComesBack: 'Look again.'},
    look: () => 'evidence',
    diagnose: () => [...found],
    ...(withFix ? {fix: {isSafe: true, interrupts: false, plan: () => PLAN}} : {}),
  }
}

const examined = async (found: readonly Found[], withFix = true) =>
  defineCheck(definition(found, withFix)).examine(await sceneOf(new FakeSystemd().target))

describe('a finding', () => {
  it('has the reason of its check, and the command that cures it', async () => {
    expect((await examined([FOUND])).findings).toEqual([
      {
        ...{id: 'thing', kind: 'broken', severity: 'error', what: 'it is broken', why: 'It falls.', evidence: [], explains: []},
        ...{cure: ['hermes-svc fix thing'], isFixable: true, isSafe: true},
      },
    ])
  })

  it('is not fixable where the check has no fix, nor where it cannot be told', async () => {
    const nothing = {isFixable: false, isSafe: false, cure: []}
    expect((await examined([FOUND], false)).findings).toMatchObject([nothing])
    expect((await examined([{...FOUND, severity: 'unknown'}])).findings).toMatchObject([nothing])
  })

  it('may need another cure than its check has', async () => {
    const {findings, plan} = await examined([{...FOUND, isFixable: false, cure: ['mend it by hand']}])
    expect(findings).toMatchObject([{isFixable: false, isSafe: false, cure: ['mend it by hand']}])
    expect(plan).toBeUndefined()
  })

  it('may be too dear to be cured unasked', async () => {
    expect((await examined([{...FOUND, isSafe: false}])).findings).toMatchObject([{isFixable: true, isSafe: false}])
  })
})

describe('a fix', () => {
  it('is planned on what can be cured, with the evidence that was found', async () => {
    const asked: unknown[] = []
    const other: Found = {...FOUND, kind: 'other', isFixable: false}
    const check = defineCheck({
      ...definition([FOUND, other]),
      fix: {
        ...{isSafe: true, interrupts: false},
        plan: (_, evidence, found, options) => {
          asked.push(evidence, found, options)
          return PLAN
        },
      },
    })
    const {plan} = await check.examine(await sceneOf(new FakeSystemd().target))
    expect(await plan?.({desired: 'stopped'})).toBe(PLAN)
    expect(asked).toEqual(['evidence', [FOUND], {desired: 'stopped'}])
  })

  it('is not there where nothing was found', async () => {
    expect(await examined([])).toMatchObject({findings: [], plan: undefined})
  })
})

describe('a command in a cure', () => {
  const {target} = new FakeSystemd()

  it('names the profile, unless it is the default', () => {
    expect(commandLine({target}, 'fix thing')).toBe('hermes-svc fix thing')
    expect(commandLine({target: {...target, service: serviceOf('work')}}, 'fix thing')).toBe('hermes-svc fix thing -p work')
  })

  it('names the home if that is how the service was named, as a shell takes it', () => {
    const service = {...target.service, profile: {name: 'default', home: "/srv/it's here", root: "/srv/it's here"}}
    expect(commandLine({target: {...target, homeFlag: '--home', service}}, 'status')).toBe("hermes-svc status --home '/srv/it'\\''s here'")
  })

  it('names the scope where it is not the one that goes without saying', () => {
    const asRoot = {...target.host.account, uid: 0}
    const host = Object.assign(Object.create(target.host) as typeof target.host, {account: asRoot})
    expect(commandLine({target: {...target, host}}, 'status')).toBe('hermes-svc status --scope user')
  })
})

it('lists each check by its own id', async () => {
  expect((await loadChecks()).map(({id}) => id)).toEqual(Object.keys(checkModules))
})

/** Checks that are tested in the file of others, which tell the same end of a gateway. */
const TESTED_TOGETHER = {'crash-loop': 'failing', 'fatal-config': 'failing'} as const

it.each(Object.keys(checkModules))('has a unit test of the check %s, in a file of its name or of those that are tested together', (id) => {
  const name = `${id in TESTED_TOGETHER ? TESTED_TOGETHER[id as keyof typeof TESTED_TOGETHER] : id}.test.ts`
  const folders = ['doctor', ...MANAGER_KINDS.map((kind) => `managers/${kind}`)]
  const places = folders.map((folder) => path.join(import.meta.dirname, '..', folder, 'checks', name))
  expect(places.filter((place) => fs.existsSync(place))).toHaveLength(1)
})
