import type {LogQuery, Scope, Service} from '../manager.js'

/** The journalctl command line that prints a service's log (journalctl(1)). */
export function journalCommand(scope: Scope, service: Service, query: LogQuery): string[] {
  const unit = scope === 'user' ? ['--user', '--user-unit', service.name] : ['--unit', service.name]
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
