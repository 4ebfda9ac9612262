import {describe, expect, it} from 'vitest'
import {chooseDomain, domainsOf, parseDomainKind} from '../../../src/managers/launchd/domain.js'
import {Launchctl} from '../../../src/managers/launchd/launchctl.js'
import {type FakeCommand, FakeHost, USER} from '../../fakes/fake-host.js'

const ROOT = {uid: 0, gid: 0, name: 'root', home: '/root'}
const SESSION = (name: string): FakeCommand => ({argv: ['launchctl', 'managername'], via: 'read', stdout: `${name}\n`})
const THERE = (domain: string): FakeCommand => ({argv: ['launchctl', 'print', domain], via: 'read', stdout: `${domain} = {\n}\n`})
const NOT_THERE = (domain: string, code = 112): FakeCommand => ({
  argv: ['launchctl', 'print', domain],
  via: 'read',
  code,
  stderr: code === 112 ? `Could not find domain for user gui: 1000\n` : 'Domain does not support specified action\n',
})

function choose(commands: readonly FakeCommand[], {recorded, account = USER}: {recorded?: 'gui' | 'user'; account?: typeof USER} = {}) {
  const host = new FakeHost({account, accounts: [USER], commands})
  const domain = chooseDomain(new Launchctl(host), 'user', USER, recorded)
  host.assertAllUsed()
  return [domain.target, domain.sessionType]
}

describe('the domain of an agent', () => {
  it('is that of the desktop where this command runs there', () => {
    expect(choose([SESSION('Aqua')])).toEqual(['gui/1000', 'Aqua'])
  })

  it('is told by the session of this command, which is asked for once', () => {
    const host = new FakeHost({account: USER, accounts: [USER], commands: [SESSION('Aqua')]})
    const launchctl = new Launchctl(host)
    const targets = [1, 2].map(() => chooseDomain(launchctl, 'user', USER, undefined).target)
    expect(targets).toEqual(['gui/1000', 'gui/1000'])
    host.assertAllUsed()
  })

  it('is that of the desktop over SSH too, while somebody is logged in there', () => {
    expect(choose([SESSION('Background'), THERE('gui/1000')])).toEqual(['gui/1000', 'Aqua'])
  })

  it.each([112, 125])('is the one without a desktop where there is none (%d)', (code) => {
    expect(choose([SESSION('Background'), NOT_THERE('gui/1000', code), THERE('user/1000')])).toEqual(['user/1000', 'Background'])
  })

  it('is the invoking user’s under sudo, never gui/0', () => {
    expect(choose([THERE('gui/1000')], {account: ROOT})).toEqual(['gui/1000', 'Aqua'])
  })

  it('stays what it was recorded to be while that is there', () => {
    expect(choose([THERE('user/1000')], {recorded: 'user'})).toEqual(['user/1000', 'Background'])
    expect(choose([NOT_THERE('user/1000'), SESSION('Aqua')], {recorded: 'user'})).toEqual(['gui/1000', 'Aqua'])
  })

  it('cannot be told without any session, nor from an answer that is not understood', () => {
    const none = [SESSION('System'), NOT_THERE('gui/1000'), NOT_THERE('user/1000')]
    expect(() => choose(none)).toThrow('launchd has no session of user')
    const odd: FakeCommand = {argv: ['launchctl', 'print', 'gui/1000'], via: 'read', code: 99, stderr: 'odd\n'}
    expect(() => choose([SESSION('System'), odd])).toThrow('launchctl print gui/1000: odd')
  })

  it('is refused for root', () => {
    const launchctl = new Launchctl(new FakeHost({account: ROOT}))
    expect(() => chooseDomain(launchctl, 'user', ROOT, undefined)).toThrow('root has no session of its own under launchd')
  })
})

describe('the domain of a daemon', () => {
  it('is the system’s, whoever asks', () => {
    expect(chooseDomain(new Launchctl(new FakeHost()), 'system', USER, undefined)).toEqual({
      kind: 'system',
      target: 'system',
      sessionType: undefined,
    })
    expect(domainsOf('system', USER).map(({target}) => target)).toEqual(['system'])
  })
})

describe('a recorded domain', () => {
  it('is one of three', () => {
    expect(['gui', 'user', 'system', 'login', '', undefined].map(parseDomainKind)).toEqual([
      'gui',
      'user',
      'system',
      undefined,
      undefined,
      undefined,
    ])
  })
})
