import path from 'node:path'
import {type Host, HostError} from '../host/host.js'
import type {AppliedStep} from './apply.js'

const journalFile = (home: string): string => path.join(home, 'logs', 'hermes-svc.jsonl')
/** What is recent: some hundred entries. */
const RECENT_BYTES = 64 * 1024

/** One line of `<home>/logs/hermes-svc.jsonl`: an applied plan. No file content, no environment, no secret. */
export interface JournalEntry {
  readonly time: string
  readonly command: string
  readonly service: string
  readonly outcome: 'done' | 'failed' | 'cancelled'
  readonly error?: string
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
export function appendJournal(host: Host, home: string, entry: JournalEntry): string | undefined {
  try {
    host.makeFolder(path.join(home, 'logs'), 0o700)
    host.appendLine(journalFile(home), JSON.stringify(entry), 0o600)
    return undefined
  } catch (error) {
    if (error instanceof HostError) return error.message
    throw error
  }
}

/** The last entries of a home's journal, oldest first; lines that are none are left out. Throws HostError where it may not be read. */
export function recentEntries(host: Host, home: string): JournalEntry[] {
  const text = host.readTail(journalFile(home), RECENT_BYTES) ?? ''
  return text.split('\n').flatMap((line) => {
    try {
      const entry = JSON.parse(line) as JournalEntry
      return typeof entry.time === 'string' && typeof entry.command === 'string' && Array.isArray(entry.steps) ? [entry] : []
    } catch {
      // The first line may be half of one, and the last one may be being written.
      return []
    }
  })
}
