import {describe, expect, it} from 'vitest'
import {type Act, actsFor, type DeclaredFacts, planMachine} from '../../src/lifecycle/declared.js'
import {definitionFile} from '../../src/managers/definition-file.js'

const CALM = {start: false, restart: false, changed: [], stale: []}
const UP: DeclaredFacts = {
  ...{installed: 'own', activity: 'running', enabled: true, desired: 'running', decision: CALM, hasSteps: false, differing: [], drift: []},
}
const DOWN: DeclaredFacts = {...UP, activity: 'stopped', enabled: false, desired: 'stopped'}
const NEW: DeclaredFacts = {...DOWN, installed: 'no', enabled: undefined, desired: undefined, hasSteps: true}
const FILE = definitionFile('/u/a.service', '')
const DIFFERS = [{name: 'watchdog', from: '3', to: '5'}]

describe('what is done to a declared service', () => {
  it.each<[string, 'running' | 'stopped', DeclaredFacts, Act[]]>([
    ['nothing where it is as declared', 'running', UP, []],
    ['nothing where it is stopped as declared', 'stopped', DOWN, []],
    ['a new one is installed', 'running', {...NEW, decision: {...CALM, start: true}}, ['install']],
    ['a new one that is to be stopped is installed too', 'stopped', NEW, ['install']],
    ['one of another tool is taken up', 'running', {...UP, installed: 'foreign', hasSteps: true}, ['install']],
    ['one of another tool is stopped first, if that is declared', 'stopped', {...UP, installed: 'foreign'}, ['stop', 'install']],
    [
      'a setting that differs is changed, and the gateway restarted if it has read it',
      'running',
      {...UP, hasSteps: true, differing: DIFFERS, decision: {...CALM, restart: true, changed: [FILE]}},
      ['change', 'restart'],
    ],
    ['files alone that differ, as after an upgrade', 'running', {...UP, hasSteps: true, decision: {...CALM, changed: [FILE]}}, ['change']],
    ['files that are none of it any more', 'running', {...UP, hasSteps: true, decision: {...CALM, stale: ['/u/old']}}, ['change']],
    ['what is a smaller matter, such as its heartbeat', 'running', {...UP, hasSteps: true}, ['change']],
    ['one that is down and should run is started', 'running', {...DOWN, hasSteps: true, decision: {...CALM, start: true}}, ['start']],
    ['one that failed is started', 'running', {...UP, activity: 'failed', hasSteps: true, decision: {...CALM, start: true}}, ['start']],
    ['one whose restart is due is restarted', 'running', {...UP, hasSteps: true, decision: {...CALM, restart: true}}, ['restart']],
    ['one that runs and should not is stopped', 'stopped', {...UP, hasSteps: true}, ['stop']],
    ['one that waits after failures is stopped', 'stopped', {...UP, activity: 'waiting'}, ['stop']],
    ['one that is down but comes back at the next boot is stopped', 'stopped', {...DOWN, enabled: true}, ['stop']],
    ['one that is down with the wish that it runs is stopped', 'stopped', {...DOWN, desired: 'running'}, ['stop']],
    ['one that failed is stopped for good', 'stopped', {...DOWN, activity: 'failed'}, ['stop']],
    [
      'one that runs and is to be stopped with other settings is stopped first, and not restarted',
      'stopped',
      {...UP, differing: DIFFERS, decision: {...CALM, changed: [FILE]}},
      ['stop', 'change'],
    ],
    ['one that is stopped and has other settings is changed alone', 'stopped', {...DOWN, hasSteps: true, differing: DIFFERS}, ['change']],
  ])('%s', (_, state, facts, acts) => {
    expect(actsFor(state, facts)).toEqual(acts)
  })
})

describe('the plan for a machine', () => {
  const declared = [{key: 'a', state: 'running' as const, facts: UP}]

  it('leaves what is not declared, unless it is to be pruned', () => {
    const acts = (prune: boolean) => planMachine(declared, ['x', 'y'], {prune}).map(({key, isDeclared, acts}) => [key, isDeclared, acts])
    expect(acts(false)).toEqual([
      ['a', true, []],
      ['x', false, []],
      ['y', false, []],
    ])
    expect(acts(true)).toEqual([
      ['a', true, []],
      ['x', false, ['uninstall']],
      ['y', false, ['uninstall']],
    ])
  })

  it('prunes nothing while a declared service cannot be looked at, which may be one of them', () => {
    const plan = planMachine([...declared, {key: 'b', state: 'running', facts: undefined}], ['x'], {prune: true})
    expect(plan.map(({acts}) => acts)).toEqual([[], [], []])
  })

  it('installs what another service of its home was in the way of, if that is pruned', () => {
    const declared = [{key: 'a', state: 'running' as const, facts: 'in-the-way' as const}]
    const acts = (prune: boolean) => planMachine(declared, ['x'], {prune}).map((row) => row.acts)
    expect(acts(true)).toEqual([['install'], ['uninstall']])
    expect(acts(false)).toEqual([[], []])
  })

  it('says what differs and what was changed by hand', () => {
    const drift = [{kind: 'edited', path: '/u/a.conf', isKept: true}] as const
    expect(planMachine([{key: 'a', state: 'running', facts: {...UP, differing: DIFFERS, drift}}], [], {prune: false})).toEqual([
      {key: 'a', isDeclared: true, acts: ['change'], differing: DIFFERS, drift},
    ])
  })
})
