import type {Scope} from '../../../src/service/service.js'
import {describe, expect, it} from 'vitest'
import type {LogQuery} from '../../../src/managers/manager.js'
import {journalCommand} from '../../../src/managers/systemd/logs.js'
import {SERVICE} from '../../fakes/settings.js'

const command = (scope: Scope, query: Partial<LogQuery> = {}) =>
  journalCommand(scope, SERVICE, {lines: 20, follow: false, since: undefined, json: false, ...query})

describe('journalCommand', () => {
  it("asks for the unit of the user's own manager, and for what journald could not ascribe to it", () => {
    expect(command('user')).toEqual([
      ...[
        'journalctl',
        '_UID=1000',
        '_SYSTEMD_USER_UNIT=hermes-gateway.service',
        '+',
        '_UID=1000',
        'USER_UNIT=hermes-gateway.service',
        '+',
      ],
      ...['_UID=1000', 'COREDUMP_USER_UNIT=hermes-gateway.service', '+', '_UID=1000', 'SYSLOG_IDENTIFIER=hermes-gateway'],
      ...['--no-pager', '--quiet', '--output=short-iso', '--lines=20'],
    ])
  })

  it("asks for the machine's unit", () => {
    expect(command('system')).toContain('--unit')
    expect(command('system').join(' ')).not.toMatch(/--user|_UID/)
  })

  it('passes on since, follow and JSON, with the time as one word', () => {
    expect(command('user', {follow: true, since: '1 hour ago', json: true})).toEqual(
      expect.arrayContaining(['--follow', '--since=1 hour ago', '--output=json']),
    )
  })
})
