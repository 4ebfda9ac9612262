import type {Scope} from '../../../src/service/service.js'
import {describe, expect, it} from 'vitest'
import type {LogQuery} from '../../../src/managers/manager.js'
import {journalCommand} from '../../../src/managers/systemd/logs.js'
import {systemdManager} from '../../fakes/managers.js'
import {FakeHost, USER} from '../../fakes/fake-host.js'
import {journalEntry} from '../../fakes/fake-systemd.js'
import {SERVICE, serviceOf} from '../../fakes/settings.js'

const command = (scope: Scope, query: Partial<LogQuery> = {}, services = [SERVICE]) =>
  journalCommand(scope, services, {withManagers: false, ...query})

const FORM = [...['--no-pager', '--quiet', '--all', '--output=json'], expect.stringMatching(/^--output-fields=MESSAGE,_PID,/) as string]

describe('journalCommand', () => {
  it("asks for the unit of the user's own manager, and for what journald could not ascribe to it", () => {
    const own = ['_UID=1000', '_SYSTEMD_USER_UNIT=hermes-gateway.service']
    const marked = ['+', '_UID=1000', 'SYSLOG_IDENTIFIER=hermes-gateway']
    expect(command('user')).toEqual(['journalctl', ...own, ...marked, ...FORM])
    const managers = ['+', '_UID=1000', 'USER_UNIT=hermes-gateway.service', '+', '_UID=1000', 'COREDUMP_USER_UNIT=hermes-gateway.service']
    expect(command('user', {withManagers: true})).toEqual(['journalctl', ...own, ...managers, ...marked, ...FORM])
  })

  it("asks for the machine's unit, of nobody's in particular", () => {
    expect(command('system')).toEqual(['journalctl', '_SYSTEMD_UNIT=hermes-gateway.service', ...FORM])
    expect(command('system', {withManagers: true})).toEqual(expect.arrayContaining(['_PID=1', 'UNIT=hermes-gateway.service']))
  })

  it('asks for several services at once', () => {
    const work = serviceOf('work')
    const matches = [`_SYSTEMD_UNIT=${SERVICE.name}`, '+', `_SYSTEMD_UNIT=${work.name}`]
    expect(command('system', {}, [SERVICE, work]).slice(1, 4)).toEqual(matches)
  })

  it('asks for a part of it, newest first, and for what comes', () => {
    expect(command('user', {lines: 7, isReversed: true, sinceMs: 1500, untilMs: 2000}).slice(-4)).toEqual([
      ...['--lines=7', '--reverse', '--since=@1.500', '--until=@2.000'],
    ])
    // It takes one of the two.
    expect(command('user', {afterCursor: 's=1', sinceMs: 1500, follow: true}).slice(-3)).toEqual([
      ...['--after-cursor=s=1', '--follow', '--no-tail'],
    ])
  })
})

describe('a line of the journal', () => {
  const [log] = systemdManager(new FakeHost(), 'user', USER).logs.of([SERVICE, serviceOf('work')])
  const lineOf = (printed: string) => (log?.kind === 'program' ? log.lineOf(printed) : undefined)

  it("is the service's, by its unit or its mark", () => {
    const line = {timeMs: Date.UTC(2026, 0, 1), text: 'a', isManagers: false, pid: 77, service: SERVICE.name, cursor: 's=1;i=a'}
    expect(lineOf(journalEntry('a'))).toEqual(line)
    const marked = journalEntry('a', {_SYSTEMD_USER_UNIT: 'init.scope', SYSLOG_IDENTIFIER: 'hermes-gateway-work'})
    expect(lineOf(marked)?.service).toBe(serviceOf('work').name)
  })

  it("is the manager's own where it is about the unit", () => {
    const line = journalEntry('Started it.', {
      _SYSTEMD_USER_UNIT: 'init.scope',
      SYSLOG_IDENTIFIER: 'systemd',
      USER_UNIT: serviceOf('work').name,
    })
    expect(lineOf(line)).toMatchObject({text: 'systemd[77]: Started it.', isManagers: true, service: serviceOf('work').name})
  })

  it('is read where it is no text, or stands there twice', () => {
    const entry = (message: unknown) => JSON.stringify({...(JSON.parse(journalEntry('a')) as object), MESSAGE: message})
    expect(lineOf(entry([...Buffer.from('ü\u001b')]))?.text).toBe('ü\u001b')
    expect(lineOf(entry(['one', 'two']))?.text).toBe('one')
    expect(lineOf(entry(null))?.text).toBe('')
  })

  it('is none where it is not understood', () => {
    expect([lineOf('-- No entries --'), lineOf('{}'), lineOf('[]'), lineOf('')]).toEqual([undefined, undefined, undefined, undefined])
  })
})
