import path from 'node:path'
import type {Account, Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {onUndo, type Step} from '../../plan/plan.js'
import {findLastingNode} from '../../service/lasting-node.js'
import {parseSettings, type ServiceSettings} from '../../service/settings.js'
import {shellQuote} from '../../text/shell-quote.js'
import {renderTemplate} from '../../service/template.js'
import {isAsWanted} from '../as-wanted.js'
import type {DefinitionFile} from '../manager.js'
import {PUBLISH_SHARED, RESTART, shell, START} from './control.js'
import {requireS6Tool, tools} from './render.js'
import {heartbeatNode} from './evidence.js'
import {isClosed, type SlotsDoor} from './ownership.js'
import {HEARTBEAT_SLOT, stagingOf} from './paths.js'
import {changeStep, removeSlot} from './install.js'

/** The built tick, below the package's root. */
const BUILT_ENTRY = 'dist/heartbeat.cjs'
/** As long as systemd gives it (TimeoutStartSec= of its unit). */
const TICK_LIMIT_SEC = 60

/** The settings of all slots of ours, by their names. One whose own user may not read them, or who put something else there, has none. Throws HostError. */
export function slotSettings(slots: SlotsDoor, scan: string): Map<string, ServiceSettings> {
  const found = new Map<string, ServiceSettings>()
  for (const name of slots.names()) {
    if (!name.startsWith('gateway-')) continue
    const settings = parseSettings(readIfAllowed(slots.of(name), path.join(scan, name, 'settings.json')))
    if (settings) found.set(name, settings)
  }
  return found
}

/** Renders the slot that ticks every gateway of an account, as often as the most demanding asks for. Throws a ServiceError where no node lasts. */
export async function renderHeartbeat(
  {host, slots}: {readonly host: Host; readonly slots: SlotsDoor},
  scan: string,
  account: Account,
  wanting: readonly ServiceSettings[],
): Promise<DefinitionFile[]> {
  const slot = path.join(scan, HEARTBEAT_SLOT)
  const program = host.readText(path.join(host.packageRoot, BUILT_ENTRY))
  if (program === undefined) throw new Error(`the package is incomplete: ${BUILT_ENTRY} is missing`)
  const entry = path.join(slot, 'heartbeat.cjs')
  const inUse = heartbeatNode(readIfAllowed(slots.of(HEARTBEAT_SLOT), path.join(slot, 'run')) ?? '')
  const run = await renderTemplate(host, 's6/heartbeat-run.ejs', {
    interval: String(Math.min(...wanting.map((settings) => settings.heartbeat.intervalSec))),
    asUser: shellQuote(`${requireS6Tool(host, 's6-setuidgid')} ${account.name}`),
    node: shellQuote(findLastingNode(host, account, inUse)),
    entry: shellQuote(entry),
    ...tools(host, ['sleep', 'timeout']),
    limit: String(TICK_LIMIT_SEC),
  })
  const file = (name: string, text: string, mode: number): DefinitionFile => ({
    ...{path: path.join(slot, name), text, mode, secret: false, needsRestart: false, edited: false},
    isProgram: name === 'heartbeat.cjs',
  })
  return [file('heartbeat.cjs', program, 0o644), file('type', 'longrun\n', 0o644), file('run', run, 0o755)]
}

/**
 * Steps that make the heartbeat's slot what its files say, and have it run. Nothing if all is so already. `isDown`: s6 does not keep it up. `as`: whose
 * it is.
 */
export function heartbeatSteps(
  {host, slots}: {readonly host: Host; readonly slots: SlotsDoor},
  scan: string,
  files: readonly DefinitionFile[],
  isDown: boolean,
  as: Account | undefined,
): Step[] {
  const slot = path.join(scan, HEARTBEAT_SLOT)
  // One that its user could change, in a scan directory that is root's by now, is made anew: root would run what is in it.
  const isOpen = host.account.uid === 0 && !as && host.lstat(slot) !== undefined && !isClosed(host, slot)
  const differing = isOpen ? files : files.filter((file) => !isAsWanted(slots.of(HEARTBEAT_SLOT), file))
  if (differing.length === 0) return isDown ? [changeStep('start the heartbeat', shell(START, scan, slot), as)] : []
  const isNew = isOpen || host.lstat(slot) === undefined
  // Two commands at once must not build in the same place.
  const folder = isNew ? stagingOf(scan, `${HEARTBEAT_SLOT}-${host.pid}`) : slot
  const write = differing.map((file): Step => {
    const place = path.join(folder, path.basename(file.path))
    return {kind: 'write-file', why: `write ${place}`, path: place, text: file.text, mode: file.mode, isProgram: file.isProgram, as}
  })
  if (!isNew) {
    const restart = changeStep('tick from now on as the slot says', shell(RESTART, scan, slot), as)
    return [...onUndo([restart]), ...write, restart]
  }
  return [
    ...(isOpen ? [removeSlot(scan, HEARTBEAT_SLOT, as)] : []),
    ...onUndo([removeSlot(scan, HEARTBEAT_SLOT, as)]),
    {kind: 'make-folder', why: `make ${folder}`, path: folder, mode: 0o755, as},
    ...write,
    changeStep(`put it in place as ${slot}`, shell(PUBLISH_SHARED, folder, slot), as),
    changeStep('start the heartbeat', shell(START, scan, slot), as),
  ]
}
