import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import {isObject} from '../gateway/records.js'
import {type AccountHost, HostError} from '../host/host.js'
import {type EndLine, parseEndLine} from '../service/end-line.js'
import type {EventLine} from '../service/event-line.js'
import type {AppliedStep} from './plan.js'

/** A longer journal is begun anew by who writes most of it, the helper of a service (service-helper.sh) or `run`; the former one is kept as `.1`. */
export const JOURNAL_BYTES = 4 * 1024 * 1024
const RENEWED_WITHIN_MS = 5000

export const journalFile = (home: string): string => path.join(home, HomeFile.logFolder, 'hermes-svc.jsonl')
/** What is recent: a thousand lines, which is a day of a gateway that fails each two minutes. */
const RECENT_BYTES = 256 * 1024

/** One line of `<home>/logs/hermes-svc.jsonl`: an applied plan. Others tell of an end (service/end-line.ts) or of what a tick saw (service/event-line.ts). No file content, no environment, no secret. */
export interface JournalEntry {
  readonly time: string
  readonly command: string
  readonly service: string
  readonly outcome: 'done' | 'failed' | 'cancelled'
  readonly error?: string
  /** How long the command took up to this line, in ms: what happened meanwhile is its doing. Absent in what older versions wrote. */
  readonly tookMs?: number
  readonly steps: readonly JournalStep[]
}

interface JournalStep {
  readonly kind: string
  readonly target: string
  readonly changed: boolean
  readonly before?: string | null
  readonly after?: string | null
}

export function journalStep(applied: AppliedStep): JournalStep {
  const {step} = applied
  const target = 'path' in step ? step.path : 'argv' in step ? step.argv.join(' ') : step.why
  return {
    kind: step.kind,
    target,
    changed: applied.changed,
    ...(applied.before === undefined ? {} : {before: applied.before}),
    ...(applied.after === undefined ? {} : {after: applied.after}),
  }
}

/**
 * Appends one line to the home's journal. `host` acts as the home's owner. Returns why it could not be written (a full disk, a home that
 * is gone); the plan itself is done by then, so that is no failure of it.
 */
export function appendJournal(host: AccountHost, home: string, entry: JournalEntry | EndLine | EventLine): string | undefined {
  try {
    host.makeFolder(path.join(home, HomeFile.logFolder), 0o700)
    host.appendLine(journalFile(home), JSON.stringify(entry), 0o600)
    return undefined
  } catch (error) {
    if (error instanceof HostError) return error.message
    throw error
  }
}

/** Begins a journal anew that has grown too long; where that cannot be done it grows. Never throws for what it finds. */
export async function renewJournal(host: AccountHost, home: string): Promise<void> {
  const file = journalFile(home)
  try {
    const stat = host.lstat(file)
    if (stat?.kind === 'file' && stat.size > JOURNAL_BYTES)
      await host.run(['mv', '-f', '--', file, `${file}.1`], {timeoutMs: RENEWED_WITHIN_MS})
  } catch (error) {
    if (!(error instanceof HostError)) throw error
  }
}

/** The last entries of a home's journal, oldest first; lines that are none are left out. Throws HostError where it may not be read. */
export function recentEntries(host: AccountHost, home: string): JournalEntry[] {
  return recent(host, home, parseEntry)
}

/** The last ends of the gateway that the journal tells of, as `recentEntries`. `bytes`: no more of it is read. */
export function recentEnds(host: AccountHost, home: string, bytes = RECENT_BYTES): EndLine[] {
  return recent(host, home, parseEndLine, bytes)
}

function recent<T>(host: AccountHost, home: string, parse: (value: unknown) => T | undefined, bytes = RECENT_BYTES): T[] {
  const text = host.readTail(journalFile(home), bytes) ?? ''
  return text.split('\n').flatMap((line) => {
    try {
      return parse(JSON.parse(line)) ?? []
    } catch {
      // The first line may be half of one, and the last one may be being written.
      return []
    }
  })
}

const OUTCOMES: readonly JournalEntry['outcome'][] = ['done', 'failed', 'cancelled']

/** The applied plan that a line of the journal, parsed as JSON, tells of; undefined if it is none. */
export function parseEntry(value: unknown): JournalEntry | undefined {
  if (!isObject(value)) return undefined
  const {time, command, service, error, tookMs, steps} = value
  const outcome = OUTCOMES.find((known) => known === value.outcome)
  if (typeof time !== 'string' || typeof command !== 'string' || typeof service !== 'string' || !outcome || !Array.isArray(steps))
    return undefined
  const took = typeof tookMs === 'number' && tookMs >= 0 ? {tookMs} : {}
  return {time, command, service, outcome, ...(typeof error === 'string' ? {error} : {}), ...took, steps: steps.flatMap(parseStep)}
}

function parseStep(value: unknown): JournalStep[] {
  if (!isObject(value)) return []
  const {kind, target, changed, before, after} = value
  if (typeof kind !== 'string' || typeof target !== 'string' || typeof changed !== 'boolean') return []
  const isHash = (hash: unknown): hash is string | null => typeof hash === 'string' || hash === null
  return [{kind, target, changed, ...(isHash(before) ? {before} : {}), ...(isHash(after) ? {after} : {})}]
}
