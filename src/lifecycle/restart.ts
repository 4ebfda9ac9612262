import {ServiceError} from '../errors.js'
import {readProcess} from '../gateway/process.js'
import {readProcessRecord, pidFile} from '../gateway/records.js'
import {identify, recordOf} from '../gateway/verdict.js'
import {performSteps} from '../plan/apply.js'
import type {Plan, Step} from '../plan/plan.js'
import {recordIntent} from './intent.js'
import {observe, type Observation} from './observe.js'
import {requireInstalled} from './start.js'
import type {Target} from './target.js'
import {waitUntilUp} from './wait.js'

/** Of the time a restart may take, this much is kept for the manager's own restart, should the gateway not answer. */
const SHARE_FOR_MANAGER = 0.5

/**
 * Plans a restart that ends with a running gateway under a new pid. A gateway that works is asked (SIGUSR1: it finishes its work and ends
 * with 75); one that is wedged or gone, or `force`, is restarted by the manager.
 */
export function planRestart(target: Target, options: {timeoutMs: number; force: boolean}): Plan {
  const seen = observe(target)
  requireInstalled(target, seen)
  const {manager, service} = target
  const previousPid = seen.verdict.pid
  const ask = seen.verdict.state === 'alive' && seen.supervised !== false && !options.force
  const steps: Step[] = [...recordIntent(target, seen, 'running', 'restart'), ...(seen.manager.enabled === false ? manager.enable(service) : [])]
  steps.push(...(ask ? [askToRestart(target, seen)] : manager.restart(service)))
  return {
    title: `restart ${service.name}`,
    steps,
    verify: async (progress) => {
      if (!ask) {
        await waitUntilUp(target, {previousPid, timeoutMs: options.timeoutMs, progress})
        return
      }
      try {
        await waitUntilUp(target, {previousPid, timeoutMs: options.timeoutMs * (1 - SHARE_FOR_MANAGER), progress})
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error
        progress(`the gateway did not restart when asked; ${manager.title} restarts it`)
        await performSteps(target.host, manager.restart(service), progress)
        await waitUntilUp(target, {previousPid, timeoutMs: options.timeoutMs * SHARE_FOR_MANAGER, progress})
      }
    },
    outcome: `${service.name} is running under a new pid`,
  }
}

/** Asks the gateway itself, not a wrapper of it, and only after its identity was checked once more. */
function askToRestart(target: Target, seen: Observation): Step {
  const pid = seen.verdict.pid ?? 0
  return {
    kind: 'act',
    why: `ask the gateway (pid ${pid}) to finish its work and restart (SIGUSR1)`,
    act: () => {
      const {userHost, service} = target
      const record = recordOf(readProcessRecord(userHost, pidFile(service.profile.home)))
      const info = readProcess(target.host, pid)
      const known = seen.gateway.processes.get(pid)
      const isSame = info && known && info.startTime === known.startTime && (record?.pid !== pid || identify(record, info, service.profile.home) === 'gateway')
      if (isSame) userHost.signal(pid, 'SIGUSR1')
      return Promise.resolve()
    },
  }
}
