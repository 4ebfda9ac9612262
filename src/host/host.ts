/**
 * Everything impure that hermes-svc does goes through a door of this file: files, processes, commands, the clock, the environment and the user.
 * There are two kinds of them, and neither can be passed for the other:
 *
 * - `Host`: this process's own ids, root's if root runs it. For what is the machine's: /proc, /etc, /run, the package.
 * - `AccountHost`: the ids of one account, and nothing else of root's. For all that this account can change: its home, its unit folder, its slots.
 *
 * `node-host.ts` has the one real implementation, the only one that runs a program or touches `process.env`; unit tests pass
 * `test/fakes/fake-host.ts`. File operations are synchronous: they are small, and it keeps a change of user ids around one of them atomic.
 */

/** What both doors can do. Code that takes this does not decide with whose ids it is done. */
export interface Door {
  readonly platform: NodeJS.Platform
  /** The process's environment, as it was at start. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** pid of this very process. */
  readonly pid: number
  /** The account whose ids this host acts with (the effective user; for `as(x)` it is x). */
  readonly account: Account
  /** Absolute path of the node binary that runs this program. */
  readonly nodePath: string
  /** Root of the hermes-svc package: the folder that holds package.json, templates and dist. */
  readonly packageRoot: string
  readonly stdinIsTty: boolean
  readonly stdoutIsTty: boolean
  readonly stderrIsTty: boolean
  /** Columns of the terminal that stdout, or stderr, is; undefined if it is none or does not say. Asking takes milliseconds. */
  readonly stdoutColumns: number | undefined
  readonly stderrColumns: number | undefined

  /** The account of that name or uid in the user database (passwd(5)); undefined if there is none. */
  accountOf(nameOrUid: string | number): Account | undefined
  /**
   * Does many operations on files with the ids taken on once: of `as(x)` each one alone costs system calls in which all threads of the process have
   * to take part. The work must not wait for anything, nor use another host.
   */
  atOnce<T>(work: () => T): T

  /** Wall clock, ms since the epoch. */
  nowMs(): number
  /**
   * A clock that never jumps, ms since boot. On Linux it stands still while the machine sleeps (CLOCK_MONOTONIC), on macOS it goes on
   * (mach_continuous_time, by libuv's darwin.c); `sinceBootMs` goes on everywhere.
   */
  monotonicMs(): number
  /** How long this very process has been running, in ms. */
  ownAgeMs(): number
  /** Resolves after this time, or as soon as `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>

  /**
   * UTF-8 text of a regular file; undefined if it does not exist. Throws HostError (EACCES, …) otherwise: EFBIG if it has more than `maxBytes`
   * (default: MAX_TEXT_BYTES through an account's door, MAX_OWN_TEXT_BYTES through one's own), EINVAL for a FIFO, a device or a socket, EISDIR for a folder.
   */
  readText(path: string, maxBytes?: number): string | undefined
  /** Names in a folder, unsorted; undefined if there is no such folder. Throws HostError on EACCES and the like. */
  list(path: string): string[] | undefined
  /** What is at the path, links followed; undefined if nothing is. */
  stat(path: string): FileStat | undefined
  /** What is at the path, the last link not followed; undefined if nothing is. */
  lstat(path: string): FileStat | undefined
  /** The target text of a symbolic link; undefined if it is none. */
  readLink(path: string): string | undefined
  /** The path with all links resolved; undefined if it does not exist. */
  realPath(path: string): string | undefined
  /** What is free on the file system of a path that exists (statvfs(3)); undefined if it does not exist. */
  freeSpace(path: string): FreeSpace | undefined
  /** True if this host's account may execute the file (access(2) X_OK) and it is a regular file. */
  isExecutable(path: string): boolean

  /**
   * Writes a whole file atomically: a temporary file in the same folder, fsync, rename. Keeps the owner of what it replaces.
   * Refuses (HostError ELOOP) to replace a symbolic link. The folder must exist. After an EIO the new file may be in place.
   */
  writeAtomic(path: string, text: string, mode: number): void
  /**
   * Changes an existing regular file in place. It is read and written through one descriptor, so a file that takes its place meanwhile
   * is never touched. `edit` gets the content and returns what to write in one call; undefined leaves the file alone. It is asked again
   * if the file was replaced or changed since it was read. Returns false if there is no file. Throws HostError: ELOOP for a link,
   * EINVAL for what is no file, EBUSY for one that others keep writing, EACCES, EROFS, ENOSPC.
   */
  editInPlace(path: string, edit: (content: Buffer) => InPlaceWrite | undefined): boolean
  /** Adds a line to a regular file, whole or not at all, and never to half a line that is there. Makes the file with this mode. */
  appendLine(path: string, line: string, mode: number): void
  /**
   * Sets the permission bits of a file or folder. The path is walked as it is named, and no part of it that somebody else than root could
   * change may be a link (HostError ELOOP or ENOTDIR; ENOENT if there is nothing). On macOS root cannot set those of what it may not open,
   * such as a socket.
   */
  setMode(path: string, mode: number): void
  /** The last `bytes` bytes at most of a regular file, as UTF-8, from the first whole line on; undefined if there is none. */
  readTail(path: string, bytes: number): string | undefined
  /**
   * At most `bytes` bytes of a regular file from an offset on, fewer at its end, and which file they are of: another one may take its place between two
   * calls. Undefined if there is none. Throws HostError as `readText`.
   */
  readPart(path: string, offset: number, bytes: number): FilePart | undefined
  /** Creates one folder; its parent must exist. Returns false if it was there already. */
  makeFolder(path: string, mode: number): boolean
  /**
   * Makes a folder of this account's alone in the place for temporary ones, for what a program writes that nobody wants. `links`: names in it, and what
   * each leads to. Throws HostError where there is no room for one.
   */
  temporaryFolder(links: ReadonlyMap<string, string>): TemporaryFolder
  removeFile(path: string): boolean
  /** Removes a folder if it is empty; returns false if it is absent or not empty. */
  removeFolder(path: string): boolean

  /** Absolute path of a program on a PATH (default: the environment's), relative entries ignored; undefined if there is none. */
  which(program: string, path?: string): string | undefined
  /** Runs a program that only reads. Cheap and synchronous. Never throws on an exit status. */
  read(argv: readonly string[], options?: RunOptions): RunResult
  /** Runs a program that may change something, with a time limit. Never throws on an exit status. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>
  /**
   * Runs a program with this process's own stdin, stdout and stderr; resolves with its exit status (128+n for signal n). With `onLine`
   * each line of its stdout goes there instead. Until it has ended SIGINT, SIGTERM and SIGHUP are passed on to it and end nothing else.
   */
  attach(argv: readonly string[], options?: AttachOptions): Promise<number>
  /**
   * Starts a program that works beside this process, in a session of its own. Its stdin is a pipe on which nothing is ever sent: it ends
   * when `release` is called or this process dies, however it dies, so that the program can clean up after both.
   */
  tether(argv: readonly string[], options?: Pick<RunOptions, 'env' | 'cwd'>): Tethered
  /**
   * Starts a program in a session and process group of its own, with this process's stdout and stderr and nothing on stdin. Nothing is passed on
   * to it, and it outlives this process if that is killed.
   */
  launch(argv: readonly string[], options: Required<Pick<RunOptions, 'env' | 'cwd'>>): Launched
  /**
   * Calls `listener` for each of these signals, in place of what they would do, until the returned function is called. A SIGHUP that is ignored,
   * as under nohup(1), stays so.
   */
  onSignals(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): () => void
  /**
   * Calls `listener` once this process ends by itself, by `process.exit` too, until the returned function is called. It must not wait for anything, and
   * is not called where a signal kills the process.
   */
  onExit(listener: () => void): () => void
  /**
   * Takes an advisory lock on an existing file or folder until `release` is called or this process dies; undefined if another holds it. This
   * process holds it itself. Throws HostError: ELOOP for a link, EINVAL for what is neither file nor folder.
   */
  lock(path: string): Promise<HeldLock | undefined>
  /**
   * Takes the lock for changing what is in a folder of this account's, as `lock` does, and of nothing that another account could open: whoever may read a
   * folder could lock it too, and keep it. It is a file in the folder (`folderLock`), there only while it is held. Where none can be made it is the folder
   * itself, if others may not read that, and else nothing: a full or read-only disk keeps nobody from a stop. Throws HostError: ELOOP for a link, ENOTDIR,
   * EINVAL for what else stands in the file's place.
   */
  lockWithin(folder: string): Promise<HeldLock | undefined>
  /**
   * Connects to a Unix stream socket, sends the text, and returns what comes back until the other side closes; `until` ends it at the first
   * reply that has this text. The whole exchange has one deadline, and an answer ends at MAX_REPLY_BYTES. Throws HostError: ENOENT,
   * ECONNREFUSED, EACCES, EFBIG, or TIMEOUT.
   */
  exchange(socket: string, request: string, options: {readonly timeoutMs: number; readonly until?: string}): Promise<string>
  /** kill(2). Signal 0 only tests. Returns false if there is no such process; throws HostError EPERM if it may not be signalled. */
  signal(pid: number, signal: NodeJS.Signals | 0): boolean
  /** kill(2) of all that is left of the process group of a program that `launch` started. Returns false if nothing is. */
  killGroup(leader: number): boolean
}

/** The door with this process's own ids. */
export interface Host extends Door {
  readonly isOwnDoor: true
  /**
   * The door of an account: everything there is done with its ids and supplementary groups, and its programs run in a session of their own, without a
   * terminal of root's, in a small fixed environment. Needs root unless it is this process's own account (HostError EPERM).
   */
  as(account: Account): AccountHost
  /** UTF-8 text of this process's standard input, to its end, which is waited for. Throws HostError: EFBIG if it has more than `maxBytes`. */
  readStdin(maxBytes: number): string
  /**
   * Gives a file or folder that is root's to an account, or back to root; needs root. It must lie in `within` (default: the account's home in the
   * user database; for root: anywhere), which only root can have put where it is. The path is walked as it is named, each folder by the
   * descriptor of the one above: no part that somebody else than root could change may be a link (HostError ELOOP, ENOTDIR), and each belongs to
   * that account or to root (EPERM). A file with further names (hard links) is refused with EMLINK.
   */
  setOwner(path: string, account: Account, within?: string): void
}

/** The door of one account, whoever runs this process: it reaches what that account can reach, and no more. See `Host.as`. */
export interface AccountHost extends Door {
  readonly isAccountDoor: true
}

/** The two doors through which one service is looked at: `host` at the machine, `userHost` at everything of the account it runs as. */
export interface Doors {
  readonly host: Host
  readonly userHost: AccountHost
}

export interface Account {
  readonly uid: number
  readonly gid: number
  readonly name: string
  /** Home directory from the user database, not from $HOME. */
  readonly home: string
}

export interface FileStat {
  readonly kind: 'file' | 'folder' | 'link' | 'socket' | 'other'
  readonly uid: number
  readonly gid: number
  /** Permission bits, 0o7777 at most. */
  readonly mode: number
  readonly size: number
  readonly inode: number
  readonly device: number
  /** Modification time, ms since the epoch. */
  readonly modifiedMs: number
}

export interface TemporaryFolder {
  readonly path: string
  /** Takes it away with all that is in it by then; links are not followed. What cannot be removed is left to who empties such places. */
  remove(): void
}

/** Bytes of a file. */
export interface FilePart {
  readonly bytes: Buffer
  /** Of the whole file. */
  readonly size: number
  readonly inode: number
  readonly device: number
  /** Modification time, ms since the epoch. */
  readonly modifiedMs: number
}

/** What may still be written on a file system. */
export interface FreeSpace {
  /** Bytes that an account other than root may write. */
  readonly bytes: number
  /** Bytes that root may write: some file systems keep blocks for it. */
  readonly rootBytes: number
  /** Bytes of all that accounts other than root may have, as df(1) counts them; 0 where the file system does not count them. */
  readonly totalBytes: number
  /** Files that can be made; undefined where the file system does not count them. */
  readonly files: number | undefined
  /** Files that it can have; undefined where the file system does not count them. */
  readonly totalFiles: number | undefined
}

/** Bytes at an offset of a file; beyond its end they make it longer. */
export interface InPlaceWrite {
  readonly offset: number
  readonly bytes: Buffer
}

export interface RunOptions {
  /** Replaces the whole environment; default: the host's own with LC_ALL=C.UTF-8, and for root with the system's PATH. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string
  /** Default 30 s. */
  readonly timeoutMs?: number
  /** Of `run` and `attach`: ends it as a time limit does, as soon as this is aborted. */
  readonly signal?: AbortSignal
}

export interface AttachOptions extends Pick<RunOptions, 'env' | 'cwd' | 'signal'> {
  readonly onLine?: (line: string) => void
}

export interface RunResult {
  readonly argv: readonly string[]
  /** Exit status; null if it was killed by a signal or did not start. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** Set if the program could not be run to its end: errno name (ENOENT, EACCES), TIMEOUT or ABORTED. */
  readonly failure?: string
}

/** A program started by `tether`. It does not keep this process from ending. */
export interface Tethered {
  readonly pid: number
  /** Ends the program's stdin. */
  release(): void
  /** How it ended; undefined while it runs. */
  result(): RunResult | undefined
}

/** A program started by `launch`. */
export interface Launched {
  /** 0 if it could not be started. */
  readonly pid: number
  /** Never rejects. */
  readonly ended: Promise<LaunchEnd>
}

/** How a program ended. */
export interface LaunchEnd {
  /** Exit status; null if it was ended by a signal or could not be started. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** As shells have it: 128+n for signal n, 127 for what could not be started. */
  readonly status: number
  /** errno name, if it could not be started. */
  readonly failure?: string
}

export interface HeldLock {
  release(): Promise<void>
}

/** A system call that failed: `code` is the errno name, `path` what it was about. */
export class HostError extends Error {
  constructor(
    readonly code: string,
    readonly path: string,
    what: string,
  ) {
    super(`${what} ${path}: ${code}`)
    this.name = 'HostError'
  }
}

/** The longest text that is read of an account's files: state, configuration and units are some kB. */
export const MAX_TEXT_BYTES = 1024 * 1024
/** The longest text that is read of the machine's own: the package's programs, /proc/locks, a user database. */
export const MAX_OWN_TEXT_BYTES = 64 * 1024 * 1024
/** The longest answer of a gateway's socket. */
export const MAX_REPLY_BYTES = 64 * 1024

/** The file that is locked for what is in a folder. See `Door.lockWithin`. */
export function folderLock(folder: string): string {
  return `${folder === '/' ? '' : folder}/.hermes-svc.lock`
}

/** True if nobody but its owner, and root, may open this file or folder for reading: an access control list shows in the group's bits (acl(5)). */
export function isPrivate({mode}: Pick<FileStat, 'mode'>): boolean {
  return (mode & OTHERS_READ) === 0
}

const OTHERS_READ = 0o044
const TEMPORARY_SUFFIX = '.hermes-svc-tmp'

/** A temporary file of an atomic write: beside the file, under a name that no other write has at the same time. `unique`: hexadecimal digits. */
export function temporaryPath(path: string, unique: string): string {
  const slash = path.lastIndexOf('/') + 1
  return `${path.slice(0, slash)}.${path.slice(slash)}.~${unique}${TEMPORARY_SUFFIX}`
}

/** True for the name of a temporary file of a write of a file of this name; those of earlier versions have nothing between the two. */
export function isTemporaryOf(name: string, temporary: string): boolean {
  if (!temporary.startsWith(`.${name}`) || !temporary.endsWith(TEMPORARY_SUFFIX)) return false
  return /^(\.~[0-9a-f]+)?$/.test(temporary.slice(name.length + 1, -TEMPORARY_SUFFIX.length))
}

export function isTemporaryPath(path: string): boolean {
  return path.endsWith(TEMPORARY_SUFFIX)
}
