import path from 'node:path'
import {STANDARD_ROOT, DEFAULT_PROFILE} from '../gateway/contract.js'
import type {Profile} from './profile.js'

/** How the name of everything of our own that stands beside gateways' services begins: no profile's name can collide with it. */
export const OWN_PREFIX = 'hermes-svc-'

/** The name that upstream once gave its service; `hermes gateway migrate-legacy` removes it. */
export const LEGACY_NAME = 'hermes.service'

/**
 * What tells a profile's service from others in a manager's name for it, upstream's own rule: empty for `~/.hermes`, the profile's
 * name below it, else the first 8 hex digits of the sha256 of the resolved home. `accountHome`: home directory of the service's user.
 */
export function serviceSuffix(profile: Profile, accountHome: string, realPath: (path: string) => string | undefined): string {
  const standardRoot = path.join(accountHome, STANDARD_ROOT)
  const root = realPath(standardRoot) ?? standardRoot
  if (profile.root === root) return profile.name === DEFAULT_PROFILE ? '' : profile.name
  // Loaded only here: it costs start-up time, and the usual home needs no hash.
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(profile.home).digest('hex').slice(0, 8)
}
