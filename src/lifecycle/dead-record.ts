import {lookAtHome} from '../observe/look.js'
import {HomeFile} from '../gateway/contract.js'
import {isInnerNamespace} from '../gateway/pid-namespace.js'
import {lockFile, pidFile} from '../gateway/records.js'
import {type GatewayObservation, type Identity, identify, recordOf} from '../gateway/observation.js'
import {type Doors, type HeldLock, HostError} from '../host/host.js'

/** What was seen of a home. `hold`: nobody lives there, and until it is let go nobody comes; undefined if somebody does, or may. */
interface Alone {
  readonly gateway: GatewayObservation
  /** The gateway that lives there, where it can be seen. */
  readonly pid: number | undefined
  readonly evidence: readonly string[]
  readonly hold: HeldLock | undefined
}

/** Of a home in which /proc/locks shows all that is held. */
export const NOTHING_HELD: HeldLock = {release: () => Promise.resolve()}

/**
 * Looks whether no gateway lives in a home, so that its files may be changed; `mayBe` accepts more than a verdict of dead. In an inner PID namespace
 * /proc/locks leaves out what other ones hold, so there the lock itself is held.
 */
export async function findAlone(doors: Doors, home: string, mayBe: (gateway: GatewayObservation) => boolean = () => false): Promise<Alone> {
  const {host, userHost} = doors
  const {gateway, verdict} = lookAtHome(doors, home, true)
  const {state, evidence, pid} = verdict
  if (state !== 'dead' && !mayBe(gateway)) return {gateway, pid, evidence, hold: undefined}
  if (!isInnerNamespace(host) || userHost.stat(lockFile(home)) === undefined) return {gateway, pid: undefined, evidence, hold: NOTHING_HELD}
  const hold = await userHost.lock(lockFile(home))
  return {
    gateway,
    pid: undefined,
    evidence: hold ? evidence : [`${HomeFile.lock} is held by a process that cannot be seen from here`],
    hold,
  }
}

const WORDS: Readonly<Record<Exclude<Identity, 'gateway'>, string>> = {
  gone: 'is gone',
  zombie: 'is a zombie',
  recycled: 'is a later one',
  'other-home': "is another home's gateway",
  'other-program': 'is no gateway',
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
    if (!hold) return `${HomeFile.pid} stays as it is: ${evidence[0] ?? 'it cannot be told whether its gateway runs'}`
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
