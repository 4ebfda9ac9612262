/**
 * What a command that root runs on another account's home did, read from a trace of strace(1): which of its system calls an account that owns
 * the home could turn against the machine. Judged is each call by the ids that its thread had, so nothing depends on who wins a race.
 */

/** System calls that are traced; "?": not on every machine. */
const CALLS = {
  opening: ['?open', 'openat', '?openat2', '?creat'],
  looking: [
    ...['?stat', '?lstat', 'newfstatat', 'statx', '?access', 'faccessat', '?faccessat2', '?readlink', 'readlinkat', 'chdir'],
    ...['statfs', 'getxattr', 'lgetxattr', 'listxattr', 'llistxattr', 'inotify_add_watch'],
  ],
  changing: [
    ...['?unlink', 'unlinkat', '?rmdir', '?rename', '?renameat', 'renameat2', '?link', 'linkat', '?symlink', 'symlinkat', '?mkdir'],
    ...['mkdirat', '?mknod', 'mknodat', '?chmod', 'fchmod', 'fchmodat', '?fchmodat2', '?chown', '?lchown', 'fchown', 'fchownat', '?utime'],
    ...['?utimes', '?futimesat', 'utimensat', 'truncate', 'setxattr', 'lsetxattr', 'removexattr', 'lremovexattr', 'bind', 'mount'],
  ],
  others: ['connect', 'kill', 'tkill', 'tgkill', 'execve', 'execveat'],
  ids: ['setresuid', 'setreuid', 'setuid', 'setfsuid', 'setsid', 'clone', '?clone3', '?fork', '?vfork'],
} as const

/** Arguments of strace; the trace goes to that file, and the program's command line follows. */
export function traceArgv(file: string): string[] {
  const calls = Object.values(CALLS).flat().join(',')
  return ['strace', '-f', '--seccomp-bpf', '-y', '-qq', '-s', '4096', '-e', 'abbrev=!execve', '-e', `trace=${calls}`, '-o', file]
}

/** Whose home it is, and what is root's business. */
export interface Boundary {
  readonly uid: number
  /** Its home directory. */
  readonly home: string
  /** Folders that the account may write: its home, its runtime folder. */
  readonly theirs: readonly string[]
  /** What root may change: expressions for whole paths. */
  readonly ours: readonly RegExp[]
  /** What root may look at, and nothing more: expressions for whole paths. */
  readonly seen: readonly RegExp[]
  /** Sockets to which root may connect. */
  readonly sockets: readonly RegExp[]
  /** A value of root's environment that nobody else may have. */
  readonly secret: string
  /** Programs that nobody may start to learn something of them. */
  readonly unasked: readonly string[]
}

export type ViolationKind =
  | 'root-looks'
  | 'root-opens'
  | 'root-changes'
  | 'root-connects'
  | 'root-signals'
  | 'root-runs'
  | 'in-root-session'
  | 'secret-handed'
  | 'unasked-program'

/** One call that should not have been. */
export interface Violation {
  readonly kind: ViolationKind
  /** In short, with `~` for the account's home directory. */
  readonly call: string
}

interface Process {
  session: 'root' | 'own'
  readonly files: Map<string, string>
  /** Processes that it started, and they. */
  readonly root: Set<string>
}

interface Thread {
  ids: {real: number; effective: number; saved: number}
  readonly process: Process
}

interface Call {
  readonly thread: string
  readonly name: string
  /** What stands between the parentheses. */
  readonly args: string
  readonly result: string
  readonly text: string
}

/** What in a trace an account could have turned against root; in order, each place and call once. */
export function violations(trace: string, boundary: Boundary): Violation[] {
  const found = new Map<string, Violation>()
  const threads = new Map<string, Thread>()
  const calls = callsOf(trace)
  const parents = parentsOf(calls)
  const started = new Set<string>(calls.map(({thread}) => thread))
  const threadOf = (id: string): Thread => {
    const known = threads.get(id)
    if (known) return known
    const parent = parents.get(id)
    const above = parent && threadOf(parent.thread)
    const thread: Thread = above
      ? {ids: {...above.ids}, process: parent.isThread ? above.process : {...above.process, files: new Map(above.process.files)}}
      : {ids: {real: 0, effective: 0, saved: 0}, process: {session: 'root', files: new Map(), root: started}}
    threads.set(id, thread)
    return thread
  }
  for (const call of calls) {
    const thread = threadOf(call.thread)
    for (const kind of kindsOf(call, thread, boundary)) {
      const text = shownCall(call, placesOf(call, thread.process), boundary)
      found.set(`${kind} ${text}`, {kind, call: text})
    }
    note(call, thread)
    if (isClone(call)) for (const child of childrenOf(call)) threadOf(child)
  }
  return [...found.values()]
}

/** Calls that were interrupted by another thread's line are put together again. */
function callsOf(trace: string): Call[] {
  const calls: Call[] = []
  const begun = new Map<string, {index: number; text: string}>()
  for (const line of trace.split('\n')) {
    const [, thread = '', text = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    if (text === '' || text.startsWith('+++') || text.startsWith('---')) continue
    if (text.endsWith('<unfinished ...>')) {
      // Its place in the order is where it began.
      begun.set(thread, {index: calls.length, text: text.slice(0, -'<unfinished ...>'.length).trimEnd()})
      calls.push(parsed(thread, `${text.slice(0, -'<unfinished ...>'.length).trimEnd()}) = ?`))
      continue
    }
    const [, rest] = /^<\.\.\. \w+ resumed>(.*)$/.exec(text) ?? []
    const former = begun.get(thread)
    if (rest === undefined) calls.push(parsed(thread, text))
    else if (former) {
      calls[former.index] = parsed(thread, former.text + rest)
      begun.delete(thread)
    }
  }
  return calls.filter(({name}) => name !== '')
}

function parsed(thread: string, text: string): Call {
  const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\)\s+= (.*)$/.exec(text) ?? []
  return {thread, name, args, result, text}
}

function isClone({name}: Call): boolean {
  return /^(clone3?|v?fork)$/.test(name)
}

function childrenOf({result}: Call): string[] {
  const [child] = /^\d+/.exec(result) ?? []
  return child === undefined ? [] : [child]
}

function parentsOf(calls: readonly Call[]): Map<string, {thread: string; isThread: boolean}> {
  return new Map(
    calls
      .filter(isClone)
      .flatMap((call) => childrenOf(call).map((child) => [child, {thread: call.thread, isThread: call.args.includes('CLONE_THREAD')}])),
  )
}

/** What a call that worked means for those that follow. */
function note({name, args, result}: Call, {ids, process}: Thread): void {
  if (result.startsWith('-1')) return
  const numbers = args.split(',').map((word) => Number(word.trim()))
  const set = (key: keyof typeof ids, value: number | undefined) => {
    if (value !== undefined && value >= 0 && value < 0xffff_ffff) ids[key] = value
  }
  switch (name) {
    case 'setresuid':
      set('real', numbers[0])
      set('effective', numbers[1])
      set('saved', numbers[2])
      break
    case 'setreuid':
      set('real', numbers[0])
      set('effective', numbers[1])
      break
    case 'setuid':
      set('real', numbers[0])
      set('effective', numbers[0])
      break
    case 'setfsuid':
      set('effective', numbers[0])
      break
    case 'setsid':
      process.session = 'own'
      break
    default: {
      const [, fd = '', file = ''] = /^(\d+)<(\/[^>]*)>/.exec(result) ?? []
      if (fd !== '') process.files.set(fd, file)
    }
  }
}

function kindsOf(call: Call, {ids, process}: Thread, boundary: Boundary): ViolationKind[] {
  const {name, args, result} = call
  const isRoot = ids.effective === 0
  const places = placesOf(call, process)
  const isTheirs = places.some((place) => boundary.theirs.some((folder) => place.startsWith(`${folder}/`)))
  if (name.startsWith('execve')) {
    if (result.startsWith('-1')) return []
    const isAnothers = ids.real === boundary.uid || ids.effective === boundary.uid
    return [
      ...(isAnothers && process.session === 'root' ? (['in-root-session'] as const) : []),
      ...(isAnothers && args.includes(boundary.secret) ? (['secret-handed'] as const) : []),
      ...(!isAnothers && isTheirs ? (['root-runs'] as const) : []),
      ...(places.some((place) => boundary.unasked.includes(place)) ? (['unasked-program'] as const) : []),
    ]
  }
  if (!isRoot) return []
  const opening = CALLS.opening.some((one) => one.replace('?', '') === name)
  const isWriting = opening && (name === 'creat' || /O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)/.test(args))
  if (CALLS.changing.some((one) => one.replace('?', '') === name) || isWriting) {
    // A bind of a netlink or abstract socket names no path.
    return places.length === 0 || places.every((place) => isOurs(place, call, boundary)) ? [] : ['root-changes']
  }
  if (opening) return isTheirs && !isHandle(args) ? ['root-opens'] : []
  if (name === 'connect') return places.some((place) => !boundary.sockets.some((socket) => socket.test(place))) ? ['root-connects'] : []
  if (name.endsWith('kill')) {
    const isTest = /, (0|SIGRT_1)\b/.test(args)
    return isTest || args.startsWith('0,') || process.root.has((/^-?(\d+)/.exec(args) ?? [])[1] ?? '') ? [] : ['root-signals']
  }
  // A link that is read, or what a handle is of, leads nowhere.
  if (places.every((place) => boundary.seen.some((expression) => expression.test(place)))) return []
  return isTheirs && CALLS.looking.some((one) => one.replace('?', '') === name) && !isUnfollowed(call) ? ['root-looks'] : []
}

/** O_PATH opens nothing, and without following a link it cannot be led away. */
function isHandle(args: string): boolean {
  return args.includes('O_PATH') && args.includes('O_NOFOLLOW')
}

/** A look through a handle of what was entered part by part, or at a descriptor itself. */
function isUnfollowed({args}: Call): boolean {
  return (
    args.includes('AT_EMPTY_PATH') ||
    /^"\/proc\/self\/fd\/\d+"/.test(args) ||
    /^(\d+<[^>]*>|AT_FDCWD<[^>]*>), "\/proc\/self\/fd\/\d+"/.test(args)
  )
}

/** Changing the owner or mode of what belongs to the account's own home, by a handle. */
function isOurs(place: string, {name, args}: Call, {ours, theirs}: Boundary): boolean {
  if (ours.some((expression) => expression.test(place))) return true
  const isHandled =
    /^f?ch(own|mod)/.test(name) && (/^"\/proc\/self\/fd\/\d+"/.test(args) || /^(\d+<|AT_FDCWD<[^>]*>, "\/proc\/self\/fd\/\d+")/.test(args))
  return isHandled && theirs.some((folder) => place.startsWith(`${folder}/`))
}

/** The absolute paths that a call names, and what they led to. */
function placesOf({name, args, result}: Call, process: Process): string[] {
  const places: string[] = []
  let folder = ''
  for (const [, fd, opened, text] of args.matchAll(/(AT_FDCWD|\d+)<([^>]*)>|"((?:[^"\\]|\\.)*)"/g)) {
    if (fd !== undefined) {
      folder = opened ?? ''
      if (/^fch(mod|own)$/.test(name) && folder.startsWith('/')) places.push(folder)
    } else if (text !== undefined) {
      const [, number, rest = ''] = /^\/proc\/self\/fd\/(\d+)(\/.*)?$/.exec(text) ?? []
      const handle = number === undefined ? undefined : process.files.get(number)
      if (handle !== undefined) places.push(handle + rest)
      else if (text.startsWith('/')) places.push(text)
      else if (folder.startsWith('/') && text !== '') places.push(`${folder}/${text}`)
      else places.push('')
    }
  }
  const [, led] = /^\d+<(\/[^>]*)>/.exec(result) ?? []
  // Of most calls the first text is the place, and what follows are words or an answer; a link's target is but a text.
  const named = /^(rename|link)/.test(name) ? places : name.startsWith('symlink') ? places.slice(1) : places.slice(0, 1)
  return [...named, ...(led === undefined ? [] : [led])].filter((place) => place !== '')
}

/** What is shown of a call: its name, what it was about, and how a file was opened. */
function shownCall({name, args, result}: Call, places: readonly string[], {home}: Boundary): string {
  const words = name.startsWith('execve') ? [/\[(.*?)\]/.exec(args)?.[1] ?? ''] : [...new Set(places)]
  const [flags = ''] = /O_[A-Z_|]+/.exec(args) ?? []
  const owner = /chown|chmod|kill/.test(name) ? args.replace(/^.*[>"], /, '') : ''
  const failed = /^-1 (\w+)/.exec(result)?.[1] ?? ''
  const text = [name, ...words, flags, owner, failed && `(${failed})`].filter((word) => word !== '').join(' ')
  return text.replaceAll(home, '~').slice(0, 400)
}
