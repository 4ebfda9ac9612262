import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import {accountDoor} from '../../host/account-door.js'
import type {Account, Host} from '../../host/host.js'
import {type Done, onUndo, type RunStep, type Step} from '../../plan/plan.js'
import type {Service} from '../../service/service.js'
import {makeFolderStep, removeFileStep, removeFolderStep} from '../definition-file.js'
import type {Installer, ManagerObservation} from '../manager.js'
import {orNoAccess} from '../no-access.js'
import {doorTo, isClosed, type S6, slotsAccount, takeBack} from './ownership.js'
import {slotPaths, stagingOf} from './paths.js'
import {changeStep, slotProgram} from './programs.js'

const SCRIPTS = ['run', 'finish', 'log/run']

/** Ends the supervisor of a slot and takes the slot away, with what is left of an earlier attempt. `memory`: goes with it. */
export function removeSlot({host, scan}: Pick<S6, 'host' | 'scan'>, name: string, as: Account | undefined, memory = ''): RunStep {
  return changeStep(`end the supervision of ${name}, and remove its slot`, slotProgram(host, 'remove', scan, name, memory), as)
}

/** Takes a slot back to root before anything is written there. What was the user's is not given back by an undo. */
function takeBackStep(host: Host, slot: string): Step {
  const tampered = (what: string) =>
    new ServiceError(what, {code: 'slot-tampered', exitStatus: ExitStatus.failed, next: ['hermes-svc boot   # replaces the slot']})
  const act = async (): Promise<Done> => {
    // Those would be taken away, and are not all written anew.
    const theirs = SCRIPTS.map((name) => path.join(slot, name)).find((file) => (host.lstat(file)?.uid ?? 0) !== 0)
    if (theirs !== undefined) throw tampered(`${theirs} does not belong to root, so its user may have changed what it does`)
    if (!takeBack(host, slot)) throw tampered(`something other than s6 has changed ${slot}/supervise`)
    return {changed: true, what: slot}
  }
  return {kind: 'act', why: `make root the only account that can change ${slot}`, act}
}

/**
 * Moves steps that make a slot's files to the place beside it where a new one is built, and has it renamed in when all of it is there, so
 * that s6-svscan never sees half of one. It is `down` until it is started. Steps about other places come first. `as`: whose the slot will be.
 */
function buildBeside({host, scan}: S6, name: string, steps: readonly Step[], account: Account, as: Account | undefined): Step[] {
  const slot = `${scan}/${name}`
  const staging = stagingOf(scan, name)
  const isInside = (place: string) => place === slot || place.startsWith(`${slot}/`)
  const inside = steps.filter((step) => 'path' in step && isInside(step.path))
  const moved = inside.map((step): Step => {
    if (!('path' in step)) return step
    const place = staging + step.path.slice(slot.length)
    return {...step, path: place, why: step.why.replace(step.path, place)}
  })
  return [
    ...steps.filter((step) => !inside.includes(step)),
    ...onUndo([removeSlot({host, scan}, name, as)]),
    ...moved,
    {kind: 'write-file', why: 'keep the service stopped until hermes-svc starts it', path: `${staging}/down`, text: '', mode: 0o644, as},
    changeStep(`let ${account.name} control the service`, slotProgram(host, 'skeleton', `${account.uid}:${account.gid}`, staging), as),
    changeStep(`move the new slot to ${slot}`, slotProgram(host, 'publish', staging, slot), as),
  ]
}

/** See Installer. */
export function installer(s6: S6): Installer {
  const {host, scan} = s6
  const paths = (service: Service) => slotPaths(scan, service)
  const owner = ({account}: Service) => slotsAccount(host, scan, account)
  return {
    folderSteps: (service) => {
      const {slot, support, helpers} = paths(service)
      const folders = [slot, path.join(slot, 'log'), helpers]
      return [makeFolderStep(support, service.account, 0o700), ...folders.map((folder) => makeFolderStep(folder, owner(service)))]
    },
    staged: (service, steps) => {
      const {slot, run} = paths(service)
      const isChange = steps.some((step) => 'path' in step && step.path.startsWith(`${slot}/`))
      if (orNoAccess(() => doorTo(s6, service).lstat(run) === undefined))
        return !isChange ? [...steps] : buildBeside(s6, service.name, steps, service.account, owner(service))
      const isOpen = host.account.uid === 0 && !owner(service) && !isClosed(host, slot)
      return isOpen ? [takeBackStep(host, slot), ...steps] : [...steps]
    },
    reload: () => [changeStep('make s6 look for new slots', ['s6-svscanctl', '-a', scan])],
    leftovers: (service, wanted) => {
      const {helpers} = paths(service)
      const names = orNoAccess(() => doorTo(s6, service).list(helpers) ?? [])
      return names.map((name) => path.join(helpers, name)).filter((file) => !wanted.includes(file))
    },
    removeSteps: (observation) => removeSteps(s6, observation),
    traces: (service) => {
      const {slot, staging, memory, support} = paths(service)
      const user = accountDoor(host, service.account)
      return [slot, staging, memory, support].filter((place) => (place === support ? user : host).lstat(place) !== undefined)
    },
  }
}

function removeSteps(s6: S6, {service, installed}: ManagerObservation): Step[] {
  const {host, scan} = s6
  const {slot, staging, memory, support, settings, environmentFile} = slotPaths(scan, service)
  const owner = slotsAccount(host, scan, service.account)
  const user = accountDoor(host, service.account)
  const isThere = installed === 'own' || [staging, memory].some((place) => host.lstat(place) !== undefined)
  const isOurs = isThere && installed !== 'foreign'
  const files = orNoAccess(() => [environmentFile, settings].filter((file) => user.lstat(file) !== undefined))
  return [
    ...(isOurs ? [removeSlot(s6, path.basename(slot), owner, owner ? '' : memory)] : []),
    ...(isOurs && owner ? [changeStep(`remove ${memory}`, ['rm', '-rf', '--', memory])] : []),
    ...files.map((file) => removeFileStep(file, service.account)),
    ...(orNoAccess(() => user.lstat(support) !== undefined) ? [removeFolderStep(support, service.account)] : []),
  ]
}
