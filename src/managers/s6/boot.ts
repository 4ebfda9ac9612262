import type {Service} from '../../service/service.js'
import {accountDoor} from '../../host/account-door.js'
import path from 'node:path'
import {type Account, type Door, type Host, HostError} from '../../host/host.js'
import {parseSettings} from '../../service/settings.js'
import {type BootFailures, type BootSlot, type BuiltSlots, type ChosenSettings, whyFailed} from '../container.js'
import type {DefinitionFile} from '../manager.js'
import {S6_ENVIRONMENT, slotProgram} from './programs.js'
import {withLacking} from './capabilities.js'
import {renderDefinition} from './render.js'
import {parseEnvironment} from './environment-file.js'
import {isClosed, slotsAccount, takeBack} from './ownership.js'
import {type SlotPaths, slotPaths} from './paths.js'

const CHANGE_TIMEOUT_MS = 60_000
/** A supervisor is there some ms after its slot was seen; whoever waits longer starts what there is. */
const SUPERVISED_TIMEOUT_MS = 10_000
/** New slots are built here; s6-svscan ignores names with a leading dot (s6-svscan, "The scan directory"). */
const BOOT_STAGING = '.hermes-svc-boot'

/** True if a slot is there already, whoever made it. */
export function isSlotThere(host: Host, scan: string, service: Service): boolean {
  return host.lstat(slotPaths(scan, service).slot) !== undefined
}

/** As root what lies in homes is read and written with their owner's ids. */

/** The door of an account, or this process's own. */
const slotDoor = (host: Host, account: Account | undefined): Door => (account ? host.as(account) : host)

/** Reads the settings and variables that are kept in the homes. Who changes them there must not gain anybody else's rights by it. */
export function readChosen(host: Host, scan: string, account: Account, services: readonly Service[]): ReadonlyMap<Service, ChosenSettings> {
  const user = accountDoor(host, account)
  const read = (file: string): string | undefined | HostError => {
    try {
      return user.readText(file)
    } catch (error) {
      if (error instanceof HostError) return error
      throw error
    }
  }
  const chosen = (service: Service): ChosenSettings => {
    const {settings, environmentFile} = slotPaths(scan, service)
    const [text, variables] = [read(settings), read(environmentFile)]
    return {
      settings: typeof text === 'string' ? parseSettings(text) : undefined,
      environment: parseEnvironment(typeof variables === 'string' ? variables : ''),
      failure: variables instanceof HostError ? variables.message : undefined,
    }
  }
  return user.atOnce(() => new Map(services.map((service) => [service, chosen(service)])))
}

/**
 * Builds the slots of a container that boots: all of them are written, then given their supervision folders and put in place at once, so that fifty
 * take hardly longer than one. A slot that is there already is brought up to date in place. One that fails is left out, and the others are
 * made all the same. `account`: that of all of them.
 */
export async function buildSlots(host: Host, scan: string, account: Account, slots: readonly BootSlot[]): Promise<BuiltSlots> {
  const failures: BootFailures = new Map()
  const door = slotDoor(host, slotsAccount(host, scan, account))
  const old = await takeOver(host, scan, account, slots, failures)
  const left = () => slots.filter((slot) => !failures.has(slot))
  const staging = path.join(scan, BOOT_STAGING)
  const folderOf = (slot: BootSlot) => (old.has(slot) ? slotPaths(scan, slot.service).slot : path.join(staging, slot.service.name))
  // What a boot that was killed left would be in the way.
  if (door.lstat(staging) !== undefined) await door.run(['rm', '-rf', '--', staging], {env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS})
  door.makeFolder(staging, 0o700)

  const kept: DefinitionFile[] = []
  for (const slot of left()) {
    try {
      kept.push(...(await writeSlot({host, door}, slot, slotPaths(scan, slot.service), folderOf(slot), !old.has(slot))))
    } catch (error) {
      failures.set(slot, whyFailed(error))
    }
  }
  keepSettings(host, account, kept)
  const owner = `${account.uid}:${account.gid}`
  await forAll(door, left(), (some) => slotProgram(host, 'skeleton', owner, ...some.map(folderOf)), failures)
  // rename(2) within one file system is atomic, and fails where something is in the way. Those of the first call are gone from the second.
  const publish = (some: readonly BootSlot[]) =>
    some.length === 1
      ? slotProgram(host, 'publish', ...some.flatMap((slot) => [folderOf(slot), slotPaths(scan, slot.service).slot]))
      : ['mv', '--', ...some.map(folderOf), `${scan}/`]
  const fresh = left().filter((slot) => !old.has(slot))
  await forAll(door, fresh, publish, failures)
  door.removeFolder(staging)
  for (const [slot, why] of failures) failures.set(slot, withLacking(host, why))
  return {done: left(), old, failures}
}

/**
 * Those that are there already. One that is not root's alone, in a scan directory of root's, is taken back from its user; if that user has been at
 * its supervisor's own files it goes, and a new one takes its place.
 */
async function takeOver(
  host: Host,
  scan: string,
  account: Account,
  slots: readonly BootSlot[],
  failures: BootFailures,
): Promise<Set<BootSlot>> {
  const old = new Set(slots.filter((slot) => isSlotThere(host, scan, slot.service)))
  if (host.account.uid !== 0 || slotsAccount(host, scan, account)) return old
  for (const slot of old) {
    const place = slotPaths(scan, slot.service).slot
    if (host.lstat(place)?.kind === 'file' || isClosed(host, place)) continue
    try {
      if (takeBack(host, place)) continue
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      failures.set(slot, error.message)
      continue
    }
    const argv = slotProgram(host, 'remove', scan, slot.service.name)
    const result = await host.run(argv, {env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS})
    if (result.code !== 0) failures.set(slot, result.failure ?? (result.stderr.trim() || `exit ${result.code}`))
    old.delete(slot)
  }
  return old
}

/** Notes in a slot that a gateway elsewhere holds the lock of its home: what can be seen from here would not tell why the own one does not come up. */
export function noteContested(host: Host, scan: string, {service}: BootSlot): void {
  try {
    slotDoor(host, slotsAccount(host, scan, service.account)).writeAtomic(slotPaths(scan, service).bootContested, '', 0o644)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
}

/**
 * Has s6 take up what was built. New slots are let go when all have their supervisors: gateways that start leave little time to s6-svscan. One that
 * was there is told. Returns those that could not be.
 */
export async function takeUpSlots(host: Host, scan: string, {done, old}: BuiltSlots): Promise<ReadonlyMap<BootSlot, string>> {
  const failures: BootFailures = new Map()
  const [first] = done
  if (!first) return failures
  const door = slotDoor(host, slotsAccount(host, scan, first.service.account))
  const run = (argv: readonly string[], timeoutMs = CHANGE_TIMEOUT_MS) => door.run(argv, {env: S6_ENVIRONMENT, timeoutMs})
  const slotOf = ({service}: BootSlot) => slotPaths(scan, service).slot
  const isHeard = (await run(['s6-svscanctl', '-a', scan])).code === 0
  const fresh = done.filter((slot) => !old.has(slot) && slot.wanted === 'running').map(slotOf)
  // At the very first of a boot s6-svscan does not listen yet, and takes up by itself what is there when it does.
  if (isHeard && fresh.length > 0) await run(slotProgram(host, 'supervised', ...fresh), SUPERVISED_TIMEOUT_MS)
  for (const slot of fresh) door.removeFile(path.join(slot, 'down'))
  if (fresh.length > 0) await run(slotProgram(host, 'release', ...fresh))
  const told = done.filter((slot) => old.has(slot))
  const argvFor = (some: readonly BootSlot[]) =>
    slotProgram(host, 'set-all', ...some.flatMap((slot) => [slot.wanted === 'running' ? '-u' : '-d', slotOf(slot)]))
  await forAll(door, told, argvFor, failures)
  return failures
}

/** Writes a slot's own files into a folder, and makes its memory. A new one is down until it is let go. Returns those that an install would leave in the home too. */
async function writeSlot(
  {host, door}: {readonly host: Host; readonly door: Door},
  slot: BootSlot,
  paths: SlotPaths,
  folder: string,
  isNew: boolean,
): Promise<DefinitionFile[]> {
  const files = await renderDefinition(host, paths, slot.service, slot.settings, slot.environment)
  for (const name of ['', 'log', 'helpers']) door.makeFolder(path.join(folder, name), 0o755)
  for (const {path: file, text, mode} of files.filter((one) => one.as === undefined)) {
    door.writeAtomic(folder + file.slice(paths.slot.length), text, mode)
  }
  door.writeAtomic(path.join(folder, path.basename(paths.bootReason)), `${slot.reason}\n`, 0o644)
  const finding = path.join(folder, path.basename(paths.bootFinding))
  if (slot.isFinding) door.writeAtomic(finding, '', 0o644)
  else door.removeFile(finding)
  const down = path.join(folder, path.basename(paths.down))
  door.removeFile(path.join(folder, path.basename(paths.bootContested)))
  if (isNew || slot.wanted === 'stopped') door.writeAtomic(down, '', 0o644)
  else door.removeFile(down)
  if (slot.wanted === 'running') makeMemory(host, paths, slot.service.account)
  return files.filter(({as, secret}) => as && !secret)
}

/** Its run script would make it too, at the cost of four processes. One that stays down gets none: it tells that the gateway ran here. */
function makeMemory(host: Host, {memory, memoryParent}: SlotPaths, account: Account): void {
  try {
    host.makeFolder(memoryParent, 0o755)
    if (host.makeFolder(memory, 0o700) && host.account.uid === 0) host.setOwner(memory, account, memoryParent)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    // One of root's would be of no use to its user, and in the way.
    host.removeFolder(memory)
  }
}

/** A home that cannot be written to is no reason to keep its gateway down: `diff` shows what is missing. */
function keepSettings(host: Host, account: Account, files: readonly DefinitionFile[]): void {
  const user = accountDoor(host, account)
  user.atOnce(() => {
    for (const {path: file, text, mode} of files) {
      try {
        if (user.lstat(file)?.kind === 'file' && user.readText(file) === text) continue
        user.makeFolder(path.dirname(file), 0o700)
        user.writeAtomic(file, text, mode)
      } catch (error) {
        if (!(error instanceof HostError)) throw error
      }
    }
  })
}

/** One call for all; where that fails, one for each, so that only those fail that must. */
async function forAll(
  door: Door,
  slots: readonly BootSlot[],
  argvFor: (some: readonly BootSlot[]) => string[],
  failures: BootFailures,
): Promise<void> {
  if (slots.length === 0) return
  const run = (some: readonly BootSlot[]) => door.run(argvFor(some), {env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS})
  if ((await run(slots)).code === 0) return
  for (const slot of slots) {
    const result = await run([slot])
    if (result.code !== 0) failures.set(slot, result.failure ?? (result.stderr.trim() || `exit ${result.code}`))
  }
}
