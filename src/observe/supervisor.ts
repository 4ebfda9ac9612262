import type {ProcessInfo} from '../gateway/process-info.js'
import {ancestorsOf} from '../gateway/process.js'
import type {Supervisor} from '../managers/manager.js'
import {readRun} from '../service/run-record.js'
import type {Target} from './where.js'

/** Who beside a target's own service would start a gateway of its home again if it ended: another service, or a `hermes-svc run`. */
export function supervisorOf(target: Target, process: Pick<ProcessInfo, 'pid' | 'cgroup'>): Supervisor | undefined {
  const {host, manager, service} = target
  const run = manager.installer && readRun(target, service.profile.home)
  if (run && ancestorsOf(host, process.pid).includes(run.pid)) {
    return {name: `hermes-svc run (pid ${run.pid})`, scope: manager.scope, disable: `kill ${run.pid}`}
  }
  return manager.rivals.supervisorOf?.(process, service.account)
}
