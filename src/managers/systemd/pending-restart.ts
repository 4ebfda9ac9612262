import type {Service} from '../../service/service.js'
import {plannedRestartUnit} from '../../gateway/contract.js'
import {stemOf} from './paths.js'
import type {Properties} from './show.js'

/** What is asked of a unit to tell that it is one. */
export const PENDING_PROPERTIES = ['Id', 'LoadState', 'Transient']

/**
 * Gateways from 0.16 on that were asked to restart leave a transient unit to the manager that outlives them: it waits for their end, then resets the
 * service's failures and restarts it (upstream's `_launch_systemd_restart_shortcut`; seen in 0.16.0 and 0.20.3, always a service, never a timer). It
 * is named after the service and the gateway's pid. The pattern fits the names of other services' too.
 */
export function pendingRestartPattern(service: Service): string {
  return `${unitStem(service)}*.service`
}

/** The names of those units that are about just this service; a profile may be called `planned-restart-1`, but no service of one is transient. */
export function pendingRestarts(service: Service, shown: readonly Properties[]): string[] {
  const stem = unitStem(service)
  return shown
    .filter(({Transient, LoadState}) => Transient === 'yes' && LoadState !== 'not-found')
    .flatMap(({Id = ''}) => (Id.startsWith(stem) && /^\d+\.service$/.test(Id.slice(stem.length)) ? [Id] : []))
}

function unitStem({name}: Service): string {
  return plannedRestartUnit(stemOf(name))
}
