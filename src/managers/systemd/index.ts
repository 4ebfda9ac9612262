import type {CreateManager} from '../manager.js'
import {isLingering} from './bus.js'
import {chronicle} from './chronicle.js'
import {control} from './control.js'
import {installer} from './install.js'
import {logs} from './logs.js'
import {observer} from './observe.js'
import {placement} from './placement.js'
import {definition} from './render.js'
import {byHand, rivals} from './rivals.js'
import {systemdOf} from './systemctl.js'
import {tick} from './tick.js'

/** The systemd of this machine, for system services or for the services of one account's user manager. */
export const create: CreateManager = (host, scope, account) => {
  const systemd = systemdOf(host, scope, account)
  const observes = observer(systemd)
  return {
    kind: 'systemd',
    scope,
    title: `systemd (${scope})`,
    byHand: (act, name, where = scope) => byHand(act, name, where),
    inScope: (other, whose) => create(host, other, whose),
    placement: placement(systemd),
    observer: observes,
    definition: definition(systemd),
    installer: installer(systemd, observes),
    control: control(systemd),
    rivals: rivals(systemd),
    tick: tick(systemd),
    logs: logs(systemd),
    chronicle: chronicle(systemd),
    linger: {isOn: (service) => isLingering(host, service.account)},
  }
}
