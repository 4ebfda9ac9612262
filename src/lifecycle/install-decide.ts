import type {DesiredState} from '../gateway/contract.js'
import type {DefinitionFile} from '../managers/manager.js'
import type {Observation} from '../observe/look.js'

// What an installation is to change. Nothing here reads or writes.

/** What an installation is decided by. */
export interface InstallFacts {
  readonly seen: Pick<Observation, 'desired'> & {
    readonly manager: Pick<Observation['manager'], 'installed' | 'activity' | 'enabled'>
  }
  /** The definition is another tool's, and stays so. */
  readonly isOthers: boolean
  /** Files of the definition that are not as they should be, and all of the tick's. */
  readonly differing: readonly DefinitionFile[]
  readonly tickFiles: readonly DefinitionFile[]
  /** Files of ours on disk that the definition does not have, and those of ours that hold the gateway's variables. */
  readonly leftovers: readonly string[]
  readonly secrets: readonly string[]
  /** A restart was due before. */
  readonly isDue: boolean
  /** The operator has it stopped until the next boot, and that has not come. */
  readonly isStoppedUntilBoot: boolean
  /** The manager does not run yet, and the installation brings it up. */
  readonly isManagerDown: boolean
}

/** How an installation is to go about it. */
export interface InstallManner {
  /** Replace files of ours that were edited by hand, too. */
  readonly force: boolean
  /** Do not restart a gateway that runs; if its definition changes, that a restart is due is noted. */
  readonly keepRunning?: boolean
  /** What the service is declared to be, which counts as the operator's word of now; undefined: it goes by what was asked for before. */
  readonly desired?: DesiredState | undefined
}

/** What an installation does to files and to the gateway. */
export interface Decision {
  readonly desired: DesiredState
  /** Files that are not as they should be, without those that are kept. */
  readonly changed: readonly DefinitionFile[]
  /** Files that were edited by hand, and stay so. */
  readonly kept: readonly DefinitionFile[]
  /** Files of ours that the definition does not have any more. */
  readonly stale: readonly string[]
  readonly start: boolean
  readonly restart: boolean
  /** A restart is due, and left to later. */
  readonly isPutOff: boolean
  /** It has to be enabled. */
  readonly enable: boolean
  /** It was stopped until the next boot. */
  readonly staysDown: boolean
}

/** Decides what an installation changes. Pure. */
export function decide(facts: InstallFacts, {force, keepRunning = false, desired: declared}: InstallManner): Decision {
  const {seen, differing, tickFiles, leftovers: stale, secrets, isDue, isManagerDown} = facts
  const {activity, enabled, installed} = seen.manager
  const desired = declared ?? desiredAfterInstall(facts)
  const kept = force ? [] : [...differing, ...tickFiles].filter((file) => file.edited)
  const changed = differing.filter((file) => !kept.includes(file))
  const isWaiting = activity === 'waiting'
  const wasUp = activity === 'running' || activity === 'starting' || isWaiting
  // Of what is taken away the gateway has read its variables alone.
  const hasChanged = changed.some((file) => file.needsRestart) || stale.some((file) => secrets.includes(file))
  // A start that waits after failures would go on waiting, and on what it had read before.
  // What is declared to be down is stopped by then.
  const wantsRestart = declared !== 'stopped' && wasUp && (hasChanged || isDue || (isWaiting && desired === 'running'))
  const isPutOff = wantsRestart && !isWaiting && keepRunning
  // A manager that has yet to come up starts it, as a boot does.
  const staysDown = declared === undefined && !isManagerDown && desired === 'running' && activity === 'stopped' && facts.isStoppedUntilBoot
  const start = desired === 'running' && !wasUp && !staysDown
  const enable = desired === 'running' && (enabled === false || installed === 'no')
  return {desired, changed, kept, stale, start, restart: wantsRestart && !isPutOff, isPutOff, enable, staysDown}
}

/** A service that the operator stopped stays stopped, and so does one that is down in good order where it cannot be told who wanted that. */
function desiredAfterInstall({seen: {desired, manager}, isOthers}: InstallFacts): DesiredState {
  if (desired.kind === 'recorded') return desired.record.desiredState
  const mayBeMeant = isOthers || (manager.installed !== 'no' && desired.kind === 'unreadable')
  return mayBeMeant && manager.activity === 'stopped' ? 'stopped' : 'running'
}
