import type {ProcessInfo} from '../gateway/process-info.js'
import type {ManagerObservation} from '../managers/manager.js'

/**
 * Whether a process is one of a service's own: its main process, one of its control group, or, under a manager without control groups, one
 * that the process which the manager runs has started, directly or not. `ancestors`: asked only then. Undefined if it cannot be told.
 */
export function isOfService(
  {mainPid, launcherPid, controlGroup}: Pick<ManagerObservation, 'mainPid' | 'launcherPid' | 'controlGroup'>,
  {pid, cgroup}: Pick<ProcessInfo, 'pid' | 'cgroup'>,
  ancestors: () => readonly number[],
): boolean | undefined {
  if (pid === mainPid) return true
  if (launcherPid !== undefined) return pid === launcherPid || ancestors().includes(launcherPid)
  // A service without a control group has no processes.
  if (controlGroup === undefined) return false
  return cgroup === undefined ? undefined : cgroup === controlGroup || cgroup.startsWith(`${controlGroup}/`)
}
