import type {Check} from '../check.js'

/**
 * Check id to the module that exports it: one line a check, in the order in which they are shown and in which `doctor --fix` works: first
 * what keeps others from being seen or cured.
 */
export const checkModules: Readonly<Record<string, () => Promise<{check: Check}>>> = {
  'not-enabled': () => import('./not-enabled.js'),
}

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
