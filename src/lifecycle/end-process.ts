import {waitUntil} from '../host/wait-until.js'
import type {ProcessInfo} from '../gateway/process-info.js'
import {ExitStatus, ServiceError} from '../errors.js'
import {hasEnded, readProcess, whatHolds} from '../gateway/process.js'
import type {Progress} from '../plan/plan.js'
import type {Target} from '../observe/where.js'

const TERMINATE_MS = 5000
const KILL_MS = 5000
const LOOK_EVERY_MS = 50

/** SIGTERM, then SIGKILL, to the very process only. Throws `not-ended` (exit 1) for one that is there all the same. */
export async function endProcess({host, userHost}: Target, {pid, startTime}: ProcessInfo, progress: Progress): Promise<void> {
  const isThere = () => {
    const now = readProcess(host, pid)
    return now !== undefined && now.startTime === startTime && !hasEnded(now)
  }
  for (const [signal, limitMs] of [['SIGTERM', TERMINATE_MS] as const, ['SIGKILL', KILL_MS] as const]) {
    if (!isThere()) return
    userHost.signal(pid, signal)
    const onWait = () => progress(`waiting for pid ${pid} to end (${signal})`)
    await waitUntil(host, {limitMs, everyMs: LOOK_EVERY_MS, onWait}, () => !isThere())
  }
  if (!isThere()) return
  throw new ServiceError(`pid ${pid} is still there after SIGKILL`, {
    code: 'not-ended',
    exitStatus: ExitStatus.failed,
    next: [whatHolds(host, pid)],
  })
}
