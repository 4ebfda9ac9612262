import type {Check} from '../check.js'
import * as managers from './managers.js'

/** Check id to the module that exports it, in the order in which they are shown and in which `doctor --fix` works: one line a check. */
const OWN = {
  'interrupted-change': () => import('./interrupted-change.js'),
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
  config: () => import('./config.js'),
  'zombie-pid': () => import('./zombie-pid.js'),
  'fatal-config': () => import('./fatal-config.js'),
  'kept-down': () => import('./kept-down.js'),
  memory: () => import('./memory.js'),
  'crash-loop': () => import('./crash-loop.js'),
  'missing-heartbeat': () => import('./missing-heartbeat.js'),
  'stale-state': () => import('./stale-state.js'),
  'stale-marker': () => import('./stale-marker.js'),
  'stale-token-lock': () => import('./stale-token-lock.js'),
  'leftover-processes': () => import('./leftover-processes.js'),
  'desired-state': () => import('./desired-state.js'),
  platforms: () => import('./platforms.js'),
  'chat-setup': () => import('./chat-setup.js'),
  'not-enabled': () => import('./not-enabled.js'),
  'stale-code': () => import('./stale-code.js'),
  watchdog: () => import('./watchdog.js'),
  notify: () => import('./notify.js'),
  'log-size': () => import('./log-size.js'),
  'not-installed': () => import('./not-installed.js'),
} as const

type Modules = Readonly<Record<string, () => Promise<{check: Check}>>>
type Managers = (typeof managers)[keyof typeof managers]
type KeysOf<T> = T extends unknown ? keyof T : never

/** The id of a check, which is that of its findings and the name of its `fix`: the registries' own words. */
export type CheckId = keyof typeof OWN | KeysOf<Managers['first']> | KeysOf<Managers['last']>

const ofManagers = (group: 'first' | 'last'): Modules =>
  Object.assign({}, ...Object.values(managers).map((checks) => checks[group])) as Modules

/** All checks, those of the managers' folders among them. */
export const checkModules: Modules = {...ofManagers('first'), ...OWN, ...ofManagers('last')}

/** Loads the checks with these ids; all of them without any. */
export function loadChecks(ids: readonly string[] = Object.keys(checkModules)): Promise<Check[]> {
  return Promise.all(
    ids.map(async (id) => {
      const module = await checkModules[id]?.()
      if (!module) throw new Error(`there is no check ${id}`)
      return module.check
    }),
  )
}
