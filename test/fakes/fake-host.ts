import {isDeepStrictEqual} from 'node:util'
import path from 'node:path'
import {
  type Account,
  type AccountHost,
  type AttachOptions,
  type Doors,
  type FilePart,
  type FileStat,
  type FreeSpace,
  type HeldLock,
  type Host,
  HostError,
  type InPlaceWrite,
  type Launched,
  MAX_TEXT_BYTES,
  type RunOptions,
  type RunResult,
  type TemporaryFolder,
  type Tethered,
} from '../../src/host/host.js'

/** The one that `temporaryFolder` makes. */
export const FAKE_TEMPORARY_FOLDER = '/tmp/hermes-svc-random'

/** A file of the fake machine. A text alone is a regular file; owner and mode default to what its place suggests. */
export interface FakeFile {
  readonly text?: string
  /** Target of a symbolic link. */
  readonly link?: string
  /** A folder. Folders above a file need not be listed. */
  readonly folder?: true
  readonly kind?: 'socket' | 'other'
  /** In place of the text's own. */
  readonly size?: number
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly modifiedMs?: number
}

/** A program run that the code under test is expected to ask for, and what comes of it. */
export interface FakeCommand {
  readonly argv: readonly string[]
  /** Exit status; default 0. */
  readonly code?: number | null
  readonly stdout?: string
  readonly stderr?: string
  readonly signal?: NodeJS.Signals
  readonly failure?: string
  /** If given, the call must be of this kind. */
  readonly via?: Via
  /** If given, it must be run as the account of this name. */
  readonly as?: string
  /** If given, the environment that is passed must be exactly this one. */
  readonly env?: Readonly<Record<string, string>>
  /** If given, the input that is passed must be exactly this. */
  readonly input?: string
  /** How often it may be asked for; default once. `Infinity` need not be used at all. */
  readonly times?: number
  /** A tethered program that ends by itself at once instead of on release. */
  readonly endsAtOnce?: boolean
  /** What it does to the machine. */
  readonly effect?: (host: FakeHost) => void
}

export type Via = 'read' | 'run' | 'attach' | 'tether' | 'launch'

export interface FakeMachine {
  /** What is piped in. */
  readonly stdin?: string
  readonly platform?: NodeJS.Platform
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly pid?: number
  readonly account?: Account
  /** Further accounts of the user database; root and `account` are always in it. */
  readonly accounts?: readonly Account[]
  readonly nodePath?: string
  readonly packageRoot?: string
  readonly stdinIsTty?: boolean
  readonly stdoutIsTty?: boolean
  readonly stderrIsTty?: boolean
  readonly stdoutColumns?: number
  readonly stderrColumns?: number
  readonly nowMs?: number
  readonly monotonicMs?: number
  /** How long this process has been running, whenever it is asked; default: it has just begun. */
  readonly ownAgeMs?: number
  readonly files?: Readonly<Record<string, string | FakeFile>>
  readonly commands?: readonly FakeCommand[]
  /** What answers on a Unix socket, by its path: it gets the request, and may throw a HostError. Others refuse, or are not there. */
  readonly sockets?: Readonly<Record<string, (request: string) => string>>
  /** Processes that may be signalled. */
  readonly pids?: readonly number[]
  /** Processes that exist and may not be signalled. */
  readonly foreignPids?: readonly number[]
  /** Files and folders that another process has locked. */
  readonly locked?: readonly string[]
}

/** A change that was made, in the words of the Host's methods. `as` is the account it was made with. */
export type Change =
  | {readonly kind: 'writeAtomic'; readonly path: string; readonly text: string; readonly mode: number; readonly as: string}
  | {readonly kind: 'overwrite'; readonly path: string; readonly offset: number; readonly bytes: string; readonly as: string}
  | {readonly kind: 'appendLine'; readonly path: string; readonly line: string; readonly as: string}
  | {readonly kind: 'setMode'; readonly path: string; readonly mode: number; readonly as: string}
  | {readonly kind: 'setOwner'; readonly path: string; readonly owner: string; readonly as: string}
  | {readonly kind: 'makeFolder'; readonly path: string; readonly mode: number; readonly as: string}
  | {readonly kind: 'removeFile' | 'removeFolder' | 'lock' | 'release'; readonly path: string; readonly as: string}
  | {readonly kind: 'run' | 'tether'; readonly argv: readonly string[]; readonly as: string}
  | {readonly kind: 'signal'; readonly pid: number; readonly signal: NodeJS.Signals; readonly as: string}

interface Node {
  kind: FileStat['kind']
  text: string
  link: string
  mode: number
  uid: number
  gid: number
  inode: number
  modifiedMs: number
  size?: number | undefined
}

interface Machine {
  readonly files: Map<string, Node>
  readonly commands: {readonly command: FakeCommand; used: number}[]
  readonly accounts: readonly Account[]
  readonly pids: Set<number>
  readonly foreignPids: Set<number>
  readonly locked: Set<string>
  readonly changes: Change[]
  readonly later: {readonly atMs: number; readonly effect: () => void}[]
  readonly atExit: Set<() => void>
  nowMs: number
  monotonicMs: number
  inodes: number
  nextPid: number
  /** Of folders and all below them; the last one that fits counts. */
  free: [string, FreeSpace][]
}

const ROOT: Account = {uid: 0, gid: 0, name: 'root', home: '/root'}
export const USER: Account = {uid: 1000, gid: 1000, name: 'user', home: '/home/user'}
const MAX_LINKS = 40

/**
 * A strict double of Host: a machine in memory. Files have owners, modes and links, and permissions are enforced; a program run that no
 * test has announced throws, and `assertAllUsed` throws for one that was announced and never happened. Time stands still but for
 * `sleep`, which jumps ahead.
 */
export class FakeHost implements Host, AccountHost, Doors {
  readonly isOwnDoor = true
  readonly isAccountDoor = true
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pid: number
  readonly account: Account
  readonly nodePath: string
  readonly packageRoot: string
  readonly stdinIsTty: boolean
  readonly stdoutIsTty: boolean
  readonly stderrIsTty: boolean
  readonly stdoutColumns: number | undefined
  readonly stderrColumns: number | undefined
  private readonly machine: Machine

  constructor(
    private readonly given: FakeMachine = {},
    shared?: {machine: Machine; account: Account},
  ) {
    this.platform = given.platform ?? 'linux'
    this.env = given.env ?? {}
    this.pid = given.pid ?? 4242
    this.account = shared?.account ?? given.account ?? USER
    this.nodePath = given.nodePath ?? '/usr/bin/node'
    this.packageRoot = given.packageRoot ?? '/usr/lib/node_modules/hermes-svc'
    this.stdinIsTty = given.stdinIsTty ?? false
    this.stdoutIsTty = given.stdoutIsTty ?? false
    this.stderrIsTty = given.stderrIsTty ?? false
    this.stdoutColumns = given.stdoutColumns
    this.stderrColumns = given.stderrColumns
    this.machine = shared?.machine ?? {
      files: new Map(),
      commands: (given.commands ?? []).map((command) => ({command, used: 0})),
      accounts: [ROOT, this.account, ...(given.accounts ?? [])],
      pids: new Set(given.pids),
      foreignPids: new Set(given.foreignPids),
      locked: new Set(given.locked),
      changes: [],
      later: [],
      atExit: new Set(),
      free: [['/', {bytes: 2 ** 32, rootBytes: 2 ** 32, totalBytes: 2 ** 34, files: 2 ** 20, totalFiles: 2 ** 22}]],
      nowMs: given.nowMs ?? Date.UTC(2026, 0, 1),
      monotonicMs: given.monotonicMs ?? 1_000_000,
      inodes: 100,
      nextPid: 10_000,
    }
    if (!shared) {
      this.put('/', {folder: true, mode: 0o755, uid: 0, gid: 0})
      for (const [file, content] of Object.entries(given.files ?? {})) this.put(file, content)
    }
  }

  // What a test says and asks.

  /** This process ends by itself, in the midst of whatever it does. */
  exit(): void {
    for (const listener of this.machine.atExit) listener()
  }

  /** Puts a file there as if it had always been, whoever is allowed to. */
  put(file: string, content: string | FakeFile): void {
    const {text = '', link, folder, kind, size, mode, uid, gid, modifiedMs} = typeof content === 'string' ? {text: content} : content
    const owner = this.ownerOfPlace(file)
    const parent = path.dirname(file)
    if (parent !== file && !this.machine.files.has(parent)) this.put(parent, {folder: true})
    this.machine.files.set(file, {
      kind: kind ?? (folder ? 'folder' : link === undefined ? 'file' : 'link'),
      text,
      link: link ?? '',
      mode: mode ?? (folder ? 0o755 : link === undefined ? 0o644 : 0o777),
      uid: uid ?? owner.uid,
      gid: gid ?? owner.gid,
      inode: this.machine.inodes++,
      modifiedMs: modifiedMs ?? this.machine.nowMs,
      size,
    })
  }

  /** Takes a file or a folder with all that is in it away, whoever is allowed to. */
  drop(file: string): void {
    for (const name of this.machine.files.keys()) if (name === file || name.startsWith(`${file}/`)) this.machine.files.delete(name)
  }

  /** Announces a further program run. */
  expect(...commands: readonly FakeCommand[]): void {
    for (const command of commands) this.machine.commands.push({command, used: 0})
  }

  /** Lets a process appear, or end. */
  setAlive(pid: number, isAlive: boolean): void {
    if (isAlive) this.machine.pids.add(pid)
    else this.machine.pids.delete(pid)
  }

  /** Does something once `sleep` has let that much time pass. */
  after(ms: number, effect: (host: FakeHost) => void): void {
    this.machine.later.push({atMs: this.machine.monotonicMs + ms, effect: () => effect(this)})
  }

  /** What is free from now on in a folder and all below it. */
  setFree(free: Partial<FreeSpace>, folder = '/'): void {
    const whole: FreeSpace = {
      bytes: 2 ** 32,
      rootBytes: free.bytes ?? 2 ** 32,
      totalBytes: 2 ** 34,
      files: 2 ** 20,
      totalFiles: 2 ** 22,
      ...free,
    }
    this.machine.free.push([folder, whole])
  }

  /** Sets the wall clock back or ahead; the monotonic one goes on. */
  setClock(nowMs: number): void {
    this.machine.nowMs = nowMs
  }

  /** All changes so far, in their order. Program runs that only read are not among them. */
  get changes(): readonly Change[] {
    return this.machine.changes
  }

  /** Every regular file, path to text. */
  texts(): Record<string, string> {
    return Object.fromEntries([...this.machine.files].filter(([, node]) => node.kind === 'file').map(([file, node]) => [file, node.text]))
  }

  /** Throws if an announced program run did not happen. */
  assertAllUsed(): void {
    const unused = this.machine.commands.filter(({command, used}) => used < (command.times ?? 1) && command.times !== Infinity)
    if (unused.length > 0) throw new Error(`these were never run:\n${unused.map(({command}) => `  ${command.argv.join(' ')}`).join('\n')}`)
  }

  // What the code under test sees.

  accountOf(nameOrUid: string | number): Account | undefined {
    return this.machine.accounts.find(({name, uid}) => name === nameOrUid || uid === nameOrUid)
  }

  atOnce<T>(work: () => T): T {
    return work()
  }

  /** On a machine on which all is done as one account, its two doors are one. */
  get host(): this {
    return this
  }

  get userHost(): this {
    return this
  }

  as(account: Account): FakeHost {
    if (account.uid === this.account.uid) return this
    if (this.account.uid !== 0) throw new HostError('EPERM', account.name, 'cannot act as')
    return new FakeHost(this.given, {machine: this.machine, account})
  }

  nowMs(): number {
    return this.machine.nowMs
  }

  monotonicMs(): number {
    return this.machine.monotonicMs
  }

  ownAgeMs(): number {
    return this.given.ownAgeMs ?? 0
  }

  async sleep(ms: number): Promise<void> {
    const {machine} = this
    const end = machine.monotonicMs + ms
    for (;;) {
      const next = machine.later.filter(({atMs}) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0]
      if (!next) break
      machine.later.splice(machine.later.indexOf(next), 1)
      this.advance(Math.max(0, next.atMs - machine.monotonicMs))
      next.effect()
    }
    this.advance(end - machine.monotonicMs)
    await Promise.resolve()
  }

  readText(file: string, maxBytes = MAX_TEXT_BYTES): string | undefined {
    const found = this.lookUp(file, 'cannot read')
    if (!found) return undefined
    if (found.node.kind === 'folder') throw new HostError('EISDIR', file, 'cannot read')
    if (found.node.kind !== 'file') throw new HostError('EINVAL', file, 'cannot read')
    if (!this.may(found.node, 4)) throw new HostError('EACCES', file, 'cannot read')
    if ((found.node.size ?? found.node.text.length) > maxBytes) throw new HostError('EFBIG', file, 'cannot read')
    return found.node.text
  }

  readStdin(maxBytes: number): string {
    const {stdin = ''} = this.given
    if (Buffer.byteLength(stdin) > maxBytes) throw new HostError('EFBIG', 'standard input', 'cannot read')
    return stdin
  }

  list(folder: string): string[] | undefined {
    const found = this.lookUp(folder, 'cannot list')
    if (found?.node.kind !== 'folder') return undefined
    if (!this.may(found.node, 4)) throw new HostError('EACCES', folder, 'cannot list')
    return this.namesIn(found.path)
  }

  stat(file: string): FileStat | undefined {
    const found = this.lookUp(file, 'cannot look at')
    return found && fileStat(found.node)
  }

  lstat(file: string): FileStat | undefined {
    const found = this.lookUp(file, 'cannot look at', {follow: false})
    return found && fileStat(found.node)
  }

  freeSpace(file: string): FreeSpace | undefined {
    const found = this.lookUp(file, 'cannot look at the file system of')
    return found && this.machine.free.findLast(([folder]) => `${found.path}/`.startsWith(`${folder === '/' ? '' : folder}/`))?.[1]
  }

  readLink(file: string): string | undefined {
    const node = this.lookUp(file, 'cannot read the link', {follow: false})?.node
    return node?.kind === 'link' ? node.link : undefined
  }

  realPath(file: string): string | undefined {
    return this.lookUp(file, 'cannot resolve')?.path
  }

  isExecutable(file: string): boolean {
    let node: Node | undefined
    try {
      node = this.lookUp(file, 'cannot look at')?.node
    } catch (error) {
      if (error instanceof HostError) return false
      throw error
    }
    if (node?.kind !== 'file') return false
    return this.account.uid === 0 ? (node.mode & 0o111) !== 0 : this.may(node, 1)
  }

  writeAtomic(file: string, text: string, mode: number): void {
    const place = this.placeFor(file, 'cannot write')
    const old = this.machine.files.get(place)
    if (old?.kind === 'link') throw new HostError('ELOOP', file, 'cannot write')
    if (old?.kind === 'folder') throw new HostError('EISDIR', file, 'cannot write')
    this.put(place, {text, mode, uid: old?.uid ?? this.account.uid, gid: old?.gid ?? this.account.gid})
    this.record({kind: 'writeAtomic', path: file, text, mode, as: this.account.name})
  }

  editInPlace(file: string, edit: (content: Buffer) => InPlaceWrite | undefined): boolean {
    const found = this.lookUp(file, 'cannot write', {follow: false})
    if (!found) return false
    if (found.node.kind === 'link') throw new HostError('ELOOP', file, 'cannot write')
    if (found.node.kind !== 'file') throw new HostError('EINVAL', file, 'cannot write')
    if (!this.may(found.node, 4) || !this.may(found.node, 2)) throw new HostError('EACCES', file, 'cannot write')
    const old = Buffer.from(found.node.text)
    const write = edit(old)
    if (!write) return true
    const {offset, bytes} = write
    const content = Buffer.alloc(Math.max(old.length, offset + bytes.length))
    old.copy(content)
    bytes.copy(content, offset)
    found.node.text = content.toString()
    found.node.modifiedMs = this.machine.nowMs
    this.record({kind: 'overwrite', path: file, offset, bytes: bytes.toString(), as: this.account.name})
    return true
  }

  appendLine(file: string, line: string, mode: number): void {
    const found = this.lookUp(file, 'cannot append to', {follow: false})
    if (found) {
      if (found.node.kind === 'link') throw new HostError('ELOOP', file, 'cannot append to')
      if (!this.may(found.node, 2)) throw new HostError('EACCES', file, 'cannot append to')
      found.node.text += `${line}\n`
      found.node.modifiedMs = this.machine.nowMs
    } else {
      this.put(this.placeFor(file, 'cannot append to'), {text: `${line}\n`, mode, uid: this.account.uid, gid: this.account.gid})
    }
    this.record({kind: 'appendLine', path: file, line, as: this.account.name})
  }

  setMode(file: string, mode: number): void {
    const node = this.exactly(file, 'cannot set the mode of')
    if (this.account.uid !== 0 && node.uid !== this.account.uid) throw new HostError('EPERM', file, 'cannot set the mode of')
    node.mode = mode
    this.record({kind: 'setMode', path: file, mode, as: this.account.name})
  }

  setOwner(file: string, account: Account, within = account.home): void {
    const node = this.exactly(file, 'cannot set the owner of')
    if (account.uid !== 0 && file !== within && !file.startsWith(`${within}/`))
      throw new HostError('EPERM', file, 'cannot set the owner of')
    if (this.account.uid !== 0) throw new HostError('EPERM', file, 'cannot set the owner of')
    Object.assign(node, {uid: account.uid, gid: account.gid})
    this.record({kind: 'setOwner', path: file, owner: account.name, as: this.account.name})
  }

  readTail(file: string, bytes: number): string | undefined {
    const text = this.readText(file, Infinity)
    if (text === undefined || text.length <= bytes) return text
    const end = text.slice(-bytes)
    return end.slice(end.indexOf('\n') + 1)
  }

  readPart(file: string, offset: number, bytes: number): FilePart | undefined {
    const found = this.readText(file, Infinity) === undefined ? undefined : this.lookUp(file, 'cannot read')
    if (!found) return undefined
    const {text, inode, modifiedMs} = found.node
    const content = Buffer.from(text)
    return {bytes: content.subarray(offset, offset + bytes), size: content.length, inode, device: 1, modifiedMs}
  }

  private exactly(file: string, what: string): Node {
    const found = this.lookUp(file, what, {follow: false})
    if (!found) throw new HostError('ENOENT', file, what)
    if (found.path !== file || found.node.kind === 'link') throw new HostError('ELOOP', file, what)
    return found.node
  }

  makeFolder(folder: string, mode: number): boolean {
    const there = this.lookUp(folder, 'cannot create')
    if (there) {
      if (there.node.kind === 'folder') return false
      throw new HostError('EEXIST', folder, 'cannot create')
    }
    this.put(this.placeFor(folder, 'cannot create'), {folder: true, mode, uid: this.account.uid, gid: this.account.gid})
    this.record({kind: 'makeFolder', path: folder, mode, as: this.account.name})
    return true
  }

  temporaryFolder(links: ReadonlyMap<string, string>): TemporaryFolder {
    const folder = FAKE_TEMPORARY_FOLDER
    this.put(folder, {folder: true, mode: 0o700, uid: this.account.uid, gid: this.account.gid})
    for (const [name, link] of links) this.put(`${folder}/${name}`, {link})
    const remove = () => {
      for (const name of [...this.machine.files.keys()])
        if (name === folder || name.startsWith(`${folder}/`)) this.machine.files.delete(name)
    }
    return {path: folder, remove}
  }

  removeFile(file: string): boolean {
    const found = this.lookUp(file, 'cannot remove', {follow: false})
    if (!found) return false
    if (found.node.kind === 'folder') throw new HostError('EISDIR', file, 'cannot remove')
    this.machine.files.delete(this.placeFor(file, 'cannot remove'))
    this.record({kind: 'removeFile', path: file, as: this.account.name})
    return true
  }

  removeFolder(folder: string): boolean {
    const found = this.lookUp(folder, 'cannot remove', {follow: false})
    if (!found) return false
    if (found.node.kind !== 'folder') throw new HostError('ENOTDIR', folder, 'cannot remove')
    if (this.namesIn(found.path).length > 0) return false
    this.machine.files.delete(this.placeFor(folder, 'cannot remove'))
    this.record({kind: 'removeFolder', path: folder, as: this.account.name})
    return true
  }

  which(program: string, searchPath = this.env.PATH ?? '/usr/bin:/bin'): string | undefined {
    return searchPath
      .split(':')
      .filter((folder) => folder.startsWith('/'))
      .map((folder) => path.join(folder, program))
      .find((candidate) => this.isExecutable(candidate))
  }

  read(argv: readonly string[], options: RunOptions = {}): RunResult {
    return this.answer('read', argv, options)
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    await Promise.resolve()
    this.record({kind: 'run', argv, as: this.account.name})
    return this.answer('run', argv, options)
  }

  async attach(argv: readonly string[], {onLine, ...options}: AttachOptions = {}): Promise<number> {
    await Promise.resolve()
    const {code, stdout} = this.answer('attach', argv, options)
    if (onLine) for (const line of stdout.split('\n').slice(0, -1)) onLine(line)
    if (code === null) throw new Error(`give an exit status for ${argv.join(' ')}`)
    return code
  }

  async exchange(socket: string, request: string): Promise<string> {
    await Promise.resolve()
    const answer = this.given.sockets?.[socket]
    if (answer) return answer(request)
    throw new HostError(this.lstat(socket) ? 'ECONNREFUSED' : 'ENOENT', socket, 'cannot connect to')
  }

  tether(argv: readonly string[], options: Pick<RunOptions, 'env' | 'cwd'> = {}): Tethered {
    const {command, result} = this.take('tether', argv, options)
    const pid = this.machine.nextPid++
    const endsNow = () => this.machine.pids.delete(pid)
    this.machine.pids.add(pid)
    if (command.endsAtOnce) endsNow()
    this.record({kind: 'tether', argv, as: this.account.name})
    return {pid, release: endsNow, result: () => (this.machine.pids.has(pid) ? undefined : result)}
  }

  launch(argv: readonly string[], options: Required<Pick<RunOptions, 'env' | 'cwd'>>): Launched {
    const {code, signal} = this.answer('launch', argv, options)
    return {pid: this.machine.nextPid++, ended: Promise.resolve({code, signal, status: code ?? 128})}
  }

  onExit(listener: () => void): () => void {
    this.machine.atExit.add(listener)
    return () => void this.machine.atExit.delete(listener)
  }

  /** Nobody signals a test. */
  onSignals(): () => void {
    return () => undefined
  }

  killGroup(leader: number): boolean {
    return this.signal(leader, 'SIGKILL')
  }

  async lock(file: string): Promise<HeldLock | undefined> {
    await Promise.resolve()
    const found = this.lookUp(file, 'cannot lock')
    if (!found) throw new HostError('ENOENT', file, 'cannot lock')
    if (this.machine.locked.has(found.path)) return undefined
    this.machine.locked.add(found.path)
    this.record({kind: 'lock', path: file, as: this.account.name})
    return {
      release: async () => {
        await Promise.resolve()
        this.machine.locked.delete(found.path)
        this.record({kind: 'release', path: file, as: this.account.name})
      },
    }
  }

  lockWithin(folder: string): Promise<HeldLock | undefined> {
    return this.lock(folder)
  }

  signal(pid: number, signal: NodeJS.Signals | 0): boolean {
    if (this.machine.foreignPids.has(pid)) throw new HostError('EPERM', `process ${pid}`, 'cannot signal')
    if (!this.machine.pids.has(pid)) return false
    if (signal !== 0) this.record({kind: 'signal', pid, signal, as: this.account.name})
    return true
  }

  private record(change: Change): void {
    this.machine.changes.push(change)
  }

  private advance(ms: number): void {
    this.machine.monotonicMs += ms
    this.machine.nowMs += ms
  }

  private answer(via: Via, argv: readonly string[], options: RunOptions): RunResult {
    return this.take(via, argv, options).result
  }

  private take(via: Via, argv: readonly string[], options: RunOptions): {command: FakeCommand; result: RunResult} {
    const found = this.machine.commands.find(
      ({command, used}) => used < (command.times ?? 1) && isDeepStrictEqual([...command.argv], [...argv]) && (command.via ?? via) === via,
    )
    const call = `${via} ${JSON.stringify(argv)} as ${this.account.name}`
    if (!found) {
      const unused = this.machine.commands.filter(({command, used}) => used < (command.times ?? 1))
      const waiting = unused.map(({command}) => JSON.stringify(command.argv))
      throw new Error(`unexpected: ${call}\nexpected is ${waiting.length > 0 ? `one of:\n  ${waiting.join('\n  ')}` : 'nothing more'}`)
    }
    const {command} = found
    if (command.as !== undefined && command.as !== this.account.name) throw new Error(`${call}: expected as ${command.as}`)
    if (command.env && !isDeepStrictEqual(command.env, options.env)) {
      throw new Error(`${call}: expected the environment ${JSON.stringify(command.env)}, got ${JSON.stringify(options.env)}`)
    }
    if (command.input !== undefined && command.input !== options.input)
      throw new Error(`${call}: got the input ${JSON.stringify(options.input)}`)
    found.used++
    command.effect?.(this)
    const {stdout = '', stderr = '', signal = null, failure} = command
    const code = signal || failure ? null : command.code === undefined ? 0 : command.code
    return {command, result: {argv, code, signal, stdout, stderr, ...(failure ? {failure} : {})}}
  }

  /** Owner of what lies there if nothing is said: whose home it is in, else root. */
  private ownerOfPlace(file: string): Account {
    return this.machine.accounts.find(({home}) => home !== '/' && (file === home || file.startsWith(`${home}/`))) ?? ROOT
  }

  private namesIn(folder: string): string[] {
    return [...this.machine.files.keys()].filter((file) => file !== '/' && path.dirname(file) === folder).map((file) => path.basename(file))
  }

  /** path_resolution(7): walks the path, links and all; undefined if it leads nowhere. Throws EACCES and ELOOP as the system does. */
  private lookUp(file: string, what: string, {follow = true} = {}): {path: string; node: Node} | undefined {
    if (!path.isAbsolute(file)) throw new Error(`not an absolute path: ${file}`)
    let rest = file.split('/').filter(Boolean)
    let here = '/'
    let links = 0
    while (rest.length > 0) {
      const folder = this.machine.files.get(here)
      if (folder?.kind !== 'folder') return undefined
      if (!this.may(folder, 1)) throw new HostError('EACCES', file, what)
      const [name = '', ...after] = rest
      rest = after
      if (name === '.' || name === '..') {
        here = path.join(here, name)
        continue
      }
      const next = path.join(here, name)
      const node = this.machine.files.get(next)
      if (!node) return undefined
      if (node.kind === 'link' && (follow || after.length > 0)) {
        if (++links > MAX_LINKS) throw new HostError('ELOOP', file, what)
        rest = [...node.link.split('/').filter(Boolean), ...after]
        if (path.isAbsolute(node.link)) here = '/'
      } else {
        here = next
      }
    }
    const node = this.machine.files.get(here)
    return node && {path: here, node}
  }

  /** Where an entry of that path is made or removed. Throws unless its folder exists and may be written. */
  private placeFor(file: string, what: string): string {
    const folder = this.lookUp(path.dirname(file), what)
    if (!folder) throw new HostError('ENOENT', file, what)
    if (folder.node.kind !== 'folder') throw new HostError('ENOTDIR', file, what)
    if (!this.may(folder.node, 2)) throw new HostError('EACCES', file, what)
    return path.join(folder.path, path.basename(file))
  }

  /** Whether this account may do all of it: read (4), write (2), execute (1). */
  private may(node: Node, bit: number): boolean {
    if (this.account.uid === 0) return true
    const shift = node.uid === this.account.uid ? 6 : node.gid === this.account.gid ? 3 : 0
    return ((node.mode >> shift) & bit) === bit
  }
}

function fileStat({kind, uid, gid, mode, text, inode, modifiedMs, size}: Node): FileStat {
  return {kind, uid, gid, mode, size: size ?? Buffer.byteLength(text), inode, device: 1, modifiedMs}
}
