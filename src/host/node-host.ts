import os from 'node:os'
import {errnoOf} from './errno.js'
import fs from 'node:fs'
import {heldBy, isStillAt, lockByProgram, openFolderLock, openToLock} from './file-lock.js'
import {type Account, type AccountHost, folderLock, type HeldLock, type Host, HostError, isPrivate, MAX_REPLY_BYTES} from './host.js'
import {parseMasterPasswd} from './master-passwd.js'
import {childProcess, NodePrograms, SYSTEM_PATH} from './node-programs.js'
import {isTerminal} from './terminal.js'
import {requireSwitching} from './switching.js'

/** One that is let go at each try between opening it and locking it is under siege. */
const LOCK_TRIES = 20
const NOT_LOCKED: HeldLock = {release: () => Promise.resolve()}

/** The real host, acting as the user that runs this process. `packageRoot` is the folder of package.json. */
export function createNodeHost(packageRoot: string): Host {
  return new NodeHost(packageRoot, undefined, false)
}

/** Both kinds of door; which one a caller has is a matter of its type. */
class NodeHost extends NodePrograms implements Host, AccountHost {
  readonly isOwnDoor = true
  readonly isAccountDoor = true
  readonly pid = process.pid
  readonly nodePath = process.execPath
  private ownAccount: Account | undefined

  constructor(
    readonly packageRoot: string,
    actor: Account | undefined,
    isAccounts: boolean,
  ) {
    super(actor, isAccounts)
  }

  // Asked of the descriptor: merely touching process.stdin loads node's streams.
  get stdinIsTty(): boolean {
    return isTerminal(0)
  }

  get stdoutIsTty(): boolean {
    return isTerminal(1)
  }

  get stderrIsTty(): boolean {
    return isTerminal(2)
  }

  get stdoutColumns(): number | undefined {
    return this.stdoutIsTty ? process.stdout.columns || undefined : undefined
  }

  get stderrColumns(): number | undefined {
    return this.stderrIsTty ? process.stderr.columns || undefined : undefined
  }

  get account(): Account {
    if (this.actor) return this.actor
    if (!this.ownAccount) {
      const uid = process.geteuid?.() ?? 0
      const gid = process.getegid?.() ?? 0
      this.ownAccount = this.accountOf(uid) ?? {uid, gid, name: String(uid), home: this.env.HOME ?? '/'}
    }
    return this.ownAccount
  }

  accountOf(nameOrUid: string | number): Account | undefined {
    // os.userInfo() asks the user database (getpwuid_r), whatever it is; other accounts need getent.
    if (typeof nameOrUid === 'number' && nameOrUid === process.geteuid?.()) {
      try {
        const user = os.userInfo()
        if (user.uid === nameOrUid) return {uid: user.uid, gid: user.gid, name: user.username, home: user.homedir}
      } catch {
        return undefined
      }
    }
    const key = String(nameOrUid)
    if (this.platform === 'darwin')
      return accountOnDarwin(this.read(['/usr/bin/id', '-P', key], {env: {PATH: SYSTEM_PATH}}).stdout, nameOrUid)
    const matches = (line: string) => line.split(':')[typeof nameOrUid === 'number' ? 2 : 0] === key
    const local = this.readText('/etc/passwd')?.split('\n').find(matches)
    const line = local ?? (this.which('getent') ? this.read(['getent', 'passwd', key]).stdout.split('\n').find(matches) : undefined)
    const fields = line?.split(':')
    if (!fields || fields.length < 7) return undefined
    return {name: fields[0] ?? '', uid: Number(fields[2]), gid: Number(fields[3]), home: fields[5] ?? '/'}
  }

  as(account: Account): AccountHost {
    const isSelf = this.account.uid === account.uid
    if (!isSelf && process.geteuid?.() !== 0) throw new HostError('EPERM', account.name, 'cannot act as')
    if (!isSelf) requireSwitching(account)
    return new NodeHost(this.packageRoot, isSelf ? undefined : account, true)
  }

  nowMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return Number(process.hrtime.bigint() / 1_000_000n)
  }

  ownAgeMs(): number {
    // `performance` would load a module of node's.
    return process.uptime() * 1000
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      signal?.addEventListener('abort', end)
    })
  }

  /** A lock that dies with its holder needs no cleaning up after a kill -9. */
  async lock(file: string): Promise<HeldLock | undefined> {
    await Promise.resolve()
    // With the account's ids: nothing that it could not lock itself.
    const fd = this.guard('cannot lock', file, () => openToLock(file))
    if (fd === undefined) return undefined
    return this.isLocked(fd, file) ? heldBy(fd) : undefined
  }

  async lockWithin(folder: string): Promise<HeldLock | undefined> {
    const file = folderLock(folder)
    for (let attempt = 0; attempt < LOCK_TRIES; attempt++) {
      const fd = this.guard('cannot lock', file, () => openFolderLock(folder))
      if (fd === 'unmakeable') {
        const stat = this.lstat(folder)
        return stat && isPrivate(stat) ? this.lock(folder) : NOT_LOCKED
      }
      if (fd === undefined || !this.isLocked(fd, file)) return undefined
      // Its holder takes it away before it lets go: what one has waited for is then no longer what the next one opens.
      if (this.guard('cannot lock', file, () => isStillAt(fd, file))) return heldBy(fd, () => this.removeLock(fd, file))
      fs.closeSync(fd)
    }
    return undefined
  }

  /** Locks an open file, or closes it. */
  private isLocked(fd: number, file: string): boolean {
    if (this.platform === 'darwin') return true
    let isHeld = false
    try {
      isHeld = lockByProgram(childProcess(), fd, file, this.runEnv({}))
    } finally {
      if (!isHeld) fs.closeSync(fd)
    }
    return isHeld
  }

  /** A lock that is left lying is the next one's. */
  private removeLock(fd: number, file: string): void {
    try {
      this.guard('cannot remove', file, () => isStillAt(fd, file) && fs.unlinkSync(file))
    } catch (error) {
      if (!(error instanceof HostError)) throw error
    }
  }

  exchange(socket: string, request: string, options: {readonly timeoutMs: number; readonly until?: string}): Promise<string> {
    return new Promise((resolve, reject) => {
      let reply = ''
      // connect(2) is called at once, so it is this account whom the other side is told of (SO_PEERCRED, unix(7)).
      const connection = this.withActorIds(() => process.getBuiltinModule('node:net').connect({path: socket}))
      const fail = (code: string) => {
        clearTimeout(deadline)
        connection.destroy()
        reject(new HostError(code, socket, 'cannot connect to'))
      }
      // For the whole: one that drips would never be idle.
      const deadline = setTimeout(
        () => (reply !== '' && options.until === undefined ? connection.destroy() : fail('TIMEOUT')),
        options.timeoutMs,
      )
      connection.setEncoding('utf8')
      // A socket that speaks unasked may have closed again by now, and writing to it would fail.
      if (request !== '') connection.on('connect', () => connection.write(request))
      connection.on('data', (data: string) => {
        reply += data
        if (reply.length > MAX_REPLY_BYTES) fail('EFBIG')
        else if (options.until !== undefined && reply.includes(options.until)) connection.destroy()
      })
      connection.on('error', (error) => (reply !== '' ? connection.destroy() : fail(errnoOf(error))))
      connection.on('close', () => {
        clearTimeout(deadline)
        resolve(reply)
      })
    })
  }
}

/** id(1) takes a name of digits for a uid, or the other way round. */
function accountOnDarwin(text: string, nameOrUid: string | number): Account | undefined {
  const account = parseMasterPasswd(text)
  return account?.name === nameOrUid || account?.uid === nameOrUid ? account : undefined
}
