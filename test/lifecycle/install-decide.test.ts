import {describe, expect, it} from 'vitest'
import {decide, type InstallFacts, type InstallManner} from '../../src/lifecycle/install-decide.js'
import type {DefinitionFile} from '../../src/managers/manager.js'

const file = (path: string, more: Partial<DefinitionFile> = {}): DefinitionFile => ({
  ...{path, text: '', mode: 0o644, secret: false, isProgram: false, needsRestart: true, edited: false},
  ...more,
})
const UNIT = file('/u/a.service')
const EDITED = file('/u/b.conf', {edited: true})

type Seen = InstallFacts['seen']['manager']
const recorded = (desiredState: 'running' | 'stopped') =>
  ({kind: 'recorded', record: {schemaVersion: 1, desiredState, since: '', by: ''}}) as const

function facts(
  manager: Partial<Seen>,
  more: Partial<Omit<InstallFacts, 'seen'>> & {desired?: InstallFacts['seen']['desired']} = {},
): InstallFacts {
  const {desired = recorded('running'), ...others} = more
  return {
    seen: {desired, manager: {installed: 'own', activity: 'running', enabled: true, ...manager}},
    ...{isOthers: false, differing: [], tickFiles: [], leftovers: [], secrets: [], isDue: false},
    ...{isStoppedUntilBoot: false, isManagerDown: false},
    ...others,
  }
}

describe('what an installation changes', () => {
  const NOTHING = {start: false, restart: false, isPutOff: false, enable: false, staysDown: false}
  const UP = {activity: 'running'} as const
  const DOWN = {activity: 'stopped'} as const
  const NEW = {installed: 'no', activity: 'stopped', enabled: undefined} as const

  it.each<[string, InstallFacts, InstallManner, object]>([
    [
      'a new service is enabled and started',
      facts(NEW, {desired: {kind: 'absent'}}),
      {force: false},
      {...NOTHING, start: true, enable: true},
    ],
    ['one that is as it should be is left alone', facts(UP), {force: false}, NOTHING],
    ['one whose definition changes is restarted', facts(UP, {differing: [UNIT]}), {force: false}, {...NOTHING, restart: true}],
    [
      'one that is to be kept running is restarted later',
      facts(UP, {differing: [UNIT]}),
      {force: false, keepRunning: true},
      {...NOTHING, isPutOff: true},
    ],
    ['a change that it does not read restarts nothing', facts(UP, {differing: [{...UNIT, needsRestart: false}]}), {force: false}, NOTHING],
    ['a restart that was due is done', facts(UP, {isDue: true}), {force: false}, {...NOTHING, restart: true}],
    [
      'variables that go restart it, other files that go do not',
      facts(UP, {leftovers: ['/u/env'], secrets: ['/u/env']}),
      {force: false},
      {...NOTHING, restart: true},
    ],
    ['files that go restart nothing', facts(UP, {leftovers: ['/u/old'], secrets: ['/u/env']}), {force: false}, NOTHING],
    [
      'one that waits after failures is started anew, kept running or not',
      facts({activity: 'waiting'}),
      {force: false, keepRunning: true},
      {...NOTHING, restart: true},
    ],
    ['one that was stopped stays stopped', facts(DOWN, {desired: recorded('stopped')}), {force: false}, NOTHING],
    ['one that is down and should run is started', facts(DOWN), {force: false}, {...NOTHING, start: true}],
    [
      'one that is stopped until the next boot stays so',
      facts(DOWN, {isStoppedUntilBoot: true}),
      {force: false},
      {...NOTHING, staysDown: true},
    ],
    [
      'but a manager that comes up starts it, as a boot does',
      facts(DOWN, {isStoppedUntilBoot: true, isManagerDown: true}),
      {force: false},
      {...NOTHING, start: true},
    ],
    [
      "another tool's that is down in good order stays down",
      facts(DOWN, {desired: {kind: 'absent'}, isOthers: true}),
      {force: false},
      NOTHING,
    ],
    [
      'where the record cannot be read, what is down stays down',
      facts(DOWN, {desired: {kind: 'unreadable', why: 'EACCES'}}),
      {force: false},
      NOTHING,
    ],
    ['one that is not enabled is', facts({enabled: false}), {force: false}, {...NOTHING, enable: true}],
  ])('%s', (_, seen, manner, expected) => {
    expect(decide(seen, manner)).toMatchObject(expected)
  })

  it('keeps what was edited by hand, unless it is told to replace it', () => {
    const seen = facts(UP, {differing: [UNIT, EDITED], tickFiles: [file('/u/t', {edited: true})]})
    expect(decide(seen, {force: false})).toMatchObject({changed: [UNIT], kept: [{path: '/u/b.conf'}, {path: '/u/t'}]})
    expect(decide(seen, {force: true})).toMatchObject({changed: [UNIT, EDITED], kept: []})
  })
})
