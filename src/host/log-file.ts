import path from 'node:path'
import {type Door, type FilePart, HostError} from './host.js'

/** Of a line, in bytes; of a longer one the beginning is shown, or it is shown in parts. */
const MAX_LINE_BYTES = 64 * 1024
const CHUNK_BYTES = 64 * 1024
/** Of a log with all that rotations have made of it. Upstream keeps 20 MB, s6-log 10. */
const MAX_LOG_BYTES = 512 * 1024 * 1024
/** What is read of a log at once while it is followed. */
const MAX_NEWS_BYTES = 1024 * 1024
/** By as many bytes before it a place in a log is known again: another file may have got the number of the one that was removed. */
const MARK_BYTES = 64
const NEWLINE = 10

/** A log that is begun anew from time to time, the former files being kept beside it. */
export interface RotatedLog {
  readonly folder: string
  /** Name of the file that is written to. */
  readonly current: string
  /** Of the names in the folder those of the former files, oldest first. */
  readonly former: (names: readonly string[]) => string[]
}

/** A log whose former files are `<log>.1`, `<log>.2` and so on, the higher the older (logging.handlers of Python, newsyslog(8)). */
export function numberedLog(file: string): RotatedLog {
  const current = path.basename(file)
  const numberOf = (name: string) => {
    const digits = name.startsWith(`${current}.`) ? name.slice(current.length + 1) : ''
    return /^\d{1,4}$/.test(digits) ? Number(digits) : 0
  }
  const former = (names: readonly string[]) => names.filter((name) => numberOf(name) > 0).sort((a, b) => numberOf(b) - numberOf(a))
  return {folder: path.dirname(file), current, former}
}

export const currentFile = ({folder, current}: RotatedLog): string => path.join(folder, current)

/** A place in a log, from which it can be followed: which file, how far, and what stands before it. */
export interface LogMark {
  readonly identity: string
  readonly offset: number
  readonly before: Buffer
}

/** Behind the last whole line of a log; undefined if there is none, or none that may be read. */
export function endOfLog(host: Door, log: RotatedLog): LogMark | undefined {
  const size = readablePart(host, currentFile(log), 0, 0)?.size
  const part = size === undefined ? undefined : readablePart(host, currentFile(log), Math.max(0, size - MAX_LINE_BYTES), MAX_LINE_BYTES)
  if (!part || size === undefined) return undefined
  const start = Math.max(0, size - MAX_LINE_BYTES)
  const newline = part.bytes.lastIndexOf(NEWLINE)
  const length = newline < 0 ? (start === 0 ? 0 : part.bytes.length) : newline + 1
  return {identity: identityOf(part), offset: start + length, before: markOf(part.bytes.subarray(0, length))}
}

/**
 * The lines of a log, the newest first, through all of its files; before `end` if that is given. Reads as much as is asked for, in pieces, and goes on in
 * the right file where a rotation comes in between. What cannot be read has no lines. `budget`: no more bytes are read; where there are, it is less than 0
 * in the end.
 */
export function* newestLines(host: Door, log: RotatedLog, end?: LogMark, budget = {left: MAX_LOG_BYTES}): Generator<string> {
  const done = new Set<string>()
  let isBeforeEnd = end === undefined
  for (const file of filesOf(host, log).reverse()) {
    const first = readablePart(host, file, 0, 0)
    if (!first || done.has(identityOf(first))) continue
    const identity = identityOf(first)
    done.add(identity)
    // What was begun since is news.
    if (!isBeforeEnd && identity !== end?.identity) continue
    let at = !isBeforeEnd && end ? Math.min(end.offset, first.size) : first.size
    isBeforeEnd = true
    let place: string | undefined = file
    let rest: Buffer = Buffer.alloc(0)
    let isEnd = true
    while (at > 0) {
      const start = Math.max(0, at - CHUNK_BYTES)
      const part: FilePart | undefined = readablePart(host, place, start, at - start)
      if (!part || identityOf(part) !== identity) {
        place = filesOf(host, log).find((other) => isFile(host, other, identity))
        if (place === undefined) break
        continue
      }
      if (part.bytes.length < at - start || (budget.left -= part.bytes.length) < 0) return
      at = start
      const text = Buffer.concat([part.bytes, rest])
      const lines = splitLines(text)
      // The first one may begin before this piece, and what follows the last newline is a line only if something is there.
      const [head = Buffer.alloc(0), ...whole] = lines
      rest = head.subarray(0, MAX_LINE_BYTES)
      for (const line of whole.reverse()) {
        if (!isEnd || line.length > 0) yield decoded(line)
        isEnd = false
      }
    }
    if (at === 0 && (rest.length > 0 || !isEnd)) yield decoded(rest)
  }
}

/** Follows a log from a place on, over rotations, cuts and replacements; one that is not there may come. */
export class LogFollower {
  private rest: Buffer = Buffer.alloc(0)

  constructor(
    private readonly host: Door,
    private readonly log: RotatedLog,
    private mark: LogMark | undefined,
  ) {}

  /** The whole lines that were written since the last call. What cannot be read says nothing. */
  read(): string[] {
    const lines: string[] = []
    let left = MAX_NEWS_BYTES
    while (left > 0) {
      const part = this.next()
      if (!part) break
      left -= part.length
      const pieces = splitLines(Buffer.concat([this.rest, part]))
      this.rest = pieces.pop() ?? Buffer.alloc(0)
      if (this.rest.length > MAX_LINE_BYTES) {
        pieces.push(this.rest)
        this.rest = Buffer.alloc(0)
      }
      lines.push(...pieces.map(decoded))
    }
    return lines
  }

  /** The next bytes; undefined if there are none now. */
  private next(): Buffer | undefined {
    const current = currentFile(this.log)
    let {mark} = this
    const file = mark && isFile(this.host, current, mark.identity) ? current : this.fileOf(mark)
    if (!mark || file === undefined) {
      const first = readablePart(this.host, current, 0, 0)
      if (!first) return undefined
      mark = {identity: identityOf(first), offset: 0, before: Buffer.alloc(0)}
      this.begin(mark)
    }
    const from = mark.offset - mark.before.length
    const part = readablePart(this.host, file ?? current, from, mark.before.length + CHUNK_BYTES)
    if (!part || identityOf(part) !== mark.identity) return undefined
    if (!part.bytes.subarray(0, mark.before.length).equals(mark.before)) {
      // It was cut, or another one has its number.
      this.begin({identity: mark.identity, offset: 0, before: Buffer.alloc(0)})
      return part.size > 0 ? this.next() : undefined
    }
    const news = part.bytes.subarray(mark.before.length)
    if (news.length > 0) {
      this.mark = {identity: mark.identity, offset: mark.offset + news.length, before: markOf(part.bytes)}
      return news
    }
    const files = filesOf(this.host, this.log)
    const newer = file === undefined || file === current ? undefined : files[files.indexOf(file) + 1]
    const first = newer === undefined ? undefined : readablePart(this.host, newer, 0, 0)
    if (!first) return undefined
    this.begin({identity: identityOf(first), offset: 0, before: Buffer.alloc(0)})
    return this.next()
  }

  private begin(mark: LogMark): void {
    this.mark = mark
    this.rest = Buffer.alloc(0)
  }

  private fileOf(mark: LogMark | undefined): string | undefined {
    return mark && filesOf(this.host, this.log).find((file) => isFile(this.host, file, mark.identity))
  }
}

/** The files of a log, oldest first. */
function filesOf(host: Door, log: RotatedLog): string[] {
  let names: string[] = []
  try {
    names = host.list(log.folder) ?? []
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
  return [...log.former(names), log.current].map((name) => path.join(log.folder, name))
}

function isFile(host: Door, file: string, identity: string): boolean {
  const part = readablePart(host, file, 0, 0)
  return part !== undefined && identityOf(part) === identity
}

/** As Door.readPart; undefined also for what may not be read. */
export function readablePart(host: Door, file: string, offset: number, bytes: number): FilePart | undefined {
  try {
    return host.readPart(file, offset, bytes)
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

const identityOf = ({device, inode}: FilePart): string => `${device}:${inode}`
/** A copy: the piece that it is of is not kept. */
const markOf = (bytes: Buffer): Buffer => Buffer.from(bytes.subarray(Math.max(0, bytes.length - MARK_BYTES)))
const decoded = (line: Buffer): string => line.subarray(0, MAX_LINE_BYTES).toString('utf8').replace(/\r$/, '')

function splitLines(text: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let from = 0
  for (let at = text.indexOf(NEWLINE); at >= 0; at = text.indexOf(NEWLINE, from)) {
    lines.push(text.subarray(from, at))
    from = at + 1
  }
  lines.push(text.subarray(from))
  return lines
}
