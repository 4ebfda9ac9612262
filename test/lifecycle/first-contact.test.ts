import {describe, expect, it} from 'vitest'
import {howToBegin} from '../../src/lifecycle/first-contact.js'
import {FakeSystemd} from '../fakes/fake-systemd.js'
import {serviceOf} from '../fakes/settings.js'

const HERMES = '/usr/bin/hermes'
const PROGRAM = 'install Hermes Agent (https://github.com/NousResearch/hermes-agent)'
const CHATS = 'hermes gateway setup   # connects the gateway to a chat'

describe('howToBegin', () => {
  it('is to install the service where all else is there, or is made by that', () => {
    expect(howToBegin(new FakeSystemd().target)).toEqual(['hermes-svc install'])
    const machine = new FakeSystemd()
    machine.host.drop(machine.home)
    expect(howToBegin(machine.target)).toEqual(['hermes-svc install'])
  })

  it('begins with the program where there is none', () => {
    const machine = new FakeSystemd()
    machine.host.drop(HERMES)
    expect(howToBegin(machine.target)).toEqual([PROGRAM, 'hermes setup   # creates its home', CHATS, 'hermes-svc install'])
  })

  it("says how a profile's home is made, and one that was named", () => {
    const {target} = new FakeSystemd()
    const work = {...target, service: serviceOf('work')}
    expect(howToBegin(work)).toEqual([
      'hermes profile create work   # creates its home',
      'hermes -p work gateway setup   # connects the gateway to a chat',
      'hermes-svc install -p work',
    ])
  })
})
