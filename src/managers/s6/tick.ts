import path from 'node:path'
import type {Account} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {onUndo, type Step} from '../../plan/plan.js'
import {findLastingNode} from '../../service/lasting-node.js'
import type {Service} from '../../service/service.js'
import type {ServiceSettings} from '../../service/settings.js'
import {renderTemplate} from '../../service/template.js'
import {shellQuote} from '../../text/shell-quote.js'
import {definitionFile, isAsWanted, makeFolderStep, writeStep} from '../definition-file.js'
import {heartbeatOf, TICK_PROGRAM, tickIntervalSec, tickProgram, tickPrograms} from '../heartbeat.js'
import type {DefinitionFile, Tick} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {removeSlot} from './install.js'
import {lookAt} from './svstat.js'
import {isClosed, type S6, slotsAccount} from './ownership.js'
import {HEARTBEAT_SLOT, stagingOf} from './paths.js'
import {changeStep, slotProgram} from './programs.js'
import {slotSettings} from './recorded.js'
import {requireS6Tool, tools} from './render.js'

/** As long as systemd gives it (TimeoutStartSec= of its unit). */
const TICK_LIMIT_SEC = 60

/** See Tick: a slot beside the others. s6 notes only when a slot went up or down, and this one is up between two ticks too. */
export function tick(s6: S6): Tick {
  const {host, scan} = s6
  const slot = tickSlot(s6)
  return {
    ...heartbeatOf({
      recorded: () => orNoAccess(() => slotSettings(s6)),
      nameOf: ({name}) => name,
      render: (service, wanting) => renderHeartbeat(s6, service, wanting),
      now: ({account}) => {
        const as = slotsAccount(host, scan, account)
        const isThere = host.lstat(slot) !== undefined
        return {
          get faults() {
            return isThere ? slotFaults(s6, as) : [`${slot} is gone`]
          },
          install: (files, faults) => installSteps(s6, files, faults.length > 0, as),
          remove: () => (isThere ? [removeSlot(s6, HEARTBEAT_SLOT, as)] : []),
        }
      },
    }),
    programs: () => tickPrograms(installedNode(s6), path.join(slot, TICK_PROGRAM)),
  }
}

const tickSlot = ({scan}: S6) => path.join(scan, HEARTBEAT_SLOT)

/** The node that the run script of the slot names; undefined if there is none. */
function installedNode(s6: S6): string | undefined {
  const run = readIfAllowed(s6.slots.of(HEARTBEAT_SLOT), path.join(tickSlot(s6), 'run')) ?? ''
  return /^(?:'[^']*' -s KILL \d+ )?\$as_user '(\/[^']*)' /m.exec(run)?.[1]
}

/** Renders the slot that ticks every gateway of an account. Throws a ServiceError where no node lasts. */
async function renderHeartbeat(s6: S6, {account}: Service, wanting: readonly ServiceSettings[]): Promise<DefinitionFile[]> {
  const {host} = s6
  const slot = tickSlot(s6)
  const program = tickProgram(host, path.join(slot, TICK_PROGRAM))
  const run = await renderTemplate(host, 's6/heartbeat-run.ejs', {
    interval: String(tickIntervalSec(wanting)),
    asUser: shellQuote(`${requireS6Tool(host, 's6-setuidgid')} ${account.name}`),
    node: shellQuote(findLastingNode(host, account, installedNode(s6))),
    entry: shellQuote(program.path),
    ...tools(host, ['sleep', 'timeout']),
    limit: String(TICK_LIMIT_SEC),
  })
  return [program, definitionFile(path.join(slot, 'type'), 'longrun\n'), definitionFile(path.join(slot, 'run'), run, {mode: 0o755})]
}

/** Why s6 does not keep the slot up; what may not be looked at is no fault. */
function slotFaults(s6: S6, as: Account | undefined): string[] {
  const slot = tickSlot(s6)
  const [reading] = lookAt(s6, [slot], as)
  if (reading === 'none') return [`${slot} has no supervisor`]
  return typeof reading === 'object' && !reading.up && !reading.wantedUp ? [`${slot} is down`] : []
}

/** Steps that make the heartbeat's slot what its files say, and have it run. `isDown`: s6 does not keep it up. `as`: whose it is. */
function installSteps(s6: S6, files: readonly DefinitionFile[], isDown: boolean, as: Account | undefined): Step[] {
  const {host, scan, slots} = s6
  const slot = tickSlot(s6)
  // One that its user could change, in a scan directory that is root's by now, is made anew: root would run what is in it.
  const isOpen = host.account.uid === 0 && !as && host.lstat(slot) !== undefined && !isClosed(host, slot)
  const differing = isOpen ? files : files.filter((file) => !isAsWanted(slots.of(HEARTBEAT_SLOT), file))
  if (differing.length === 0) return isDown ? [changeStep('start the heartbeat', slotProgram(host, 'start', scan, slot), as)] : []
  const isNew = isOpen || host.lstat(slot) === undefined
  // Two commands at once must not build in the same place.
  const folder = isNew ? stagingOf(scan, `${HEARTBEAT_SLOT}-${host.pid}`) : slot
  const write = differing.map((file) => writeStep({...file, path: path.join(folder, path.basename(file.path))}, as))
  if (!isNew) {
    const restart = changeStep('start the heartbeat again with the new slot', slotProgram(host, 'start', scan, slot, 'restart'), as)
    return [...onUndo([restart]), ...write, restart]
  }
  return [
    ...(isOpen ? [removeSlot(s6, HEARTBEAT_SLOT, as)] : []),
    ...onUndo([removeSlot(s6, HEARTBEAT_SLOT, as)]),
    makeFolderStep(folder, as),
    ...write,
    changeStep(`move the new slot to ${slot}`, slotProgram(host, 'publish-shared', folder, slot), as),
    changeStep('start the heartbeat', slotProgram(host, 'start', scan, slot), as),
  ]
}
