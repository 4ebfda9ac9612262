import path from 'node:path'
import {ServiceError} from '../../errors.js'
import {type Account, type Host, HostError} from '../../host/host.js'
import {performSteps} from '../../plan/apply.js'
import type {BootFailures, BootSlot, BuiltSlots} from '../container.js'
import type {DefinitionFile, Service} from '../manager.js'
import {PUBLISH, S6_ENVIRONMENT, shell, SKELETON, START, STOP} from './control.js'
import {renderDefinition} from './definition.js'
import {type SlotPaths, slotPaths, stagingOf} from './places.js'
import {changeStep} from './slot-steps.js'

const CHANGE_TIMEOUT_MS = 60_000
const SILENT = () => undefined

/** True if a slot is there already, whoever made it. */
export function isSlotThere(host: Host, scan: string, service: Service): boolean {
  return host.lstat(slotPaths(scan, service).slot) !== undefined
}

/**
 * Builds the slots of a container that boots: all of them are written, then given their supervision folders and put in place at once, so that fifty
 * take hardly longer than one. A slot that is there already is brought up to date in place. One that fails is left out, and the others are
 * made all the same. `account`: that of all of them.
 */
export async function buildSlots(host: Host, scan: string, account: Account, slots: readonly BootSlot[]): Promise<BuiltSlots> {
  const failures: BootFailures = new Map()
  const old = new Set(slots.filter((slot) => isSlotThere(host, scan, slot.service)))
  const left = () => slots.filter((slot) => !failures.has(slot))
  const folderOf = (slot: BootSlot) => (old.has(slot) ? slotPaths(scan, slot.service).slot : stagingOf(scan, slot.service.name))
  // What a boot that was killed left of them would be in the way.
  const stale = slots.map((slot) => stagingOf(scan, slot.service.name)).filter((folder) => host.lstat(folder) !== undefined)
  if (stale.length > 0) await host.run(['rm', '-rf', '--', ...stale], {env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS})

  for (const slot of slots) await guarded(failures, slot, () => writeSlot(host, slot, slotPaths(scan, slot.service), folderOf(slot)))
  const owner = `${account.uid}:${account.gid}`
  await forAll(host, left(), (some) => shell(SKELETON, owner, ...some.map(folderOf)), failures)
  const publish = (some: readonly BootSlot[]) =>
    shell(PUBLISH, ...some.flatMap((slot) => [folderOf(slot), slotPaths(scan, slot.service).slot]))
  const fresh = left().filter((slot) => !old.has(slot))
  await forAll(host, fresh, publish, failures)
  return {done: left(), old, failures}
}

/** Has s6 take up what was built: a new slot starts by itself unless it is down, one that was there is told. Returns those that could not be. */
export async function takeUpSlots(host: Host, scan: string, {done, old}: BuiltSlots): Promise<ReadonlyMap<BootSlot, string>> {
  const failures: BootFailures = new Map()
  if (done.length === 0) return failures
  // At the very first of a boot s6-svscan does not listen yet, and takes up by itself what is there when it does.
  await host.run(['s6-svscanctl', '-a', scan], {env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS})
  for (const slot of done.filter((one) => old.has(one))) {
    const argv = shell(slot.wanted === 'running' ? START : STOP, scan, slotPaths(scan, slot.service).slot)
    await guarded(failures, slot, () => performSteps(host, [changeStep(`have it ${slot.wanted}`, argv)], SILENT))
  }
  return failures
}

async function guarded(failures: BootFailures, slot: BootSlot, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof ServiceError || error instanceof HostError)) throw error
    failures.set(slot, error.message)
  }
}

/** Writes a slot's own files into a folder, and the settings that they were made from into the home, as an install would leave both. */
async function writeSlot(host: Host, slot: BootSlot, paths: SlotPaths, folder: string): Promise<void> {
  const files = await renderDefinition(host, paths, slot.service, slot.settings, slot.environment)
  for (const name of ['', 'log', 'helpers']) host.makeFolder(path.join(folder, name), 0o755)
  for (const {path: file, text, mode} of files.filter((one) => one.as === undefined)) {
    host.writeAtomic(folder + file.slice(paths.slot.length), text, mode)
  }
  keepSettings(host, files)
  host.writeAtomic(path.join(folder, path.basename(paths.bootReason)), `${slot.reason}\n`, 0o644)
  const finding = path.join(folder, path.basename(paths.bootFinding))
  if (slot.isFinding) host.writeAtomic(finding, '', 0o644)
  else host.removeFile(finding)
  const down = path.join(folder, path.basename(paths.down))
  if (slot.wanted === 'stopped') host.writeAtomic(down, '', 0o644)
  else host.removeFile(down)
}

/** A home that cannot be written to is no reason to keep its gateway down: `diff` shows what is missing. */
function keepSettings(host: Host, files: readonly DefinitionFile[]): void {
  for (const {path: file, text, mode, as, secret} of files) {
    if (!as || secret) continue
    try {
      if (host.lstat(file)?.kind === 'file' && host.readText(file) === text) continue
      const user = host.account.uid === as.uid ? host : host.as(as)
      user.makeFolder(path.dirname(file), 0o700)
      user.writeAtomic(file, text, mode)
    } catch (error) {
      if (!(error instanceof HostError)) throw error
    }
  }
}

/** One call for all; where that fails, one for each, so that only those fail that must. */
async function forAll(
  host: Host,
  slots: readonly BootSlot[],
  argvFor: (some: readonly BootSlot[]) => string[],
  failures: BootFailures,
): Promise<void> {
  if (slots.length === 0) return
  const run = (some: readonly BootSlot[]) => host.run(argvFor(some), {env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS})
  if ((await run(slots)).code === 0) return
  for (const slot of slots) {
    const result = await run([slot])
    if (result.code !== 0) failures.set(slot, result.failure ?? (result.stderr.trim() || `exit ${result.code}`))
  }
}
