import type {Scope} from '../../service/service.js'
import path from 'node:path'
import {ExitStatus, ServiceError} from '../../errors.js'
import {accountDoor} from '../../host/account-door.js'
import {type Account, type Host, HostError, type RunResult} from '../../host/host.js'
import {runtimeFolder} from './paths.js'
import {type Step, waitStep} from '../../plan/plan.js'
import {shellWord} from '../../text/shell-quote.js'

const LOOK_EVERY_MS = 50

/** Where systemd's programs are, whatever the caller's PATH says; the last one is NixOS's. */
const PROGRAM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin'

/**
 * The environment in which systemctl and journalctl find the right manager. Nothing of the caller's is passed on: under sudo, su, cron
 * and in CI it has no XDG_RUNTIME_DIR or somebody else's. systemctl needs only that; the private socket serves it where there is no bus.
 */
export function managerEnvironment(scope: Scope, account: Account): Record<string, string> {
  const common = {PATH: PROGRAM_PATH, LC_ALL: 'C.UTF-8', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: ''}
  if (scope === 'system') return common
  const folder = runtimeFolder(scope, account)
  return {
    ...common,
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    XDG_RUNTIME_DIR: folder,
    DBUS_SESSION_BUS_ADDRESS: `unix:path=${path.join(folder, 'bus')}`,
  }
}

/** True if the account's user manager can be talked to: by its bus, or by the private socket of one without dbus-user-session. */
export function userManagerAnswers(host: Host, account: Account): boolean {
  const folder = runtimeFolder('user', account)
  const user = accountDoor(host, account)
  try {
    return ['bus', 'systemd/private'].some((name) => user.stat(path.join(folder, name))?.kind === 'socket')
  } catch (error) {
    // For a moment before logind mounts the folder, and after it has taken it away, what is there is root's alone.
    if (error instanceof HostError && error.code === 'EACCES') return false
    throw error
  }
}

const LINGER_FOLDER = '/var/lib/systemd/linger'
const RUNTIME_FOLDERS = '/run/user'

/** The accounts whose user manager runs, or will at the next boot: who lingers or is logged in. */
export function userAccounts(host: Host): Account[] {
  const lingering = (host.list(LINGER_FOLDER) ?? []).map(cUnescaped)
  const present = (host.list(RUNTIME_FOLDERS) ?? []).filter((name) => /^\d+$/.test(name)).map(Number)
  const accounts = [...lingering, ...present].flatMap((one) => host.accountOf(one) ?? [])
  return [...new Map(accounts.map((account) => [account.uid, account])).values()]
}

/** The file whose presence lets an account linger (logind.conf(5), loginctl(1) enable-linger). */
export function lingerFile(account: Account): string {
  return `${LINGER_FOLDER}/${cEscaped(account.name)}`
}

export function isLingering(host: Host, account: Account): boolean {
  return host.stat(lingerFile(account)) !== undefined
}

/** A name as logind writes it as that of a file (cescape of systemd's escape.c): all bytes but printable ASCII as three octal digits. */
function cEscaped(name: string): string {
  const simple: Readonly<Record<string, string>> = {
    ...{'\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v'},
    ...{'\\': '\\\\', '"': '\\"', "'": "\\'"},
  }
  return Buffer.from(name)
    .toString('latin1')
    .replace(/[\\"']|[^ -~]/g, (byte) => simple[byte] ?? `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`)
}

/** The name that logind wrote so; of the short escapes no name of a user has one. */
function cUnescaped(name: string): string {
  const bytes = name.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

export function enableLingerCommand(account: Account): string {
  return `sudo loginctl enable-linger ${shellWord(account.name)}`
}

/** What starts a user manager that does not run: of an account that lingers it was stopped, or has failed. */
export function startManagerCommand(host: Host, account: Account): string {
  return isLingering(host, account) ? `sudo systemctl restart user@${account.uid}.service` : enableLingerCommand(account)
}

/** A step that waits until the account's user manager answers. */
export function waitForUserManager(host: Host, account: Account, limitMs: number, answers: () => boolean): Step {
  const why = `wait for the user manager of ${account.name}`
  return waitStep(host, {why, limitMs, everyMs: LOOK_EVERY_MS}, answers, () => noUserManager(host, account))
}

/** The user manager is not there: exit 4, with what starts it. */
export function noUserManager(host: Host, account: Account): ServiceError {
  return new ServiceError(
    `The systemd user manager of ${account.name} is not running: /run/user/${account.uid}/bus and /run/user/${account.uid}/systemd/private do not exist`,
    {code: 'no-user-manager', exitStatus: ExitStatus.cannotTell, next: [startManagerCommand(host, account)]},
  )
}

/** Turns a look at the manager that failed into an error (exit 4) that says what was run and what systemd answered. */
export function lookFailed({argv, failure, signal, stderr, code}: RunResult): ServiceError {
  const why = failure === 'TIMEOUT' ? 'no answer in time' : failure === 'ENOENT' ? 'the program is missing' : (failure ?? signal)
  const text = stderr.trim()
  const denied = /Failed to connect to|Access denied|Permission denied|authentication required|not been booted with systemd/i.test(text)
  // What was asked of it is long, and says nothing.
  const words = argv.map((word) => (word.startsWith('--property=') ? '--property=…' : word))
  return new ServiceError(`${words.join(' ')}: ${why ?? (text || `exit status ${code}`)}`, {
    code: denied || why ? 'manager-unreachable' : 'manager-refused',
    exitStatus: ExitStatus.cannotTell,
    next: ['hermes-svc doctor   # finds out why it does not answer'],
  })
}
