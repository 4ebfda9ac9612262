import path from 'node:path'
import {GatewayVariable, HomeFile, STANDARD_ROOT, DEFAULT_PROFILE} from '../gateway/contract.js'
import {usageError} from '../errors.js'
import {type AccountHost, HostError} from '../host/host.js'

/** Upstream's own rule for profile names. */
export const PROFILE_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/

/** One profile: a name and its home directory. `default` is the root home, others are `<root>/profiles/<name>`. */
export interface Profile {
  readonly name: string
  /** Absolute home directory, links resolved if it exists, with the eyes of the account that it is of. */
  readonly home: string
  /** The home as it was named, where that is another path: a link on the way is the account's to turn. */
  readonly named?: string
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
export function resolveProfile(host: AccountHost, accountHome: string, selection: ProfileSelection): Profile {
  const named = selection.home ?? (selection.environmentHome?.trim() || undefined)
  const flag = selection.home === undefined ? GatewayVariable.home : '--home'
  if (named !== undefined && !path.isAbsolute(named)) throw usageError(`${flag} must be an absolute path, not ${JSON.stringify(named)}`)
  const usualRoot = path.join(accountHome, STANDARD_ROOT)
  const standardRoot = resolved(host, usualRoot)
  const asNamed = cleaned(named ?? usualRoot)
  const {name, home, root} = locate(host, named === undefined ? standardRoot : asNamed, standardRoot)
  if (selection.profile === undefined) {
    const told = `${named === undefined ? '~/.hermes' : flag} ${JSON.stringify(home)}: ${JSON.stringify(name)}`
    requireProfileName(name, told)
    if (name === DEFAULT_PROFILE && home !== root)
      throw usageError(`${told} is the name of the root home, ${root}, and cannot name another home`)
    return profileOf(name, home, root, asNamed)
  }
  requireProfileName(selection.profile, `--profile ${JSON.stringify(selection.profile)}`)
  // The root of a profile's home that was named is not named itself.
  const namedRoot = home === root ? asNamed : root
  if (selection.profile === DEFAULT_PROFILE) return profileOf(DEFAULT_PROFILE, root, root, namedRoot)
  return profileBelow(host, root, selection.profile, namedRoot)
}

function profileOf(name: string, home: string, root: string, named: string): Profile {
  return {name, home, root, ...(named === home ? {} : {named})}
}

function profileBelow(host: AccountHost, root: string, name: string, namedRoot: string): Profile {
  return profileOf(name, resolved(host, path.join(root, HomeFile.profiles, name)), root, path.join(namedRoot, HomeFile.profiles, name))
}

/** Throws a usage error if the name is not one that upstream takes; `told` says which flag it comes from. */
function requireProfileName(name: string, told: string): void {
  if (PROFILE_NAME.test(name)) return
  throw usageError(
    `${told} is not a profile name. Use at most 64 lower-case letters, digits, "-" and "_", and begin with a letter or digit`,
  )
}

/** Profiles below a root that have a home: `default` first, the others in name order. `namedRoot`: the root as it was named. */
export function listProfiles(host: AccountHost, root: string, namedRoot = root): Profile[] {
  const folder = path.join(root, HomeFile.profiles)
  const isProfile = (name: string) =>
    PROFILE_NAME.test(name) && name !== DEFAULT_PROFILE && host.stat(path.join(folder, name))?.kind === 'folder'
  const names = (host.list(folder) ?? []).filter(isProfile).sort((a, b) => (a < b ? -1 : 1))
  return [profileOf(DEFAULT_PROFILE, root, root, namedRoot), ...names.map((name) => profileBelow(host, root, name, namedRoot))]
}

function cleaned(folder: string): string {
  const normal = path.normalize(folder)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

function resolved(host: AccountHost, folder: string): string {
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
function locate(host: AccountHost, named: string, standardRoot: string): Profile {
  const home = resolved(host, named)
  if (home === standardRoot) return {name: DEFAULT_PROFILE, home, root: home}
  for (const place of [named, home]) {
    const [folder, name] = [path.dirname(place), path.basename(place)]
    const root = resolved(host, path.dirname(folder))
    if (path.basename(folder) === HomeFile.profiles && (root === standardRoot || PROFILE_NAME.test(name))) return {name, home, root}
  }
  return {name: DEFAULT_PROFILE, home, root: home}
}
