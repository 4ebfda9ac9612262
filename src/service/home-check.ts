import path from 'node:path'
import {GatewayVariable, STANDARD_ROOT, DEFAULT_PROFILE, UpstreamCommand} from '../gateway/contract.js'
import {usageError} from '../errors.js'
import {type Account, type Door, type Host, HostError} from '../host/host.js'
import {OTHERS_WRITE} from '../host/roots-alone.js'
import type {Profile} from './profile.js'
import {shellWord} from '../text/shell-quote.js'
import {refusedPath, shown} from './text-check.js'

/** Folders whose content does not last (hier(7), tmpfs mounts, macOS's private copies). */
export const TEMPORARY_FOLDERS = [
  '/tmp',
  '/var/tmp',
  '/run',
  '/dev/shm',
  '/private/tmp',
  '/private/var/tmp',
  '/private/var/folders',
  '/var/folders',
]
const ROOT_UID = 0
const STICKY = 0o1000
const ADMIN_GID = 80

/**
 * Refuses (usage error, naming the flag) a home that a service must not be built on: missing, temporary, writable by another user,
 * or with a path that no definition can carry exactly. `flag` is how the home was named, for the message.
 */
export function requireUsableHome(host: Host, {home, name}: Pick<Profile, 'home' | 'name'>, account: Account, flag: string): void {
  const reason = unusableHome(host, home, account)
  if (reason) throw usageError(`${flag} ${shown(home)}: ${reason}`, reason === MISSING ? howToMake(name, home, account) : [])
  const refused = refusedPath(account.home)
  if (refused) throw usageError(`--run-as ${account.name}: the home directory of this account, ${shown(account.home)}, ${refused}`)
}

const MISSING = 'does not exist'

/** What to type where there is no home yet: upstream makes it. */
function howToMake(profile: string, home: string, account: Account): string[] {
  if (profile !== DEFAULT_PROFILE) return [`hermes ${UpstreamCommand.newProfile} ${profile}   # then run the same command again`]
  const isUsual = home === path.join(account.home, STANDARD_ROOT)
  const where = isUsual ? '' : `${GatewayVariable.home}=${shellWord(home)} `
  return [
    `${where}hermes ${UpstreamCommand.setup}   # creates the home; then run the same command again`,
    `${where}hermes ${UpstreamCommand.chats}   # connects the gateway to a chat`,
  ]
}

/** Why a home cannot carry a service; undefined if it can. */
export function unusableHome(host: Host, home: string, account: Account): string | undefined {
  const text = unusablePath(home)
  if (text) return text
  if (TEMPORARY_FOLDERS.some((folder) => home === folder || home.startsWith(`${folder}/`))) {
    return 'is in a temporary folder, which the next reboot empties. The service could not start after that'
  }
  const asUser = host.as(account)
  let stat
  try {
    stat = asUser.stat(home)
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return `cannot be reached by ${account.name} (${error.code})`
  }
  if (!stat) return MISSING
  if (stat.kind !== 'folder') return 'is not a folder'
  return otherWriterOf(asUser, home, account)
}

/** Why somebody but root and the account could replace what is at an absolute path, its folders included; undefined if nobody can. */
export function otherWriterOf(host: Door, file: string, account: Account): string | undefined {
  for (let place = file; ; place = path.dirname(place)) {
    const writer = otherWriter(host, place, account, place !== file)
    if (writer) return writer
    if (place === path.dirname(place)) return undefined
  }
}

/**
 * Why a path cannot be carried through a definition exactly; undefined if it can. systemd strips blanks at the ends of a value
 * and joins a line that ends in a backslash to the next (systemd.syntax(7)).
 */
export function unusablePath(value: string): string | undefined {
  const refused = refusedPath(value)
  if (refused) return refused
  if (value.endsWith(' ')) return 'ends in a space, which a service definition drops'
  if (value.endsWith('\\')) return 'ends in a backslash, which joins it to the next line of a service definition'
  return undefined
}

/**
 * Somebody but root and the account who could write there. Of a folder on the way (`isAbove`) it matters only whether what is in it could be
 * replaced, and a sticky one lets only owners do that (chmod(1)).
 */
function otherWriter(host: Door, folder: string, account: Account, isAbove: boolean): string | undefined {
  const stat = host.stat(folder)
  if (!stat) return undefined
  if (stat.uid !== ROOT_UID && stat.uid !== account.uid && !isAdministrator(host, stat.uid)) {
    const owner = host.accountOf(stat.uid)?.name ?? `uid ${stat.uid}`
    return `${folder} belongs to ${owner}, who could replace what ${account.name} runs. It must belong to ${account.name} or root`
  }
  const ownGroup = isAdministrators(host, stat.gid) || (stat.gid === account.gid && isPrivateGroup(host, account))
  const writable = stat.mode & (ownGroup ? 0o002 : OTHERS_WRITE)
  if (writable && !(isAbove && stat.mode & STICKY)) {
    return `other users can write to ${folder} (mode ${stat.mode.toString(8)}). Type: chmod go-w ${folder}`
  }
  return undefined
}

/** An administrator of macOS can become root anyway, and Homebrew belongs to the one who installed it. */
function isAdministrator(host: Door, uid: number): boolean {
  if (host.platform !== 'darwin') return false
  const {code, stdout} = host.read(['/usr/bin/id', '-G', String(uid)])
  return code === 0 && stdout.trim().split(' ').includes(String(ADMIN_GID))
}

/** The group `admin` of macOS, whose members can become root anyway (sudoers(5)), and to whom Homebrew gives all its folders. */
function isAdministrators({platform}: Door, gid: number): boolean {
  return platform === 'darwin' && gid === ADMIN_GID
}

/** Debian gives each user a group of the same name with nobody else in it, and umask 002 makes homes writable by it. */
function isPrivateGroup(host: Door, account: Account): boolean {
  const line = host
    .readText('/etc/group')
    ?.split('\n')
    .find((entry) => entry.split(':')[2] === String(account.gid))
  const [name, , , members] = line?.split(':') ?? []
  return name === account.name && (members === '' || members === account.name)
}
