import path from 'node:path'
import type {Container} from '../container.js'
import type {ByHand, CreateManager, Manager, Tick} from '../manager.js'
import {buildSlots, isSlotThere, noteContested, readChosen, takeUpSlots} from './boot.js'
import {control} from './control.js'
import {installer} from './install.js'
import {logs} from './logs.js'
import {observer} from './observe.js'
import {type S6, s6Of} from './ownership.js'
import {containerVariable, HEARTBEAT_SLOT} from './paths.js'
import {placement} from './placement.js'
import {s6Tool} from './programs.js'
import {definition} from './render.js'
import {rivals} from './rivals.js'
import {tick} from './tick.js'

/**
 * The s6 of a container, as s6-overlay lays it out. There is one for all users of the container, so there is only one scope. A slot of another
 * tool's is replaced rather than adopted: it has no place for additions, and is made anew at every boot anyway.
 */
export const create: CreateManager = (host) => {
  const s6 = s6Of(host)
  const ticks = tick(s6)
  const manager: Manager = {
    kind: 's6',
    scope: 'system',
    title: `s6 (${s6.scan})`,
    byHand: (act, name) => byHand(s6, act, name),
    inScope: () => manager,
    placement: placement(s6),
    observer: observer(s6),
    definition: definition(s6),
    installer: installer(s6),
    control: control(s6),
    rivals: rivals(s6),
    tick: ticks,
    logs: logs(s6),
    container: container(s6, ticks),
  }
  return manager
}

function byHand({host, scan}: S6, act: ByHand, name: string): string {
  const slot = path.join(scan, name)
  const tool = (program: string) => s6Tool(host, program) ?? program
  switch (act) {
    case 'reload':
      return `${tool('s6-svscanctl')} -a ${scan}`
    case 'status':
      return `${tool('s6-svstat')} ${slot}`
    case 'unmask':
      return `rm -f ${slot}/down`
    case 'disable':
      return `touch ${slot}/down && ${tool('s6-svc')} -d ${slot}`
  }
}

function container({host, scan}: S6, ticks: Tick): Container {
  return {
    variable: (name) => containerVariable(host, name),
    isThere: (service) => isSlotThere(host, scan, service),
    chosen: (account, services) => readChosen(host, scan, account, services),
    build: (account, slots) => buildSlots(host, scan, account, slots),
    noteContested: (slot) => noteContested(host, scan, slot),
    tickSteps: async ({service, settings}) => {
      const isNew = host.lstat(path.join(scan, HEARTBEAT_SLOT)) === undefined
      const {steps} = await ticks.heartbeat(service, settings)
      // A new slot is started last: as one of all that are taken up together.
      return isNew ? steps.slice(0, -1) : steps
    },
    takeUp: (built) => takeUpSlots(host, scan, built),
  }
}
