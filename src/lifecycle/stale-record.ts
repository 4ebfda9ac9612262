import {ExitStatus, ServiceError} from '../errors.js'
import {HomeFile, LIVING_STATES, StateField, StateWord, stateWordOf} from '../gateway/contract.js'
import {parseJson} from '../gateway/edit-json.js'
import {type GatewayObservation, identify, type Identity, recordOf, stateOf} from '../gateway/observation.js'
import {isInnerNamespace} from '../gateway/pid-namespace.js'
import {isObject, lockFile, pidFile, stateFile} from '../gateway/records.js'
import {topLevelValue} from '../gateway/state-timestamp.js'
import {type Doors, type HeldLock, HostError, type InPlaceWrite} from '../host/host.js'
import {type Found, lookAtHome} from '../observe/look.js'
import type {Target} from '../observe/where.js'
import type {SharedLock, Step} from '../plan/plan.js'
import {mirrorIntent} from './intent.js'
import {recordedState} from '../service/desired-state.js'

const STOPPED = Buffer.from(JSON.stringify(StateWord.stopped))

/** What the runtime files of a home without a living gateway say that is not so. */
export interface StaleRecords {
  /** What gateway.pid is; undefined if there is none or it is right. */
  readonly pid: {readonly number: number | undefined; readonly what: Exclude<Identity, 'gateway'> | 'damaged'} | undefined
  /** What gateway_state.json claims; undefined if it claims nothing. */
  readonly state: string | undefined
}

/**
 * True for a gateway.pid that nobody has completed, without a lock beside it: it may be about to be written, so it alone proves nothing. One
 * that stays so was left by a gateway that has no lock, and that died in between.
 */
export function isTorn({pidRecord, lock, state, hiddenPids}: GatewayObservation): boolean {
  return pidRecord.kind === 'malformed' && lock.kind === 'absent' && state.kind !== 'unreadable' && hiddenPids.size === 0
}

/** Compares the files with the processes. Only for a home in which no gateway lives. Pure. */
export function staleRecords(gateway: GatewayObservation): StaleRecords {
  const {pidRecord, home, processes} = gateway
  const record = recordOf(pidRecord)
  const what = record && identify(record, processes.get(record.pid), home)
  const state = stateOf(gateway.state)
  return {
    pid:
      pidRecord.kind === 'malformed'
        ? {number: undefined, what: 'damaged'}
        : record && what && what !== 'gateway'
          ? {number: record.pid, what}
          : undefined,
    state: LIVING_STATES.has(state?.gatewayState) ? state?.says : undefined,
  }
}

/**
 * Steps that set the files right: gateway.pid goes, and the state is `stopped`, in place, every other field kept. What the state file alone
 * told of what was wanted is written down in it first. Each step looks again before it is done, and fails if a gateway has come up.
 */
export function releaseSteps({seen, target}: Found): Step[] {
  const {userHost, service} = target
  const {account, profile} = service
  const {home} = profile
  const stale = staleRecords(seen.gateway)
  const state = stateOf(seen.gateway.state)
  const judged = stale.pid && userHost.readText(pidFile(home))
  const desired = recordedState(seen.desired) ?? 'running'
  const steps: (Step | false)[] = [
    stale.state !== undefined &&
      state?.desiredState === undefined && {
        ...mirrorIntent(target, desired, false),
        why: `record in ${HomeFile.state} that the service should be ${desired}`,
        // It looks for itself whether a gateway lives, and would take our own hold of the lock for one.
        under: whileDead(target, false),
      },
    stale.state !== undefined && {
      kind: 'edit-json',
      why: `change the state in ${HomeFile.state} from ${stale.state} to stopped`,
      path: stateFile(home),
      field: StateField.state,
      value: StateWord.stopped,
      as: account,
      under: whileDead(target),
      edit: () => (content) => asStopped(content, state?.process?.pid),
    },
    stale.pid !== undefined && {
      kind: 'remove-file',
      why: `remove ${HomeFile.pid}${stale.pid.number === undefined ? '' : `, which names pid ${stale.pid.number}`}`,
      path: pidFile(home),
      forGood: true,
      as: account,
      under: whileDead(target),
      onlyIf: {when: 'the file has not changed since', holds: () => userHost.readText(pidFile(home)) === judged},
    },
  ]
  return steps.filter((step) => step !== false)
}

/** Held while no gateway lives in the home; throws (exit 1) if one does by now. `isHeld`: as long as the step takes. */
function whileDead({host, userHost, service}: Target, isHeld = true): SharedLock {
  return {
    take: async () => {
      const {evidence, pid, hold} = await findAlone({host, userHost}, service.profile.home, isTorn)
      if (!hold) throw cameUp(service.name, pid, evidence)
      if (isHeld) return hold
      await hold.release()
      return NOTHING_HELD
    },
  }
}

function cameUp(name: string, pid: number | undefined, evidence: readonly string[]): ServiceError {
  const where = pid === undefined ? 'where hermes-svc cannot see it' : `pid ${pid}`
  return new ServiceError(`A gateway of ${name} has started meanwhile (${where}), so hermes-svc did not change its files`, {
    code: 'changed-meanwhile',
    exitStatus: ExitStatus.failed,
    evidence,
    next: ['hermes-svc doctor'],
  })
}

/** The shorter word gets blanks after it, which JSON permits: no other byte moves. Nothing if the file is not what it was. */
function asStopped(content: Buffer, pid: number | undefined): InPlaceWrite | undefined {
  const state = parseJson(content)
  const place = topLevelValue(content, StateField.state)
  if (!isObject(state) || !place || (pid !== undefined && state.pid !== pid)) return undefined
  if (!LIVING_STATES.has(stateWordOf(state.gateway_state))) return undefined
  const width = place.end - place.start
  return width < STOPPED.length ? undefined : {offset: place.start, bytes: Buffer.concat([STOPPED], width).fill(' ', STOPPED.length)}
}

/** What was seen of a home. `hold`: nobody lives there, and until it is let go nobody comes; undefined if somebody does, or may. */
interface Alone {
  readonly gateway: GatewayObservation
  /** The gateway that lives there, where it can be seen. */
  readonly pid: number | undefined
  readonly evidence: readonly string[]
  readonly hold: HeldLock | undefined
}

/** Of a home in which /proc/locks shows all that is held. */
const NOTHING_HELD: HeldLock = {release: () => Promise.resolve()}

/**
 * Looks whether no gateway lives in a home, so that its files may be changed; `mayBe` accepts more than a verdict of dead. In an inner PID namespace
 * /proc/locks leaves out what other ones hold, so there the lock itself is held.
 */
async function findAlone(doors: Doors, home: string, mayBe: (gateway: GatewayObservation) => boolean = () => false): Promise<Alone> {
  const {host, userHost} = doors
  const {gateway, verdict} = lookAtHome(doors, home, true)
  const {state, evidence, pid} = verdict
  if (state !== 'dead' && !mayBe(gateway)) return {gateway, pid, evidence, hold: undefined}
  if (!isInnerNamespace(host) || userHost.stat(lockFile(home)) === undefined) return {gateway, pid: undefined, evidence, hold: NOTHING_HELD}
  const hold = await userHost.lock(lockFile(home))
  return {
    gateway,
    pid: undefined,
    evidence: hold ? evidence : [`${HomeFile.lock} is held by a process that is not visible from here`],
    hold,
  }
}

const WORDS: Readonly<Record<Exclude<Identity, 'gateway'>, string>> = {
  gone: 'is gone',
  zombie: 'is a zombie',
  recycled: 'started later than the record says',
  'other-home': "is another home's gateway",
  'other-program': 'is not a gateway',
}

/**
 * Removes gateway.pid if its gateway is dead, so that a crash never costs a start. Returns what was found, a line for people; undefined where there
 * was no record. Only what was judged is removed. Never throws: a record that stays is the gateway's own to refuse.
 */
export async function clearDeadRecord(doors: Doors, home: string): Promise<string | undefined> {
  const {userHost} = doors
  try {
    if (userHost.lstat(pidFile(home)) === undefined) return undefined
    const judged = userHost.readText(pidFile(home))
    const {gateway, evidence, hold} = await findAlone(doors, home)
    if (!hold) return `${HomeFile.pid} stays as it is: ${evidence[0] ?? 'hermes-svc cannot tell whether its gateway runs'}`
    try {
      if (userHost.readText(pidFile(home)) === judged) userHost.removeFile(pidFile(home))
    } finally {
      await hold.release()
    }
    const record = recordOf(gateway.pidRecord)
    const what = record && identify(record, gateway.processes.get(record.pid), home)
    const why = what && what !== 'gateway' ? `process ${record.pid} ${WORDS[what]}` : `it names no process, and ${HomeFile.lock} is free`
    return `${HomeFile.pid} was cleared: ${why}`
  } catch (error) {
    if (error instanceof HostError) return `${HomeFile.pid} stays as it is: ${error.message}`
    throw error
  }
}
