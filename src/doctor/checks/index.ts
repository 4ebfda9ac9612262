import type {Check} from '../check.js'
import {CHECK_IDS, type CheckId} from './ids.js'

/** Check id to the module that exports it: one line a check, in the order of the ids. */
export const checkModules: Readonly<Record<CheckId, () => Promise<{check: Check}>>> = {
  'user-bus': () => import('../../managers/systemd/checks/user-bus.js'),
  'wrong-domain': () => import('../../managers/launchd/checks/wrong-domain.js'),
  'interrupted-change': () => import('./interrupted-change.js'),
  'plist-permissions': () => import('../../managers/launchd/checks/plist-permissions.js'),
  'log-path': () => import('../../managers/launchd/checks/log-path.js'),
  'penalty-box': () => import('../../managers/launchd/checks/penalty-box.js'),
  'code-signature': () => import('../../managers/launchd/checks/code-signature.js'),
  'disabled-override': () => import('../../managers/launchd/checks/disabled-override.js'),
  'not-loaded': () => import('../../managers/launchd/checks/not-loaded.js'),
  'definition-broken': () => import('./definition-broken.js'),
  'active-profile': () => import('./active-profile.js'),
  outdated: () => import('./outdated.js'),
  'helper-missing': () => import('./helper-missing.js'),
  'definition-drift': () => import('./definition-drift.js'),
  disk: () => import('./disk.js'),
  'file-access': () => import('./file-access.js'),
  'duplicate-supervisor': () => import('./duplicate-supervisor.js'),
  'start-limit': () => import('./start-limit.js'),
  'stop-timeout': () => import('./stop-timeout.js'),
  path: () => import('./path.js'),
  'orphan-gateway': () => import('./orphan-gateway.js'),
  'zombie-pid': () => import('./zombie-pid.js'),
  'fatal-config': () => import('./fatal-config.js'),
  'kept-down': () => import('./kept-down.js'),
  'crash-loop': () => import('./crash-loop.js'),
  'missing-heartbeat': () => import('./missing-heartbeat.js'),
  'stale-state': () => import('./stale-state.js'),
  'stale-marker': () => import('./stale-marker.js'),
  'stale-token-lock': () => import('./stale-token-lock.js'),
  'leftover-processes': () => import('./leftover-processes.js'),
  'desired-state': () => import('./desired-state.js'),
  platforms: () => import('./platforms.js'),
  'not-enabled': () => import('./not-enabled.js'),
  linger: () => import('../../managers/systemd/checks/linger.js'),
  watchdog: () => import('./watchdog.js'),
  logger: () => import('../../managers/s6/checks/logger.js'),
  'log-size': () => import('./log-size.js'),
  'not-installed': () => import('./not-installed.js'),
}

/** Loads the checks with these ids; all of them without any. */
export function loadChecks(ids: readonly string[] = CHECK_IDS): Promise<Check[]> {
  return Promise.all(
    ids.map(async (id) => {
      const modules: Readonly<Record<string, () => Promise<{check: Check}>>> = checkModules
      const module = await modules[id]?.()
      if (!module) throw new Error(`there is no check ${id}`)
      return module.check
    }),
  )
}
