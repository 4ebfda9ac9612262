import {ownCommand} from '../lifecycle/own-command.js'
import type {InstallRequest} from '../lifecycle/install.js'
import type {Observation} from '../observe/look.js'
import type {Plan} from '../plan/plan.js'
import type {FixOptions} from './check.js'
import type {Scene} from './scene.js'

/**
 * Plans what `hermes-svc install` would do with nothing asked for: the definition becomes what it should be, everything that was chosen is
 * kept. Errors as `planInstall`.
 */
export async function reinstall(
  {target}: Scene,
  {timeoutMs}: FixOptions,
  request: Partial<Pick<InstallRequest, 'command' | 'environment' | 'force' | 'keepRunning'>> = {},
): Promise<Plan> {
  const {planInstall} = await import('../lifecycle/install.js')
  const anyway = ownCommand(target, 'install --force')
  return planInstall(target, {anyway, environment: new Map(), policy: {}, heartbeat: {}, timeoutMs, force: false, ...request})
}

/** The service has our policy, be the definition itself ours or not. */
export function hasOurPolicy({manager}: Observation): boolean {
  return manager.installed === 'own' || manager.installed === 'adopted'
}

/** The gateway should be up: that was recorded, or nothing was and it has not been stopped in good order. */
export function shouldRun({desired, manager}: Observation): boolean {
  if (desired.kind === 'recorded') return desired.record.desiredState === 'running'
  return manager.activity !== 'stopped'
}
