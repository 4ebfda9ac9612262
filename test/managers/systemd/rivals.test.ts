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
