import type {CreateManager, Manager} from '../manager.js'
import {control} from './control.js'
import {observer} from './observe.js'
import {placement} from './placement.js'
import {definition} from './render.js'

/**
 * `hermes-svc run`: no manager of the machine, but what keeps one gateway alive in the foreground for as long as somebody runs it. Nothing is installed;
 * it ticks by itself, and what the gateway prints goes to where it was started. There is one for a home, whatever the scope.
 */
export const create: CreateManager = (host) => {
  const manager: Manager = {
    kind: 'run',
    scope: host.account.uid === 0 ? 'system' : 'user',
    title: 'hermes-svc run',
    byHand: (act) => `hermes-svc ${act === 'disable' ? 'stop' : 'status'} --manager run`,
    inScope: () => manager,
    placement: placement(host),
    observer: observer(host),
    definition,
    control: control(host),
    rivals: {definitions: () => []},
    tick: {heartbeat: () => Promise.resolve({files: [], steps: [], faults: []}), files: () => Promise.resolve([]), programs: () => []},
  }
  return manager
}
