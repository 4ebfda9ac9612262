import {lookAtHome} from '../observe/look.js'
import {HomeFile} from '../gateway/contract.js'
import {isInnerNamespace} from '../gateway/pid-namespace.js'
import {lockFile, pidFile} from '../gateway/records.js'
import {type GatewayObservation, type Identity, identify, recordOf} from '../gateway/observation.js'
import {type Doors, HostError} from '../host/host.js'

/** What was seen of a home: nobody lives there, and the work was done; or somebody does, or may, and it was not. */
export interface Alone {
  readonly isAlone: boolean
  readonly gateway: GatewayObservation
  /** The gateway that came up, where it can be seen. */
  readonly pid: number | undefined
  readonly evidence: readonly string[]
}

/**
 * Does something to the files of a home where no gateway lives; `mayBe` accepts more than a verdict of dead. In an inner PID namespace /proc/locks
 * leaves out what other ones hold, so the lock itself is held meanwhile.
 */
export async function whileAlone(
  doors: Doors,
  home: string,
  work: () => void,
  mayBe: (gateway: GatewayObservation) => boolean = () => false,
): Promise<Alone> {
  const {host, userHost} = doors
  const {gateway, verdict} = lookAtHome(doors, home, true)
  const {state, evidence, pid} = verdict
  if (state !== 'dead' && !mayBe(gateway)) return {isAlone: false, gateway, pid, evidence}
  const isToBeHeld = isInnerNamespace(host) && userHost.stat(lockFile(home)) !== undefined
  const held = isToBeHeld ? await userHost.lock(lockFile(home)) : undefined
  if (isToBeHeld && !held) {
    return {isAlone: false, gateway, pid: undefined, evidence: [`${HomeFile.lock} is held by a process that cannot be seen from here`]}
  }
  try {
    work()
  } finally {
    await held?.release()
  }
  return {isAlone: true, gateway, pid: undefined, evidence}
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
    const {isAlone, gateway, evidence} = await whileAlone(doors, home, () => {
      if (userHost.readText(pidFile(home)) === judged) userHost.removeFile(pidFile(home))
    })
    if (!isAlone) return `${HomeFile.pid} stays as it is: ${evidence[0] ?? 'it cannot be told whether its gateway runs'}`
    const record = recordOf(gateway.pidRecord)
    const what = record && identify(record, gateway.processes.get(record.pid), home)
    const why = what && what !== 'gateway' ? `process ${record.pid} ${WORDS[what]}` : `it names no process, and ${HomeFile.lock} is free`
    return `${HomeFile.pid} was cleared: ${why}`
  } catch (error) {
    if (error instanceof HostError) return `${HomeFile.pid} stays as it is: ${error.message}`
    throw error
  }
}
