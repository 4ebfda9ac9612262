import {readDrain, stopTimeoutSec} from '../gateway/drain.js'
import type {Target} from '../observe/where.js'

/** What a manager needs on top of the gateway's own time to end it by force. */
const MANAGER_MARGIN_MS = 15_000
const START_MS = 60_000

/** How long a stop may take: the gateway's own drain, then the manager's kill. */
export async function stopBudgetMs(target: Target): Promise<number> {
  return stopTimeoutSec(await readDrain(target.userHost, target.service.profile.home)) * 1000 + MANAGER_MARGIN_MS
}

/** How long a restart may take: a stop and a start. */
export async function restartBudgetMs(target: Target): Promise<number> {
  return (await stopBudgetMs(target)) + START_MS
}
