import path from 'node:path'
import {usageError} from '../errors.js'
import {type Host, HostError} from '../host/host.js'

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
  const standardRoot = resolved(host, path.join(accountHome, '.hermes'))
  const {name, home, root} = locate(host, cleaned(named ?? standardRoot), standardRoot)
  if (selection.profile === undefined) {
    const told = `${named === undefined ? '~/.hermes' : flag} ${JSON.stringify(home)}: ${JSON.stringify(name)}`
    requireProfileName(name, told)
    if (name === DEFAULT_PROFILE && home !== root) throw usageError(`${told} is the name of the root home, ${root}, and of no other`)
    return {name, home, root}
  }
  requireProfileName(selection.profile, `--profile ${JSON.stringify(selection.profile)}`)
  if (selection.profile === DEFAULT_PROFILE) return {name: DEFAULT_PROFILE, home: root, root}
  return {name: selection.profile, home: resolved(host, path.join(root, 'profiles', selection.profile)), root}
}

/** Throws a usage error if the name is not one that upstream takes; `told` says which flag it comes from. */
function requireProfileName(name: string, told: string): void {
  if (PROFILE_NAME.test(name)) return
  throw usageError(`${told} is no profile name: lower-case letters, digits, "-" and "_", 64 at most, a letter or digit first`)
}

/** Profiles below a root that have a home: `default` first, the others in name order. */
export function listProfiles(host: Host, root: string): Profile[] {
  const folder = path.join(root, 'profiles')
  const isProfile = (name: string) =>
    PROFILE_NAME.test(name) && name !== DEFAULT_PROFILE && host.stat(path.join(folder, name))?.kind === 'folder'
  const names = (host.list(folder) ?? []).filter(isProfile).sort((a, b) => (a < b ? -1 : 1))
  const named = names.map((name) => ({name, home: resolved(host, path.join(folder, name)), root}))
  return [{name: DEFAULT_PROFILE, home: root, root}, ...named]
}

function cleaned(folder: string): string {
  const normal = path.normalize(folder)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

function resolved(host: Host, folder: string): string {
  const clean = cleaned(folder)
  try {
    return host.realPath(clean) ?? clean
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    // Whoever needs to look into the folder says why it cannot be.
    return clean
  }
}

/**
 * Upstream's rule for the root: `~/.hermes` for that and its profiles; below another folder named `profiles` it is the grandparent; else
 * the home itself. A profile whose folder is a link to elsewhere is known by the path that names it, as it is with `-p`.
 */
function locate(host: Host, named: string, standardRoot: string): Profile {
  const home = resolved(host, named)
  if (home === standardRoot) return {name: DEFAULT_PROFILE, home, root: home}
  for (const place of [named, home]) {
    const [folder, name] = [path.dirname(place), path.basename(place)]
    const root = resolved(host, path.dirname(folder))
    if (path.basename(folder) === 'profiles' && (root === standardRoot || PROFILE_NAME.test(name))) return {name, home, root}
  }
  return {name: DEFAULT_PROFILE, home, root: home}
}
