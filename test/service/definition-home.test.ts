import {describe, expect, it} from 'vitest'
import {homeOfDefinition} from '../../src/service/definition-home.js'
import {FakeHost, USER} from '../fakes/fake-host.js'

const host = new FakeHost({files: {'/srv/link': {link: '/srv/home'}, '/srv/home': {folder: true}}})
const homeOf = (named: string, ...command: string[]) => homeOfDefinition(host, named, command, USER)

describe('homeOfDefinition', () => {
  it('is what the definition names, links followed', () => {
    expect(homeOf('/srv/link', '/usr/bin/hermes', 'gateway', 'run')).toBe('/srv/home')
  })

  it('is the root home of the account without a name and without a profile', () => {
    expect(homeOf('', '/usr/bin/hermes', 'gateway', 'run')).toBe('/home/user/.hermes')
    expect(homeOf('', '/usr/bin/hermes', '--profile', 'default', 'gateway', 'run')).toBe('/home/user/.hermes')
  })

  it("is that of the command line's profile where the definition names none", () => {
    expect(homeOf('', '/usr/bin/hermes', '--profile', 'work', 'gateway', 'run')).toBe('/home/user/.hermes/profiles/work')
  })
})
