import type {DesiredState} from '../gateway/contract.js'
import type {DirectiveDrift, ManagerObservation} from '../managers/manager.js'
import type {Decision} from './install-decide.js'

// What has to be done to the services of a machine so that they are as a document declares them. Nothing here reads or writes.

/** What is done to one service. `change`: its definition, or who is told; `restart`: because of that. */
export type Act = 'install' | 'change' | 'start' | 'restart' | 'stop' | 'uninstall'

/** A setting, a variable or who is told, that is not as it is declared. Null: it is not shown, or there was none. */
export interface Difference {
  readonly name: string
  readonly from: string | null
  readonly to: string | null
}

/** What somebody has changed by hand of a definition. */
export type Drift =
  /** A file of ours. `isKept`: it stays as it is. */
  | {readonly kind: 'edited'; readonly path: string; readonly isKept: boolean}
  /** A directive of ours that a file of somebody else's gives another value. That file is theirs, and stays. */
  | ({readonly kind: 'overridden'} & DirectiveDrift)

/** What is seen of a declared service, with what an installation of what is declared would change. */
export interface DeclaredFacts {
  readonly installed: ManagerObservation['installed']
  readonly activity: ManagerObservation['activity']
  readonly enabled: boolean | undefined
  /** What was asked for before; undefined if nothing was, or that cannot be read. */
  readonly desired: DesiredState | undefined
  readonly decision: Pick<Decision, 'start' | 'restart' | 'changed' | 'stale'>
  /** An installation would do something. */
  readonly hasSteps: boolean
  readonly differing: readonly Difference[]
  readonly drift: readonly Drift[]
}

/** A service that the document declares. */
export interface Declared<Key> {
  readonly key: Key
  readonly state: DesiredState
  /** `in-the-way`: its home has a service of another scope, and cannot have two; undefined: it could not be looked at. */
  readonly facts: DeclaredFacts | 'in-the-way' | undefined
}

export interface Planned<Key> {
  readonly key: Key
  readonly isDeclared: boolean
  /** In the order in which they are done; none where it is as declared, and where it could not be looked at. */
  readonly acts: readonly Act[]
  readonly differing: readonly Difference[]
  readonly drift: readonly Drift[]
}

/**
 * What is done to each service: to those that are declared, in their order, and to those that are installed and not declared (`others`): with `prune` they
 * are uninstalled. As long as a declared one cannot be looked at, none is: it may be that one. Pure.
 */
export function planMachine<Key>(
  declared: readonly Declared<Key>[],
  others: readonly Key[],
  {prune}: {readonly prune: boolean},
): Planned<Key>[] {
  const isWholeSeen = declared.every(({facts}) => facts !== undefined)
  return [
    ...declared.map(({key, state, facts}) => ({
      ...{key, isDeclared: true, differing: [], drift: []},
      ...(typeof facts === 'object'
        ? {acts: actsFor(state, facts), differing: facts.differing, drift: facts.drift}
        : {acts: facts === 'in-the-way' && prune && isWholeSeen ? (['install'] as const) : []}),
    })),
    ...others.map((key) => ({
      ...{key, isDeclared: false, acts: prune && isWholeSeen ? (['uninstall'] as const) : [], differing: [], drift: []},
    })),
  ]
}

/** What is done to one service. Pure. */
export function actsFor(state: DesiredState, facts: DeclaredFacts): Act[] {
  const {installed, activity, enabled, desired, decision, hasSteps, differing} = facts
  if (installed === 'no' || installed === 'foreign')
    return state === 'stopped' && activity !== 'stopped' ? ['stop', 'install'] : ['install']
  const isChanged = differing.length > 0 || decision.changed.length > 0 || decision.stale.length > 0
  if (state === 'stopped') {
    const isStopped = activity === 'stopped' && enabled !== true && desired === 'stopped'
    return [...(isStopped ? [] : (['stop'] as const)), ...(isChanged || (isStopped && hasSteps) ? (['change'] as const) : [])]
  }
  const moves: Act[] = [...(decision.start ? (['start'] as const) : []), ...(decision.restart ? (['restart'] as const) : [])]
  // What is none of these is a smaller matter: that it is enabled, the heartbeat, a record.
  return isChanged || (hasSteps && moves.length === 0) ? ['change', ...moves] : moves
}
