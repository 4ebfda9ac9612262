import {describe, expect, it} from 'vitest'
import {withoutSpecifiers} from '../../../src/managers/systemd/specifiers.js'
import {USER} from '../../fakes/fake-host.js'

const ofUser = {scope: 'user', account: USER, name: 'hermes@a-b\\x2dc.service'} as const

describe('specifiers of a unit', () => {
  it.each([
    ['%h/bin/hermes', '/home/user/bin/hermes'],
    ['100%%', '100%'],
    ['%%h', '%h'],
    ['%u %U %n %N %p', 'user 1000 hermes@a-b\\x2dc.service hermes@a-b\\x2dc hermes'],
    ['%i %I', 'a-b\\x2dc a/b-c'],
    ['%t/%E', '/run/user/1000//home/user/.config'],
    ['no percent', 'no percent'],
  ])('%s is %s', (text, expected) => {
    expect(withoutSpecifiers(text, ofUser)).toBe(expected)
  })

  it('are about root in system scope, whatever User= says', () => {
    expect(withoutSpecifiers('%h %u %t %S', {...ofUser, scope: 'system'})).toBe('/root root /run /var/lib')
  })

  it('are not guessed at', () => {
    for (const text of ['%b', '%m/x', 'a%H', '%S', '%z']) expect(withoutSpecifiers(text, ofUser)).toBeUndefined()
  })
})
