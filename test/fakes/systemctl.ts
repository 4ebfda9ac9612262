import type {Scope, Service} from '../../src/service/service.js'
import type {Account} from '../../src/host/host.js'
import {managerEnvironment} from '../../src/managers/systemd/bus.js'
import {ownedDirectives} from '../../src/managers/systemd/directives.js'
import type {FakeCommand} from './fake-host.js'

const PROPERTIES = [
  ...[
    'Id',
    'LoadState',
    'UnitFileState',
    'ActiveState',
    'SubState',
    'Job',
    'Result',
    'MainPID',
    'NRestarts',
    'ExecMainCode',
    'ExecMainStatus',
  ],
  ...['ExecMainPID', 'ExecMainStartTimestampMonotonic', 'StateChangeTimestampMonotonic', 'FragmentPath', 'DropInPaths', 'NeedDaemonReload'],
  ...[
    'ControlGroup',
    'User',
    'Environment',
    'WorkingDirectory',
    'WantedBy',
    'RequiredBy',
    'EnvironmentFiles',
    'RestartMaxDelayUSec',
    'ExecStartPre',
    'ExecStopPost',
    ...ownedDirectives(),
  ],
]

/** What systemctl says of every unit, whether there is such a unit or not. */
export const ALWAYS_SHOWN: Readonly<Record<string, string>> = {
  ...{LoadState: 'not-found', UnitFileState: '', ActiveState: 'inactive', SubState: 'dead', MainPID: '0', NRestarts: '0'},
  NeedDaemonReload: 'no',
}

/** The one look that is taken at services, and what systemctl answers: properties of each unit, in the same order. */
export function showCommand(
  scope: Scope,
  account: Account,
  services: readonly Pick<Service, 'name'>[],
  shown: readonly Readonly<Record<string, string>>[],
): FakeCommand {
  const blocks = services.map(({name}, index) =>
    Object.entries({Id: name, ...ALWAYS_SHOWN, ...shown[index]})
      .map(([property, value]) => `${property}=${value}\n`)
      .join(''),
  )
  return {
    argv: [
      ...['systemctl', scope === 'user' ? '--user' : '--no-ask-password', 'show', `--property=${PROPERTIES.join(',')}`, '--'],
      ...services.map(({name}) => name),
    ],
    via: 'read',
    env: managerEnvironment(scope, account),
    stdout: blocks.join('\n'),
  }
}
