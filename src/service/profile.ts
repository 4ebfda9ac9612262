import path from 'node:path'
import {type ServiceError, usageError} from '../errors.js'
import type {Host} from '../host/host.js'

/** Upstream's own rule for profile names. */
const PROFILE_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/

/** The name of the profile that is the root home itself. */
export const DEFAULT_PROFILE = 'default'

/** One profile: a name and its home directory. `default` is the root home, others are `<root>/profiles/<name>`. */
export interface Profile {
  readonly name: string
  /** Absolute home directory, links resolved if it exists. */
  readonly home: string
  /** The root home that holds the profiles. */
  readonly root: string
}

/** What names a profile on the command line and in the environment. */
export interface ProfileSelection {
  /** `--profile` */
  readonly profile?: string | undefined
  /** `--home` */
  readonly home?: string | undefined
  /** HERMES_HOME of the caller; ignored if it is blank. */
  readonly environmentHome?: string | undefined
}

/**
 * Finds the profile that a selection means for a user whose home directory is `accountHome`.
 * `--home` (else HERMES_HOME, else `~/.hermes`) names the root home or a profile's; `-p` picks the profile below the root.
 * Throws a usage error for a bad name or a home that is not absolute.
 */
export function resolveProfile(host: Host, accountHome: string, selection: ProfileSelection): Profile {
  const named = selection.home ?? (selection.environmentHome?.trim() || undefined)
  const flag = selection.home === undefined ? 'HERMES_HOME' : '--home'
  if (named !== undefined && !path.isAbsolute(named)) throw usageError(`${flag} must be an absolute path, not ${JSON.stringify(named)}`)
  const standardRoot = path.join(accountHome, '.hermes')
  const home = resolved(host, named ?? standardRoot)
  const root = rootOf(home, resolved(host, standardRoot))
  if (selection.profile === undefined) return {name: profileNameOf(home, root), home, root}
  const refused = refusedProfileName(selection.profile)
  if (refused) throw refused
  if (selection.profile === DEFAULT_PROFILE) return {name: DEFAULT_PROFILE, home: root, root}
  return {name: selection.profile, home: resolved(host, path.join(root, 'profiles', selection.profile)), root}
}

/** A usage error if the name is not one that upstream takes; undefined if it is fine. */
function refusedProfileName(name: string): ServiceError | undefined {
  if (PROFILE_NAME.test(name)) return undefined
  return usageError(
    `--profile ${JSON.stringify(name)} is no profile name: lower-case letters, digits, "-" and "_", 64 at most, beginning with a letter or digit`,
  )
}

/** Profiles below a root that have a home: `default` first, the others in name order. */
export function listProfiles(host: Host, root: string): Profile[] {
  const names = (host.list(path.join(root, 'profiles')) ?? []).filter((name) => PROFILE_NAME.test(name) && name !== DEFAULT_PROFILE)
  names.sort((a, b) => (a < b ? -1 : 1))
  const named = names.map((name) => ({name, home: resolved(host, path.join(root, 'profiles', name)), root}))
  return [{name: DEFAULT_PROFILE, home: root, root}, ...named]
}

function resolved(host: Host, folder: string): string {
  const normal = path.normalize(folder)
  const clean = normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
  return host.realPath(clean) ?? clean
}

/** Upstream's rule: below `~/.hermes` the root is that; below a folder named `profiles` it is the grandparent; else the home itself. */
function rootOf(home: string, standardRoot: string): string {
  if (home === standardRoot || path.dirname(home) === path.join(standardRoot, 'profiles')) return standardRoot
  if (path.basename(path.dirname(home)) === 'profiles' && PROFILE_NAME.test(path.basename(home))) return path.dirname(path.dirname(home))
  return home
}

function profileNameOf(home: string, root: string): string {
  return home === root ? DEFAULT_PROFILE : path.basename(home)
}
