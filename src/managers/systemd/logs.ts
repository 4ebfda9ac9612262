import type {Scope, Service} from '../../service/service.js'
import type {LogQuery, ManagerLog, Logs} from '../manager.js'
import {managerEnvironment} from './bus.js'
import {stemOf} from './paths.js'
import type {Systemd} from './systemctl.js'

/** Of an entry of the journal what is read of it; beside these there are always its time and its cursor (journalctl(1)). */
const FIELDS = [
  'MESSAGE',
  '_PID',
  'SYSLOG_IDENTIFIER',
  'SYSLOG_PID',
  '_SYSTEMD_UNIT',
  '_SYSTEMD_USER_UNIT',
  'UNIT',
  'USER_UNIT',
  'COREDUMP_UNIT',
  'COREDUMP_USER_UNIT',
] as const
/** Those by which others than the service's processes say something of it. */
const ABOUT = ['UNIT', 'USER_UNIT', 'COREDUMP_UNIT', 'COREDUMP_USER_UNIT'] as const

type Entry = Readonly<Partial<Record<(typeof FIELDS)[number] | '__REALTIME_TIMESTAMP' | '__CURSOR', unknown>>>

/** See Logs: the journal, which rotates itself. */
export function logs({scope, account}: Systemd): Logs {
  return {
    of: (services) => [
      {
        kind: 'program',
        reader: 'machine',
        env: managerEnvironment('system', account),
        command: (query) => journalCommand(scope, services, query),
        lineOf: (printed) => journalLine(services, printed),
      },
    ],
  }
}

/** What the lines of a service's processes are marked with (SyslogIdentifier=, systemd.exec(5)). */
export function syslogIdentifier(service: Service): string {
  return stemOf(service.name)
}

/**
 * The journalctl command line that prints services' logs as JSON (journalctl(1)). journald does not know the user unit of a process that is gone
 * before its line is read, such as a gateway that fails at once: then the mark tells. A user's lines are asked for by the uid, not by --user:
 * those of a system account (uid below 1000) are in the journal of the machine, which --user does not open.
 */
export function journalCommand(scope: Scope, services: readonly Service[], query: LogQuery): string[] {
  return [
    'journalctl',
    ...services.flatMap((service) => matchesOf(scope, service, query.withManagers)).slice(1),
    ...['--no-pager', '--quiet', '--all', '--output=json', `--output-fields=${FIELDS.join(',')}`],
    ...(query.lines === undefined ? [] : [`--lines=${query.lines}`]),
    ...(query.isReversed ? ['--reverse'] : []),
    // It takes only one of the two.
    ...(query.afterCursor !== undefined
      ? [`--after-cursor=${query.afterCursor}`]
      : query.sinceMs === undefined
        ? []
        : [`--since=${journalTime(query.sinceMs)}`]),
    ...(query.untilMs === undefined ? [] : [`--until=${journalTime(query.untilMs)}`]),
    ...(query.follow ? ['--follow', '--no-tail'] : []),
  ]
}

/** Terms, each way to match with a `+` before it. */
function matchesOf(scope: Scope, service: Service, withManagers: boolean): string[] {
  const {name, account} = service
  if (scope === 'system') {
    const about = [['_PID=1', `UNIT=${name}`], [`COREDUMP_UNIT=${name}`]]
    return [[`_SYSTEMD_UNIT=${name}`], ...(withManagers ? about : [])].flatMap((match) => ['+', ...match])
  }
  const own = `_UID=${account.uid}`
  const fields = ['_SYSTEMD_USER_UNIT', ...(withManagers ? ['USER_UNIT', 'COREDUMP_USER_UNIT'] : [])]
  const matches = [...fields.map((field) => `${field}=${name}`), `SYSLOG_IDENTIFIER=${syslogIdentifier(service)}`]
  return matches.flatMap((match) => ['+', own, match])
}

/** systemd.time(7): seconds since the epoch. */
function journalTime(ms: number): string {
  return `@${(ms / 1000).toFixed(3)}`
}

function journalLine(services: readonly Service[], printed: string): ReturnType<(ManagerLog & {kind: 'program'})['lineOf']> {
  const entry = parsed(printed)
  const timeMs = Number(entry?.__REALTIME_TIMESTAMP) / 1000
  if (!entry || !Number.isFinite(timeMs) || typeof entry.__CURSOR !== 'string') return undefined
  const identifier = textOf(entry.SYSLOG_IDENTIFIER)
  const said = ABOUT.find((field) => entry[field] !== undefined)
  const unit = textOf(entry[said ?? '_SYSTEMD_USER_UNIT']) || textOf(entry._SYSTEMD_UNIT)
  const service = services.find(({name}) => name === unit) ?? services.find((one) => syslogIdentifier(one) === identifier)
  const pid = Number(textOf(entry._PID))
  const message = textOf(entry.MESSAGE)
  return {
    timeMs,
    text: said === undefined ? message : `${identifier || 'systemd'}[${Number.isNaN(pid) ? '?' : pid}]: ${message}`,
    isManagers: said !== undefined,
    pid: Number.isNaN(pid) ? undefined : pid,
    service: service?.name ?? services[0]?.name ?? '',
    cursor: entry.__CURSOR,
  }
}

function parsed(text: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** A field is a text, a list of bytes where it is none, or a list of those where it stands there more than once. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return ''
  if (value.every((byte) => typeof byte === 'number')) return Buffer.from(value).toString('utf8')
  return textOf(value[0])
}
