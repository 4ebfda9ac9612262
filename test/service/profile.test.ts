import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ServiceError} from '../../src/errors.js'
import {listProfiles, type ProfileSelection, resolveProfile} from '../../src/service/profile.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'

const ROOT = '/home/user/.hermes'

function resolve(selection: ProfileSelection, files: Record<string, FakeFile> = {}) {
  const host = new FakeHost({files: {[`${ROOT}/profiles/work`]: {folder: true}, '/opt/data/profiles/ops': {folder: true}, ...files}})
  return resolveProfile(host, '/home/user', selection)
}

function refusal(selection: ProfileSelection): string {
  try {
    resolve(selection)
  } catch (error) {
    if (error instanceof ServiceError && error.exitStatus === 2) return error.message
    throw error
  }
  throw new Error('it was not refused')
}

describe('resolveProfile', () => {
  it.each<[string, ProfileSelection, {name: string; home: string; root: string}]>([
    ['nothing', {}, {name: 'default', home: ROOT, root: ROOT}],
    ['a name', {profile: 'work'}, {name: 'work', home: `${ROOT}/profiles/work`, root: ROOT}],
    ['a name whose home is not there yet', {profile: 'new'}, {name: 'new', home: `${ROOT}/profiles/new`, root: ROOT}],
    ['the name of the root', {profile: 'default'}, {name: 'default', home: ROOT, root: ROOT}],
    ["a profile's home", {home: `${ROOT}/profiles/work`}, {name: 'work', home: `${ROOT}/profiles/work`, root: ROOT}],
    [
      "a profile's home and another name",
      {home: `${ROOT}/profiles/work`, profile: 'ops'},
      {name: 'ops', home: `${ROOT}/profiles/ops`, root: ROOT},
    ],
    [
      "a profile's home and the name of the root",
      {home: `${ROOT}/profiles/work`, profile: 'default'},
      {name: 'default', home: ROOT, root: ROOT},
    ],
    ['another root', {home: '/opt/data'}, {name: 'default', home: '/opt/data', root: '/opt/data'}],
    ['another root and a name', {home: '/opt/data', profile: 'ops'}, {name: 'ops', home: '/opt/data/profiles/ops', root: '/opt/data'}],
    ["another root's profile", {home: '/opt/data/profiles/ops'}, {name: 'ops', home: '/opt/data/profiles/ops', root: '/opt/data'}],
    [
      'a folder below "profiles" that is no profile',
      {home: '/srv/profiles/Some One'},
      {name: 'default', home: '/srv/profiles/Some One', root: '/srv/profiles/Some One'},
    ],
    ['HERMES_HOME', {environmentHome: ' /opt/data '}, {name: 'default', home: '/opt/data', root: '/opt/data'}],
    ['a blank HERMES_HOME', {environmentHome: ' '}, {name: 'default', home: ROOT, root: ROOT}],
    ['--home and HERMES_HOME', {home: '/opt/data', environmentHome: '/srv/x'}, {name: 'default', home: '/opt/data', root: '/opt/data'}],
    [
      'a path with needless parts',
      {home: '/opt//data/x/../profiles/./ops/'},
      {name: 'ops', home: '/opt/data/profiles/ops', root: '/opt/data'},
    ],
    ['the root of all', {home: '/'}, {name: 'default', home: '/', root: '/'}],
  ])('understands %s', (_, selection, expected) => {
    expect(resolve(selection)).toEqual(expected)
  })

  it('resolves links, so that one home has one name', () => {
    const files: Record<string, FakeFile> = {[ROOT]: {link: '/data/hermes'}, '/data/hermes/profiles/work': {folder: true}}
    const host = new FakeHost({files})
    const work = {name: 'work', home: '/data/hermes/profiles/work', root: '/data/hermes'}
    const named = `${ROOT}/profiles/work`
    expect(resolveProfile(host, '/home/user', {profile: 'work'})).toEqual({...work, named})
    expect(resolveProfile(host, '/home/user', {home: named})).toEqual({...work, named})
    expect(resolveProfile(host, '/home/user', {home: '/data/hermes/profiles/work'})).toEqual(work)
    expect(resolveProfile(host, '/home/user', {})).toEqual({name: 'default', home: '/data/hermes', root: '/data/hermes', named: ROOT})
    expect(listProfiles(host, '/data/hermes', ROOT).map((profile) => profile.named)).toEqual([ROOT, named])
  })

  it('knows a profile whose home is a link to elsewhere by its name, whichever way it is named', () => {
    const host = new FakeHost({files: {[`${ROOT}/profiles/work`]: {link: '/data/work'}, '/data/work': {folder: true}}})
    for (const selection of [{profile: 'work'}, {home: `${ROOT}/profiles/work/`}]) {
      expect(resolveProfile(host, '/home/user', selection)).toEqual({
        name: 'work',
        home: '/data/work',
        root: ROOT,
        named: `${ROOT}/profiles/work`,
      })
    }
  })

  it('finds a profile through a link to it', () => {
    const files: Record<string, FakeFile> = {'/srv/mine': {link: `${ROOT}/profiles/work`}}
    expect(resolve({home: '/srv/mine'}, files)).toEqual({name: 'work', home: `${ROOT}/profiles/work`, root: ROOT, named: '/srv/mine'})
  })

  it('refuses a home that is not absolute, and names the flag', () => {
    expect(refusal({home: 'here'})).toMatch(/^--home .*"here"/)
    expect(refusal({home: ''})).toMatch(/^--home/)
    expect(refusal({environmentHome: 'here'})).toMatch(/^HERMES_HOME .*"here"/)
  })

  it.each(['', 'A', '-a', '_a', 'a b', 'a/b', '..', 'a\n', 'ä', 'x'.repeat(65)])('refuses %j for a profile name', (profile) => {
    expect(refusal({profile})).toContain(`--profile ${JSON.stringify(profile)} is not a profile name`)
  })

  it('refuses the home of a profile whose name is none', () => {
    expect(refusal({home: `${ROOT}/profiles/Some One`})).toMatch(/--home .* "Some One" is not a profile name/)
  })

  it('refuses a profile that is called like the root home, whose service it would take for its own', () => {
    expect(refusal({home: `${ROOT}/profiles/default`})).toContain('is the name of the root home')
    expect(refusal({environmentHome: '/opt/data/profiles/default'})).toMatch(/^HERMES_HOME .* is the name of the root home, \/opt\/data/)
  })

  it('takes every name that upstream takes, and gives it a home of its own', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,63}$/), (profile) => {
        expect(resolve({profile}).home).toBe(profile === 'default' ? ROOT : `${ROOT}/profiles/${profile}`)
      }),
    )
  })
})

describe('listProfiles', () => {
  const folder = {folder: true} as const

  it('lists the root home first, then the others by name', () => {
    const files = {[`${ROOT}/profiles/b`]: folder, [`${ROOT}/profiles/a-2`]: folder, [`${ROOT}/profiles/a`]: folder}
    expect(listProfiles(new FakeHost({files}), ROOT).map(({name, home}) => [name, home])).toEqual([
      ['default', ROOT],
      ['a', `${ROOT}/profiles/a`],
      ['a-2', `${ROOT}/profiles/a-2`],
      ['b', `${ROOT}/profiles/b`],
    ])
  })

  it('leaves out what is no profile', () => {
    const files = {
      [`${ROOT}/profiles/.deleted/a`]: folder,
      [`${ROOT}/profiles/default`]: folder,
      [`${ROOT}/profiles/Big`]: folder,
      [`${ROOT}/profiles/notes`]: {text: ''},
      [`${ROOT}/profiles/gone`]: {link: '/nowhere'},
    }
    expect(listProfiles(new FakeHost({files}), ROOT).map(({name}) => name)).toEqual(['default'])
  })

  it('has the root home alone where there are no profiles', () => {
    expect(listProfiles(new FakeHost(), ROOT)).toEqual([{name: 'default', home: ROOT, root: ROOT}])
  })
})
