import type {TestService} from './test-service.js'
import {STAND_IN} from './test-service.js'

/** The forms in which upstream has written the restart policy of its unit over the years. */
export const UPSTREAM_POLICIES = {
  '0.10 and before': {
    unit: ['StartLimitIntervalSec=600', 'StartLimitBurst=5'],
    service: ['Restart=on-failure', 'RestartSec=30', 'RestartForceExitStatus=75'],
  },
  'later versions': {
    unit: ['StartLimitIntervalSec=0'],
    service: ['Restart=always', 'RestartSec=5', 'RestartForceExitStatus=75'],
  },
} as const

export interface ForeignUnit {
  readonly unit?: readonly string[]
  readonly service?: readonly string[]
  readonly home?: string
  readonly args?: readonly string[]
  /** The whole command, in place of the stand-in with the service's profile. */
  readonly command?: string
}

/** Writes a unit of a service's name as upstream's installer does, enables it and has it started. */
export async function addForeignUnit(
  service: TestService,
  foreign: ForeignUnit = UPSTREAM_POLICIES['later versions'],
  name = service.unit,
): Promise<void> {
  const {unit = [], service: lines = [], home = service.home, args = []} = foreign
  const {command = `${STAND_IN} --profile ${service.profile} gateway run`} = foreign
  const text = [
    '[Unit]',
    'Description=Hermes Agent Gateway - Messaging Platform Integration',
    ...unit,
    '[Service]',
    'Type=simple',
    `ExecStart=${command}${args.map((word) => ` ${word}`).join('')}`,
    `WorkingDirectory=${home}`,
    `Environment="HERMES_HOME=${home}"`,
    'Environment="PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"',
    ...lines,
    'KillMode=mixed',
    'TimeoutStopSec=210',
    '[Install]',
    `WantedBy=${service.scope === 'user' ? 'default.target' : 'multi-user.target'}`,
    '',
  ].join('\n')
  await service.sh('mkdir -p "$1"', [service.units], service.actor)
  await service.machine.writeText(`${service.units}/${name}`, text, service.actor)
  await service.systemctl('daemon-reload')
  await service.systemctl('enable', '--now', name)
}
