import {ownerDoor} from '../host/account-door.js'
import type {Step} from '../plan/plan.js'
import type {Target} from '../observe/where.js'

/** Notes that the gateway does not run on its definition yet, so that a restart that was cut off is made good (doctor: interrupted-change). */
export function markDue({manager, service}: Target): Step {
  const path = manager.placement.placesOf(service).restartDue
  return {
    kind: 'write-file',
    why: 'record that the service needs a restart',
    path,
    text: '',
    mode: 0o644,
    as: manager.placement.owner(service),
  }
}

/** The other way round: whoever starts the gateway anew has done what was due. */
export function restartIsDone({manager, service}: Target): Step {
  return {
    kind: 'remove-file',
    why: 'remove the record that the service needs a restart',
    path: manager.placement.placesOf(service).restartDue,
    as: manager.placement.owner(service),
  }
}

/** `restartIsDone`, if one was due. */
export function restartIsDoneIfDue(target: Target): Step[] {
  return ownerDoor(target.host, target.manager.placement.owner(target.service)).lstat(
    target.manager.placement.placesOf(target.service).restartDue,
  ) === undefined
    ? []
    : [restartIsDone(target)]
}
