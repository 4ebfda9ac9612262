import path from 'node:path'
import url from 'node:url'
import {CheckoutFile, PACKAGE_NAME} from './contract.js'
import type {AccountHost} from '../host/host.js'
import {HostError} from '../host/host.js'
import {listIfAllowed, readIfAllowed, realPathIfAllowed, statIfAllowed} from '../host/tolerant-read.js'

// What code a gateway was started with, and what is on the disk now. All of it is read, with the account's ids; no git is run.

/** The gateway's code on the disk. */
export interface CodeOnDisk {
  /** The checkout, or the folder of installed packages. */
  readonly place: string
  /** Of a checkout: the commit that it is at, 40 hex digits or more. */
  readonly commit: string | undefined
  /** Its version, as it names it. */
  readonly version: string | undefined
  /** Where a checkout was, oldest first, as far as git remembers; empty where it does not. */
  readonly moves: readonly Move[]
}

/** One line of git's log of where HEAD was (git-reflog(1)). */
export interface Move {
  readonly from: string
  readonly to: string
  /** Seconds since the epoch. */
  readonly atSec: number
}

const SMALL_BYTES = 65_536
const COMMIT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/
const PYTHON_FOLDER = /^python3\.\d+$/
const VERSION_LINE = /^__version__\s*=\s*["']([^"']{1,64})["']/m

/**
 * Finds the code that a gateway runs by its words, those of its record and those of its process: the path of its program, the launcher of its virtual
 * environment, or that one's python. Undefined where they tell nothing. Never throws.
 */
export function codeOnDisk(userHost: AccountHost, words: readonly string[]): CodeOnDisk | undefined {
  const paths = [...new Set(words)].filter((word) => path.isAbsolute(word) && word.length < 4096)
  const program = paths.find((word) => CheckoutFile.programs.some((one) => word.endsWith(`/${one}`)))
  if (program !== undefined) {
    const root = path.dirname(path.dirname(program))
    return ofFolder(userHost, root) ?? ofPackages(userHost, root)
  }
  for (const word of paths) {
    if (!/^(?:hermes|python[0-9.]*)$/.test(path.basename(word))) continue
    // A launcher may be linked to from elsewhere. The python of an environment is a link to the system's, and what counts is where that stands.
    const places = path.basename(word) === CheckoutFile.launcher ? [word, realPathIfAllowed(userHost, word)] : [word]
    for (const place of places) {
      const found = ofEnvironment(userHost, path.dirname(path.dirname(place)))
      if (found) return found
    }
  }
  return undefined
}

/** The commit that a checkout was at; undefined where git does not remember so far back. */
export function commitAt({moves}: CodeOnDisk, atMs: number): string | undefined {
  // What happened in the same second may have been before it.
  const before = moves.findLast(({atSec}) => atSec * 1000 <= atMs)
  const commit = before?.to ?? moves[0]?.from
  return commit === undefined || /^0+$/.test(commit) ? undefined : commit
}

/** Of a virtual environment: what its package of the gateway is installed from. */
function ofEnvironment(userHost: AccountHost, root: string): CodeOnDisk | undefined {
  for (const folder of ['lib', 'lib64']) {
    for (const python of listIfAllowed(userHost, path.join(root, folder)).filter((name) => PYTHON_FOLDER.test(name))) {
      const found = ofPackages(userHost, path.join(root, folder, python, 'site-packages'))
      if (found) return found
    }
  }
  return undefined
}

/** Of a folder of installed packages (PEP 376, PEP 610): an editable one leads to its checkout. */
function ofPackages(userHost: AccountHost, folder: string): CodeOnDisk | undefined {
  for (const name of listIfAllowed(userHost, folder)) {
    const [, version] = INFO.exec(name) ?? []
    if (version === undefined) continue
    const checkout = editableFrom(smallText(userHost, path.join(folder, name, 'direct_url.json')))
    return (checkout === undefined ? undefined : ofFolder(userHost, checkout)) ?? {place: folder, commit: undefined, version, moves: []}
  }
  return undefined
}

const INFO = new RegExp(`^${PACKAGE_NAME.replace('-', '[-_]')}-([^-]{1,64})\\.dist-info$`)

function editableFrom(text: string | undefined): string | undefined {
  try {
    const said = JSON.parse(text ?? 'null') as {url?: unknown; dir_info?: {editable?: unknown}} | null
    return said?.dir_info?.editable === true && typeof said.url === 'string' ? url.fileURLToPath(said.url) : undefined
  } catch {
    return undefined
  }
}

/** Of a checkout; undefined for a folder that is none. */
function ofFolder(userHost: AccountHost, root: string): CodeOnDisk | undefined {
  const git = gitFolder(userHost, root)
  if (git === undefined) return undefined
  const [, version] = VERSION_LINE.exec(smallText(userHost, path.join(root, CheckoutFile.version)) ?? '') ?? []
  return {place: root, commit: headOf(userHost, git), version, moves: movesOf(userHost, git)}
}

/** gitrepository-layout(5): a folder, or a file that names it. */
function gitFolder(userHost: AccountHost, root: string): string | undefined {
  const git = path.join(root, '.git')
  const kind = statIfAllowed(userHost, git)?.kind
  if (kind === 'folder') return git
  const [, named] = /^gitdir:\s*(.+)$/m.exec((kind === 'file' && smallText(userHost, git)) || '') ?? []
  return named === undefined ? undefined : path.resolve(root, named.trim())
}

function headOf(userHost: AccountHost, git: string): string | undefined {
  const head = smallText(userHost, path.join(git, 'HEAD'))?.trim()
  const [, ref] = /^ref:\s*(refs\/[\w./@+-]+)$/.exec(head ?? '') ?? []
  if (ref === undefined) return head !== undefined && COMMIT.test(head) ? head : undefined
  if (ref.split('/').includes('..')) return undefined
  // A worktree has its branches where the whole repository has them.
  const common = smallText(userHost, path.join(git, 'commondir'))?.trim()
  const folders = common === undefined ? [git] : [git, path.resolve(git, common)]
  for (const folder of folders) {
    const commit = smallText(userHost, path.join(folder, ref))?.trim()
    if (commit !== undefined && COMMIT.test(commit)) return commit
  }
  const packed = folders.map((folder) => readIfAllowed(userHost, path.join(folder, 'packed-refs'))).find((text) => text !== undefined)
  return packed
    ?.split('\n')
    .find((line) => line.endsWith(` ${ref}`) && COMMIT.test(line.slice(0, line.indexOf(' '))))
    ?.split(' ')[0]
}

const MOVE = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) .*> (\d{1,12}) [+-]\d{4}(?:\t|$)/

/** The last of them: what is longer ago than a file of that size goes back is not asked for. */
function movesOf(userHost: AccountHost, git: string): Move[] {
  const file = path.join(git, 'logs/HEAD')
  const {size = 0} = statIfAllowed(userHost, file) ?? {}
  let text
  try {
    text = userHost.readPart(file, Math.max(0, size - SMALL_BYTES), SMALL_BYTES)?.bytes.toString('utf8') ?? ''
  } catch (error) {
    if (error instanceof HostError) return []
    throw error
  }
  const lines = text.split('\n').slice(size > SMALL_BYTES ? 1 : 0)
  return lines.flatMap((line) => {
    const [, from, to, atSec] = MOVE.exec(line) ?? []
    return from === undefined || to === undefined ? [] : [{from, to, atSec: Number(atSec)}]
  })
}

function smallText(userHost: AccountHost, file: string): string | undefined {
  const stat = statIfAllowed(userHost, file)
  return stat?.kind === 'file' && stat.size <= SMALL_BYTES ? readIfAllowed(userHost, file) : undefined
}
