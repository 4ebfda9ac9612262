import type {LastExit} from '../manager.js'

/**
 * Reading what launchctl prints. It is made for people and differs between releases, so only what is known is taken, and a text that is
 * not understood is `undefined`: "cannot tell". Nothing is said of a line that an argument with newlines in it has made.
 */

/** A job as `launchctl print <domain>/<label>` shows it. */
export interface PrintedJob {
  /** The domain and label, e.g. `gui/501/ai.hermes.gateway`. */
  readonly target: string
  readonly state: JobState
  readonly pid: number | undefined
  /** Where its property list is; undefined for a job without one. */
  readonly path: string | undefined
  /** How it last ended; undefined if it never did, or if that is told in words that are not known. */
  readonly lastExit: LastExit | undefined
  /** Why the kernel ended it, e.g. OS_REASON_CODESIGNING. */
  readonly exitReason: string | undefined
  /** How often launchd has started it since it was loaded. */
  readonly runs: number
  readonly exitTimeoutSec: number | undefined
  readonly throttleSec: number | undefined
  /** `keepalive`, `runatload`, `penalty box`, `needs LWCR update` and the like. */
  readonly properties: readonly string[]
  /** The variables of its property list, with those that launchd adds. */
  readonly environment: ReadonlyMap<string, string>
}

const STATES = [
  ...['running', 'not running', 'spawn scheduled', 'spawning', 'spawn failed', 'xpcproxy', 'waiting', 'exited'],
  ...['SIGTERMed', 'SIGKILLed', 'languishing'],
] as const
export type JobState = (typeof STATES)[number]

/**
 * Parses the text of one job. Only what stands one tab deep is the job's own: blocks further in repeat `state` and others. Undefined if it
 * is no such text, has no state that is known, or says the same thing twice and differently.
 */
export function parsePrint(text: string): PrintedJob | undefined {
  const lines = text.replace(/^(?:[ \t]*\n)+/, '').split('\n')
  const target = /^(\S.*) = \{$/.exec(lines[0] ?? '')?.[1]
  if (target === undefined || !lines.slice(1).includes('}')) return undefined
  const fields = new Map<string, string>()
  const environment = new Map<string, string>()
  let block: string | undefined
  for (const line of lines.slice(1)) {
    if (line === '}') break
    if (block !== undefined) {
      if (line === '\t}') block = undefined
      else if (block === 'environment') readVariable(line, environment)
      continue
    }
    const [, name, value] = /^\t([^\t=][^=]*?) = (.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) continue
    if (value === '{') block = name
    else if (fields.has(name) && fields.get(name) !== value) return undefined
    else fields.set(name, value)
  }
  const state = STATES.find((known) => known === fields.get('state'))
  if (state === undefined) return undefined
  return {
    target,
    state,
    pid: positive(fields.get('pid')),
    path: fields.get('path'),
    lastExit: lastExit(fields),
    exitReason: fields.get('last exit reason'),
    runs: positive(fields.get('runs')) ?? 0,
    exitTimeoutSec: positive(fields.get('exit timeout')),
    throttleSec: positive(fields.get('minimum runtime')),
    properties: (fields.get('properties') ?? '').split(' | ').filter(Boolean),
    environment,
  }
}

/**
 * Parses `launchctl print-disabled <domain>`: label to whether it is disabled. Newer systems write `disabled` and `enabled`, older ones
 * `true` and `false`, some one tab deeper; what is not listed is enabled. Undefined if it is no such text.
 */
export function parseDisabled(text: string): ReadonlyMap<string, boolean> | undefined {
  if (/^[ \t]*\(no disabled services\)[ \t]*$/m.test(text)) return new Map()
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.trimStart() === 'disabled services = {')
  const end = lines.findIndex((line, index) => index > start && line.trimStart().startsWith('}'))
  if (start < 0 || end < 0) return undefined
  const found = new Map<string, boolean>()
  for (const line of lines.slice(start + 1, end).filter((each) => each.trim() !== '')) {
    const [, label, word] = /^\s*"(.*)" => (disabled|enabled|true|false)\s*$/.exec(line) ?? []
    if (label === undefined || word === undefined) return undefined
    found.set(label, word === 'disabled' || word === 'true')
  }
  return found
}

/** A row of `launchctl list`. */
export interface ListedJob {
  readonly label: string
  readonly pid: number | undefined
  /** How it last ended: here a negative number is a signal's. A job that never ended says 0, as one that ended with it. */
  readonly lastExit: LastExit
}

/** Parses the table that `launchctl list` prints of the caller's own domain. Undefined if it is none. */
export function parseList(text: string): ListedJob[] | undefined {
  const [header, ...rows] = text.split('\n').filter((line) => line !== '')
  if (!/^PID\tStatus\tLabel$/.test(header ?? '')) return undefined
  const jobs: ListedJob[] = []
  for (const row of rows) {
    const [, pid, status, label] = /^(-|\d+)\t(-?\d+)\t(.+)$/.exec(row) ?? []
    if (label === undefined || status === undefined) return undefined
    const number = Number(status)
    jobs.push({label, pid: positive(pid), lastExit: number < 0 ? {how: 'killed', status: -number} : {how: 'exited', status: number}})
  }
  return jobs
}

function readVariable(line: string, variables: Map<string, string>): void {
  const [, name, value] = /^\t\t([^ ]+) => (.*)$/.exec(line) ?? []
  if (name !== undefined && value !== undefined) variables.set(name, value)
}

/** `last exit code = 78: EX_CONFIG`, or in its place `last terminating signal = Killed: 9`. */
function lastExit(fields: ReadonlyMap<string, string>): LastExit | undefined {
  const signal = /: (\d+)$/.exec(fields.get('last terminating signal') ?? '')?.[1]
  if (signal !== undefined) return {how: 'killed', status: Number(signal)}
  const status = /^(\d+)(?::|$)/.exec(fields.get('last exit code') ?? '')?.[1]
  return status === undefined ? undefined : {how: 'exited', status: Number(status)}
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text)
  return Number.isInteger(value) && value > 0 ? value : undefined
}
