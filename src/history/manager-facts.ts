import type {ManagerFact} from '../managers/manager.js'
import {OOM_RESULT} from '../service/end-line.js'
import type {EndFact, Fact} from './facts.js'

/** What a manager makes of an end it says within so long. */
const RESULT_MS = 10_000
/** The manager hears of what the kernel has killed before it hears of the end that came of it, and of both within so long. */
const OOM_MS = 2000
/** SERVICE_RESULT of systemd.exec(5) where nothing went wrong. */
const SUCCESS = 'success'

/** What a manager has noted, oldest first, as facts: what it makes of an end is part of that. Pure. */
export function managerFacts(noted: readonly ManagerFact[]): Fact[] {
  const facts: Fact[] = []
  /** The end that the next result is about. */
  let last: number | undefined
  // Of what was before its oldest note nothing is known.
  let isUp: boolean | undefined
  let oomMs = -Infinity
  for (const one of noted) {
    if (one.kind === 'started') {
      facts.push({kind: 'start', atMs: one.atMs, witness: 'manager'})
      ;[last, isUp] = [undefined, true]
    } else if (one.kind === 'oom-kill') {
      oomMs = one.atMs
    } else if (one.kind === 'stopping') facts.push(one)
    else if (one.kind === 'ended') {
      ;[last, isUp] = [facts.length, false]
      const isOom = one.how === 'killed' && one.status === 'KILL' && one.atMs - oomMs <= OOM_MS
      facts.push({
        kind: 'end',
        atMs: one.atMs,
        witness: 'manager',
        how: one.how,
        status: one.status,
        ...(isOom ? {result: OOM_RESULT} : {}),
      })
    } else {
      const end = last === undefined ? undefined : facts[last]
      if (last !== undefined && end?.kind === 'end' && one.atMs - end.atMs <= RESULT_MS)
        facts[last] = {...end, result: end.result ?? one.result}
      else if (one.result !== SUCCESS || isUp !== false) facts.push(endBy(one.atMs, one.result, isUp))
      isUp = false
    }
  }
  return facts
}

/** It does not say with which status a process ended well; where none was there, it is a start that failed. */
function endBy(atMs: number, result: string, isUp: boolean | undefined): EndFact {
  const how = result === SUCCESS ? ('exited' as const) : isUp === false ? ('' as const) : undefined
  return {kind: 'end', atMs, witness: 'manager', how, result}
}
