import {DEFAULT_WEDGE_WINDOW_MS} from '../observe/ask-loop.js'
import type {ProcessInfo} from '../gateway/process-info.js'
import {HomeFile} from '../gateway/contract.js'
import {type AccountHost, type Doors, HostError} from '../host/host.js'
import {proveHome, type SeenGateway} from '../observe/look.js'
import {stateFile} from '../gateway/records.js'
import {planRefresh, type Refresh, type StateOwner} from '../gateway/state-timestamp.js'

/** What a tick came to. */
export type TickResult =
  /** `updated_at` was refreshed; `fresh`: the gateway itself had just written it. */
  | {readonly kind: 'ticked'; readonly pid: number; readonly updatedAt: string; readonly fresh: boolean}
  /** There is no gateway that is proved alive, or none of its own state: nothing was written. `isFault`: it lives, and its file is damaged or lost. */
  | {readonly kind: 'nothing'; readonly why: string; readonly isFault?: true}
  | {readonly kind: 'failed'; readonly why: string}

/** Who has begun to read a state file is done with it after this time. */
const READ_WITHIN_MS = 100
/** The gateway may write in between, and its file has no room again. */
const MOVE_TRIES = 4

export interface Tick extends SeenGateway {
  readonly result: TickResult
}

/**
 * One heartbeat of one home: proves that its gateway is alive, then refreshes `updated_at` of its gateway_state.json, which others read
 * as a sign of life and which an idle gateway leaves alone. What is not proved alive, or not a gateway of this home and user, gets no
 * tick. The gateway's own heartbeat file is never written. `uid`: whom the gateway belongs to; `isFromHere`: see lookAtHome. Never throws for what it finds.
 */
export async function tick(
  hosts: Doors,
  home: string,
  uid: number,
  {windowMs = DEFAULT_WEDGE_WINDOW_MS, isFromHere = false}: {readonly windowMs?: number; readonly isFromHere?: boolean} = {},
): Promise<Tick> {
  const proved = await proveHome(hosts, home, windowMs, isFromHere)
  const {verdict, gateway} = proved
  const nothing = (why: string): Tick => ({...proved, result: {kind: 'nothing', why}})
  if (verdict.state !== 'alive' || verdict.pid === undefined)
    return nothing(`the gateway is ${verdict.state}: ${verdict.evidence[0] ?? 'no evidence'}`)
  const living = gateway.processes.get(verdict.pid)
  if (!living) return nothing(`pid ${verdict.pid} is gone`)
  if (living.uid !== undefined && living.uid !== uid) return nothing(`pid ${verdict.pid} belongs to another user (uid ${living.uid})`)
  try {
    return {...proved, result: await refresh(hosts.userHost, home, living)}
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    if (error.code === 'ELOOP') return nothing(`${HomeFile.state} is a symbolic link`)
    if (error.code === 'EBUSY') return nothing(`another program writes ${HomeFile.state} all the time`)
    return {...proved, result: {kind: 'failed', why: error.message}}
  }
}

async function refresh(host: AccountHost, home: string, living: ProcessInfo): Promise<TickResult> {
  const first = refreshInPlace(host, home, living, false)
  if (first?.kind !== 'too-short') return resultOf(first, living)
  // Every command of ours that changes something holds this lock, so none of them writes by an offset that this moves.
  const lock = await host.lockWithin(home)
  if (!lock) return {kind: 'nothing', why: 'another hermes-svc command is working on this home'}
  try {
    for (let attempt = 0; attempt < MOVE_TRIES; attempt++) {
      const refreshed = refreshInPlace(host, home, living, true)
      if (refreshed?.kind !== 'make-room') return resultOf(refreshed, living)
      await host.sleep(READ_WITHIN_MS)
    }
    return {kind: 'nothing', why: `another program writes ${HomeFile.state} all the time`}
  } finally {
    await lock.release()
  }
}

/** Looks and writes through one descriptor; undefined if there is no state file. */
function refreshInPlace(host: AccountHost, home: string, living: StateOwner, mayMove: boolean): Refresh | undefined {
  let planned: Refresh | undefined
  const isThere = host.editInPlace(stateFile(home), (content) => {
    planned = planRefresh(content, living, host.nowMs(), mayMove)
    return planned.kind === 'write' || planned.kind === 'make-room' ? planned.write : undefined
  })
  return isThere ? planned : undefined
}

function resultOf(refreshed: Refresh | undefined, {pid}: StateOwner): TickResult {
  switch (refreshed?.kind) {
    case 'write':
    case 'fresh':
      return {kind: 'ticked', pid, updatedAt: refreshed.updatedAt, fresh: refreshed.kind === 'fresh'}
    case 'leave':
      return {kind: 'nothing', why: refreshed.why, ...(refreshed.isDamaged ? {isFault: true} : {})}
    case 'make-room':
    case 'too-short':
      return {kind: 'nothing', why: `another command is changing ${HomeFile.state}`}
    case undefined:
      return {kind: 'nothing', why: `${HomeFile.state} does not exist`, isFault: true}
  }
}
