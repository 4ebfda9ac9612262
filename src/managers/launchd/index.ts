import {ServiceError} from '../../errors.js'
import type {Scope} from '../../service/service.js'
import type {ByHand, CreateManager} from '../manager.js'
import {control} from './control.js'
import {chooseDomain, domainsOf} from './domain.js'
import {installer} from './install.js'
import {logs} from './logs.js'
import {observer} from './observe.js'
import {placement} from './placement.js'
import {definition} from './render.js'
import {rivals} from './rivals.js'
import {tick} from './tick.js'
import {type Launchd, launchdOf} from './whereabouts.js'

/** The launchd of this machine: daemons of the system, or agents of one account's session. */
export const create: CreateManager = (host, scope, account) => {
  const launchd = launchdOf(host, scope, account)
  const observes = observer(launchd)
  const controls = control(launchd, observes)
  return {
    kind: 'launchd',
    scope,
    get title() {
      return titleOf(launchd)
    },
    byHand: (act, name, where = scope) => byHand(launchd, act, name, where),
    inScope: (other, whose) => create(host, other, whose),
    placement: placement(launchd),
    observer: observes,
    definition: definition(launchd),
    installer: installer(launchd, controls),
    control: controls,
    rivals: rivals(launchd),
    tick: tick(launchd),
    logs: logs(launchd),
  }
}

/** With the domain where new services go. */
function titleOf({launchctl, scope, account}: Launchd): string {
  try {
    return `launchd (${chooseDomain(launchctl, scope, account, undefined).target})`
  } catch (error) {
    if (error instanceof ServiceError) return `launchd (${scope})`
    throw error
  }
}

/** launchd has no masks: what keeps a job from being loaded is that it is disabled. */
function byHand({account}: Launchd, act: ByHand, name: string, scope: Scope): string {
  const target = `${domainsOf(scope, account)[0]?.target}/${name}`
  const sudo = scope === 'system' ? 'sudo ' : ''
  switch (act) {
    case 'reload':
      return `${sudo}hermes-svc restart`
    case 'status':
      return `${sudo}launchctl print ${target}`
    case 'unmask':
      return `${sudo}launchctl enable ${target}`
    case 'disable':
      return `${sudo}launchctl bootout ${target}; ${sudo}launchctl disable ${target}`
  }
}
