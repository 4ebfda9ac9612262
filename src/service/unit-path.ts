import path from 'node:path'
import {accountDoor} from '../host/account-door.js'
import type {Account, Host} from '../host/host.js'
import {statIfAllowed} from '../host/tolerant-read.js'

/** What every service gets: the system's own folders. */
export const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
/** Where package managers keep their programs, on machines that have them (Homebrew). */
const PACKAGE_FOLDERS = ['/opt/homebrew/bin', '/opt/homebrew/sbin']
/** Where tools of the gateway are installed below a home directory. */
const USER_FOLDERS = ['.local/bin', '.cargo/bin', 'go/bin', '.npm-global/bin']

/**
 * The PATH that a gateway gets as a service: the folders that exist of its own program, its home's node, its user's tool folders, a package manager's, then the
 * system's. Nothing comes from the PATH of the shell that installs it, which a service started at boot would not have.
 */
export function unitPath(host: Host, home: string, account: Account, command: readonly string[]): string {
  const asUser = accountDoor(host, account)
  const [program] = command
  const own = ['node/bin', 'node_modules/.bin', 'hermes-agent/node_modules/.bin'].map((folder) => path.join(home, folder))
  const user = USER_FOLDERS.map((folder) => path.join(account.home, folder))
  const wanted = [...(program === undefined ? [] : [path.dirname(program)]), ...own, ...user, ...PACKAGE_FOLDERS]
  const usable = wanted.filter((folder) => statIfAllowed(asUser, folder)?.kind === 'folder' && !folder.includes(':'))
  return [...new Set([...usable, ...SYSTEM_FOLDERS])].join(':')
}
