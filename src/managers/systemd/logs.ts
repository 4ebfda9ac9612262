import type {Scope, Service} from '../../service/service.js'
import type {LogQuery, Logs} from '../manager.js'
import {managerEnvironment} from './bus.js'
import {stemOf} from './paths.js'
import type {Systemd} from './systemctl.js'

/** See Logs: the journal, which rotates itself. */
export function logs({scope, account}: Systemd): Logs {
  return {
    command: (service, query) => ({
      ...{argv: journalCommand(scope, service, query), env: managerEnvironment('system', account)},
      reader: 'machine',
    }),
  }
}

/** What the lines of a service's processes are marked with (SyslogIdentifier=, systemd.exec(5)). */
export function syslogIdentifier(service: Service): string {
  return stemOf(service.name)
}

/**
 * The journalctl command line that prints a service's log (journalctl(1)). journald does not know the user unit of a process that is gone
 * before its line is read, such as a gateway that fails at once: then the mark tells. A user's lines are asked for by the uid, not by --user:
 * those of a system account (uid below 1000) are in the journal of the machine, which --user does not open.
 */
export function journalCommand(scope: Scope, service: Service, query: LogQuery): string[] {
  const uid = `_UID=${service.account.uid}`
  const fields = ['_SYSTEMD_USER_UNIT', 'USER_UNIT', 'COREDUMP_USER_UNIT'].flatMap((field) => [uid, `${field}=${service.name}`, '+'])
  const unit = scope === 'user' ? [...fields, uid, `SYSLOG_IDENTIFIER=${syslogIdentifier(service)}`] : ['--unit', service.name]
  return [
    'journalctl',
    ...unit,
    '--no-pager',
    '--quiet',
    `--output=${query.json ? 'json' : 'short-iso'}`,
    ...(query.lines >= 0 ? [`--lines=${query.lines}`] : []),
    ...(query.since === undefined ? [] : [`--since=${query.since}`]),
    ...(query.follow ? ['--follow'] : []),
  ]
}
