import {describe, expect, it} from 'vitest'
import {gatewayDefinitions} from '../../../src/managers/systemd/rivals.js'
import type {Account} from '../../../src/host/host.js'
import {upstreamUnit} from '../../fakes/captures.js'
import {type FakeFile, FakeHost, USER} from '../../fakes/fake-host.js'

const UNITS = '/home/user/.config/systemd/user'
const OTHER: Account = {uid: 1001, gid: 1001, name: 'other', home: '/home/other'}
const UPSTREAM = upstreamUnit().replaceAll('/home/hermes', '/home/user')

function definitions(files: Record<string, FakeFile | string>, scope: 'user' | 'system' = 'user') {
  return gatewayDefinitions(new FakeHost({files, accounts: [OTHER]}), scope, USER)
}

describe('definitions of gateways on disk', () => {
  it("are upstream's and ours alike, with their homes", () => {
    const ours =
      '[Service]\nExecStart=:"/usr/bin/hermes" "--profile" "work" "gateway" "run"\nEnvironment="HERMES_HOME=/home/user/a b/100%%"\n'
    const found = definitions({[`${UNITS}/hermes-gateway.service`]: UPSTREAM, [`${UNITS}/hermes-gateway-work.service`]: ours})
    expect(found).toMatchObject([
      {name: 'hermes-gateway.service', home: '/home/user/.hermes', isEnabled: false, scope: 'user'},
      {
        name: 'hermes-gateway-work.service',
        home: '/home/user/a b/100%',
        command: ['/usr/bin/hermes', '--profile', 'work', 'gateway', 'run'],
      },
    ])
  })

  it('are known by any name, and whether they start at boot', () => {
    const link = {link: '../my-bot.service'}
    const found = definitions({
      [`${UNITS}/my-bot.service`]: '[Service]\nExecStart=/opt/hermes -p work \\\n  gateway run --replace\n',
      [`${UNITS}/default.target.wants/my-bot.service`]: link,
    })
    expect(found).toMatchObject([{name: 'my-bot.service', home: '/home/user/.hermes/profiles/work', isEnabled: true}])
  })

  it('are what systemd would start at the next boot, by its own rules: all of its folders, any target, instances of templates, specifiers', () => {
    const unit = (home: string) => `[Service]\nExecStart=%h/bin/hermes gateway run\nEnvironment=HERMES_HOME=${home}\n`
    const found = definitions({
      '/home/user/.local/share/systemd/user/mine.service': unit('%h/.hermes'),
      [`${UNITS}/graphical-session.target.wants/mine.service`]: {link: '/home/user/.local/share/systemd/user/mine.service'},
      [`${UNITS}/hermes@.service`]: unit('/srv/%i'),
      [`${UNITS}/graphical.target.wants/hermes@a-b.service`]: {link: '../hermes@.service'},
      '/usr/lib/systemd/user/packaged.service': unit('%h/.hermes'),
      '/etc/systemd/user/default.target.wants/packaged.service': {link: '/usr/lib/systemd/user/packaged.service'},
      '/usr/lib/systemd/user/unused.service': unit('%h/.hermes'),
    })
    expect(found.map(({name, home, isEnabled, command}) => [name, home, isEnabled, command[0]])).toEqual([
      ['hermes@a-b.service', '/srv/a-b', true, '/home/user/bin/hermes'],
      ['mine.service', '/home/user/.hermes', true, '/home/user/bin/hermes'],
      ['packaged.service', '/home/user/.hermes', true, '/home/user/bin/hermes'],
    ])
  })

  it('are of the machine for a user that an instance names, and %h there is of root', () => {
    const text =
      '[Service]\nUser=%i\nExecStart=%h/hermes gateway run\nEnvironmentFile=-/etc/default/hermes\nEnvironment=HERMES_HOME=/srv/other\n'
    const found = definitions(
      {
        '/etc/systemd/system/hermes@.service': text,
        '/etc/systemd/system/multi-user.target.wants/hermes@user.service': {link: '../hermes@.service'},
        '/etc/systemd/system/multi-user.target.wants/hermes@other.service': {link: '../hermes@.service'},
        '/etc/default/hermes': '# of the distribution\nHERMES_HOME="/srv/h"\n',
      },
      'system',
    )
    expect(found).toMatchObject([
      {name: 'hermes@user.service', home: '/srv/h', isEnabled: true, command: ['/root/hermes', 'gateway', 'run']},
    ])
  })

  it('are no other programs, timers or masked units', () => {
    const other = '[Service]\nExecStart=/usr/bin/hermes chat\n'
    const found = definitions({
      ...{[`${UNITS}/chat.service`]: other, [`${UNITS}/hermes-gateway.timer`]: UPSTREAM, '/dev/null': {kind: 'other'}},
      [`${UNITS}/hermes-gateway-x.service`]: {link: '/dev/null'},
      [`${UNITS}/secret.service`]: {text: UPSTREAM, mode: 0, uid: 0},
    })
    expect(found).toEqual([])
  })

  it('are of the machine too, of those that run as the account', () => {
    const unit = (user: string) => `[Service]\n${user}\nExecStart=/usr/bin/hermes gateway run\n`
    const found = definitions(
      {
        '/etc/systemd/system/hermes.service': unit('User=user'),
        '/etc/systemd/system/by-uid.service': unit('User=1000'),
        '/etc/systemd/system/others.service': unit('User=other'),
        '/etc/systemd/system/roots.service': unit(''),
      },
      'system',
    )
    expect(found.map(({name, scope}) => [name, scope])).toEqual([
      ['hermes.service', 'system'],
      ['by-uid.service', 'system'],
    ])
  })
})
