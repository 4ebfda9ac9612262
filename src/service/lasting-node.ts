import path from 'node:path'
import {ExitStatus, ServiceError} from '../errors.js'
import {accountDoor} from '../host/account-door.js'
import {type Account, type Host, HostError} from '../host/host.js'
import {isRootsAlone} from '../host/roots-alone.js'
import {realPathIfAllowed} from '../host/tolerant-read.js'
import {otherWriterOf, TEMPORARY_FOLDERS, unusablePath} from './home-check.js'

/** Where a node of the system itself is; the last one is NixOS's. */
const SYSTEM_FOLDERS = '/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin'
/** Homebrew's on Apple silicon; macOS itself has no node. */
const DARWIN_FOLDERS = '/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin'
/** NixOS's own system folder is below /run and lasts; nothing else there does. */
const LASTING_IN_RUN = '/run/current-system/'
/** A package manager's folder of one version of a program, which an upgrade replaces; the link to it in the folder of programs stays. */
const VERSION_FOLDER = /\/Cellar\/|^\/nix\/store\//
const OLDEST_NODE: readonly [number, number] = [20, 17]
const PROBE_TIMEOUT_MS = 10_000

/**
 * The node that a timer can run for years as an account: the one in use already, else the one that runs this program, by its real path
 * (so not by a version manager's folder of one shell), else the system's; the first that lasts. Throws a ServiceError that says of each
 * why it is none.
 */
export function findLastingNode(host: Host, account: Account, inUse?: string): string {
  const asUser = accountDoor(host, account)
  const own = host.realPath(host.nodePath) ?? host.nodePath
  const links = linkFolders(host, own, account).map((folder) => path.join(folder, 'node'))
  const stable = VERSION_FOLDER.test(own) ? links.filter((link) => realPathIfAllowed(asUser, link) === own) : []
  const others = systemFolders(host)
    .split(':')
    .map((folder) => path.join(folder, 'node'))
    .filter((file) => host.stat(file) !== undefined)
  const refused: string[] = []
  for (const candidate of new Set([...(inUse === undefined ? [] : [inUse]), ...stable, own, ...others])) {
    const isThis = candidate === own || stable.includes(candidate)
    const why = whyNotLasting(host, candidate, account) ?? (isThis ? undefined : whyTooOld(host, candidate, account))
    if (why === undefined) return candidate
    refused.push(`${candidate} ${why}`)
  }
  throw new ServiceError('The heartbeat needs a permanently installed node, and there is none here', {
    code: 'node-not-lasting',
    exitStatus: ExitStatus.failed,
    evidence: refused,
    next: [
      'install Node for the whole machine, then run the same command again',
      'hermes-svc install --heartbeat off   # monitors then show an idle gateway as dead',
    ],
  })
}

/** Folders in which a package manager keeps links to its programs. */
function linkFolders(host: Host, own: string, account: Account): string[] {
  const brew = own.split('/Cellar/')[0] ?? ''
  const nix = [path.join(account.home, '.nix-profile/bin'), '/nix/var/nix/profiles/default/bin']
  return [...systemFolders(host).split(':'), path.join(brew, 'bin'), ...nix]
}

function systemFolders({platform}: Host): string {
  return platform === 'darwin' ? DARWIN_FOLDERS : SYSTEM_FOLDERS
}

function whyNotLasting(host: Host, file: string, account: Account): string | undefined {
  const asUser = accountDoor(host, account)
  const unusable = unusablePath(file)
  if (unusable) return unusable
  const isTemporary = TEMPORARY_FOLDERS.some((folder) => file.startsWith(`${folder}/`)) && !file.startsWith(LASTING_IN_RUN)
  if (isTemporary) return 'is in a temporary folder'
  if (file.split('/').includes('_npx')) return 'is in the cache of npx, which npm empties now and then'
  if (!isExecutableBy(host, file, account)) return `cannot be executed by ${account.name}`
  return otherWriterOf(asUser, asUser.realPath(file) ?? file, account)
}

/**
 * Why a node that is there does not do: it cannot be run on this machine (any more), or is too old. Runs it, as the account where that can be done;
 * one that is another's to replace is not run for that, and nothing is said against it.
 */
export function whyTooOld(host: Host, file: string, account: Account): string | undefined {
  const actor = accountDoor(host, account)
  if (!mayBeAsked(host, actor, file, account)) return undefined
  const probe = {env: {PATH: systemFolders(host)}, cwd: '/', timeoutMs: PROBE_TIMEOUT_MS}
  const {stdout, stderr, failure} = actor.read([file, '--version'], probe)
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(stdout) ?? []
  if (major === undefined) return `does not print its version (${failure ?? (stderr.trim().split('\n')[0] || 'it is not node')})`
  const isNewEnough = Number(major) > OLDEST_NODE[0] || (Number(major) === OLDEST_NODE[0] && Number(minor) >= OLDEST_NODE[1])
  return isNewEnough ? undefined : `is too old (${stdout.trim()}; ${OLDEST_NODE.join('.')} or newer is needed)`
}

/** A program that somebody else can put anything in the place of is none to be run only to learn its version: his unit names it, not we. */
function mayBeAsked(host: Host, actor: Pick<Host, 'realPath' | 'stat'>, file: string, account: Account): boolean {
  return host.account.uid === account.uid || isRootsAlone(actor, actor.realPath(file) ?? file)
}

function isExecutableBy(host: Host, file: string, account: Account): boolean {
  try {
    return host.as(account).isExecutable(file)
  } catch (error) {
    if (error instanceof HostError) return false
    throw error
  }
}
