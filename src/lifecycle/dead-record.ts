import {HomeFile} from '../gateway/contract.js'
import {isInnerNamespace} from '../gateway/pid-namespace.js'
import {lockFile, pidFile} from '../gateway/records.js'
import {type Identity, identify, judge, observeGateway, recordOf} from '../gateway/verdict.js'
import {type Doors, HostError} from '../host/host.js'

const WORDS: Readonly<Record<Exclude<Identity, 'gateway'>, string>> = {
  gone: 'is gone',
  zombie: 'is a zombie',
  recycled: 'is a later one',
  'other-home': "is another home's gateway",
  'other-program': 'is no gateway',
}

/**
 * Removes gateway.pid if its gateway is dead, so that a crash never costs a start. What was found is one line for people; undefined where there was
 * no record. Only what was judged is removed, and never throws: a record that stays is the gateway's own to refuse.
 */
export async function clearDeadRecord(doors: Doors, home: string): Promise<string | undefined> {
  const {userHost} = doors
  try {
    if (userHost.lstat(pidFile(home)) === undefined) return undefined
    const judged = userHost.readText(pidFile(home))
    const doubt = await whileAlone(doors, home, () => {
      if (userHost.readText(pidFile(home)) === judged) userHost.removeFile(pidFile(home))
    })
    if (doubt.kind === 'done') return `${HomeFile.pid} was cleared: ${doubt.why}`
    return `${HomeFile.pid} stays as it is: ${doubt.why}`
  } catch (error) {
    if (error instanceof HostError) return `${HomeFile.pid} stays as it is: ${error.message}`
    throw error
  }
}

/** Does something where no gateway of the home lives. In an inner PID namespace /proc/locks leaves out others' locks, so the lock is held meanwhile. */
async function whileAlone(doors: Doors, home: string, work: () => void): Promise<{kind: 'done' | 'doubt'; why: string}> {
  const {host, userHost} = doors
  const gateway = observeGateway(doors, home, undefined, true)
  const {state, evidence} = judge(gateway)
  if (state !== 'dead') return {kind: 'doubt', why: evidence[0] ?? 'it cannot be told whether its gateway runs'}
  const isToBeHeld = isInnerNamespace(host) && gateway.lock.kind !== 'absent'
  const held = isToBeHeld ? await userHost.lock(lockFile(home)) : undefined
  if (isToBeHeld && !held) return {kind: 'doubt', why: `${HomeFile.lock} is held by a process that cannot be seen from here`}
  try {
    work()
  } finally {
    await held?.release()
  }
  const record = recordOf(gateway.pidRecord)
  const what = record && identify(record, gateway.processes.get(record.pid), home)
  const isKnown = what !== undefined && what !== 'gateway'
  return {kind: 'done', why: isKnown ? `process ${record?.pid} ${WORDS[what]}` : `it names no process, and ${HomeFile.lock} is free`}
}
