import {GatewayExit} from '../gateway/contract.js'
import {isOomKill} from '../service/end-line.js'
import {DEFAULT_RESTART_POLICY} from '../service/restart-policy.js'
import {type BootFact, type CommandFact, type EndFact, type EventFact, type Fact, ofKind, type UncleanFact} from './facts.js'
import {type Mark, sequence, SLACK_MS, wasNone} from './marks.js'

/** Why a gateway ended, as far as that is known. */
export type EndReason =
  /** A restart that it planned, or was asked for. */
  | {readonly kind: 'planned-restart'}
  | {readonly kind: 'stop-asked'}
  /** A start was called off, so there was none. */
  | {readonly kind: 'called-off'}
  /** 78: its configuration is wrong, and it is not started again. */
  | {readonly kind: 'config'}
  | {readonly kind: 'exit'; readonly status: number}
  | {readonly kind: 'signal'; readonly signal: string; readonly isDumped: boolean}
  | {readonly kind: 'oom'}
  /** It did not end in time when it was stopped, and was killed. */
  | {readonly kind: 'stop-timeout'}
  /** Its event loop answered nothing; whose watchdog found out. */
  | {readonly kind: 'watchdog'; readonly whose: 'hermes-svc' | 'gateway' | 'manager'}
  /** `result`: SERVICE_RESULT of systemd.exec(5), where there is one. */
  | {readonly kind: 'start-failed'; readonly result: string | null}
  /** The machine, or the container, ended. */
  | {readonly kind: 'power-off'; readonly isClean: boolean}
  /** It ended without a word; by what it left behind, memory may have been short. */
  | {readonly kind: 'unclean'; readonly wasShortOfMemory: boolean}
  | {readonly kind: 'unknown'}

/** Who brought it about. `tool`: neither a command of ours nor the manager by itself, such as a person with systemctl. */
export type By =
  | {readonly who: 'command'; readonly command: string}
  | {readonly who: 'tool' | 'manager' | 'gateway' | 'kernel' | 'watchdog' | 'machine' | 'unknown'}

interface Moment {
  /** ms since the epoch. */
  readonly atMs: number
}

export interface StartEntry extends Moment {
  readonly kind: 'start'
  readonly by: By
}

export interface EndEntry extends Moment {
  readonly kind: 'end'
  readonly reason: EndReason
  readonly by: By
  /** How long it was up, in ms; undefined if its start is not known. */
  readonly upMs?: number | undefined
  /** Failures in a row, this one counted. */
  readonly failures?: number | undefined
  /** How long the next start waits, in ms. */
  readonly delayMs?: number | undefined
  /** Its time is not known: it was between this and `atMs`. */
  readonly notBeforeMs?: number | undefined
}

export interface CommandEntry extends Moment {
  readonly kind: 'command'
  readonly command: string
  readonly outcome: CommandFact['outcome']
  readonly error?: string | undefined
  readonly files: number
}

/** A time in which something was wrong that is no end. `untilMs`: undefined if it lasts. */
export interface PhaseEntry extends Moment {
  readonly kind: 'phase'
  readonly what: EventFact['event']
  readonly about: string
  readonly untilMs?: number | undefined
}

export interface BootEntry extends Moment {
  readonly kind: 'boot'
}

/** Nothing tells what it did from `atMs` to `untilMs`. */
export interface GapEntry extends Moment {
  readonly kind: 'gap'
  readonly untilMs: number
}

export type HistoryEntry = StartEntry | EndEntry | CommandEntry | PhaseEntry | BootEntry | GapEntry

/** What is known of this moment, beside what was noted. */
export interface Now {
  readonly nowMs: number
  /** Whether a gateway runs; undefined if that cannot be told. */
  readonly isUp: boolean | undefined
}

/** A gateway that finds out about the one before it notes that when it has loaded itself: so late on a slow machine. */
const LATE_START_MS = 120_000
/** A command of an older version did not note how long it took. */
const COMMAND_MS = 120_000
/** What ends a machine stops its services first, and what begins one starts them, within so long. */
const BOOT_MS = 10 * 60_000

/**
 * What happened, oldest first, of what the sources say. Pure. The helper's line is the truth for an end; the manager tells of those that it lacks, and adds
 * what it leaves out; the gateway's own notes tell of what both lack. Whatever none of them knows is a gap, or an end of unknown reason.
 */
export function timeline(facts: readonly Fact[], now: Now): HistoryEntry[] {
  const sorted = facts.filter(({atMs}) => atMs <= now.nowMs).sort((one, other) => one.atMs - other.atMs)
  const marks = sequence(sorted)
  const context = contextOf(sorted, marks)
  const entries: HistoryEntry[] = [
    ...toldOf(marks, context, now),
    ...context.commands.map(({atMs, command, outcome, error, files}) => ({kind: 'command' as const, atMs, command, outcome, error, files})),
    ...context.boots.map(({atMs}) => ({kind: 'boot' as const, atMs})),
    ...phases(context.events, marks),
  ]
  return entries.sort((one, other) => one.atMs - other.atMs || rankOf(one) - rankOf(other))
}

/** Of entries of one moment: a gateway that ends at once has both of one. */
const RANK: Readonly<Record<HistoryEntry['kind'], number>> = {boot: 0, start: 1, end: 1, gap: 1, phase: 2, command: 3}

/** What went down with its machine did so before that was there again, though the boot is the first moment at which that is known. */
function rankOf(entry: HistoryEntry): number {
  return entry.kind === 'end' && entry.reason.kind === 'power-off' ? -1 : RANK[entry.kind]
}

interface Context {
  readonly commands: readonly CommandFact[]
  readonly boots: readonly BootFact[]
  readonly events: readonly EventFact[]
  readonly unclean: readonly UncleanFact[]
  readonly stoppings: readonly number[]
  readonly starts: readonly number[]
}

function contextOf(facts: readonly Fact[], marks: readonly Mark[]): Context {
  return {
    commands: ofKind(facts, 'command'),
    boots: ofKind(facts, 'boot'),
    events: ofKind(facts, 'event'),
    unclean: ofKind(facts, 'unclean'),
    stoppings: ofKind(facts, 'stopping').map(({atMs}) => atMs),
    starts: marks.filter(({kind}) => kind === 'start').map(({atMs}) => atMs),
  }
}

/** Starts, ends and gaps, each start with an end behind it, but for one that runs on. */
function toldOf(marks: readonly Mark[], context: Context, {nowMs, isUp}: Now): HistoryEntry[] {
  const entries: HistoryEntry[] = []
  let openSince: number | undefined
  let former: EndEntry | undefined
  const close = (untilMs: number) => {
    if (openSince === undefined) return
    former = lostEnd(openSince, untilMs, context)
    entries.push(former)
    if (former.notBeforeMs !== undefined) entries.push({kind: 'gap', atMs: former.notBeforeMs, untilMs: former.atMs})
    openSince = undefined
  }
  for (const mark of marks) {
    if (mark.kind === 'start') {
      close(mark.atMs)
      entries.push({kind: 'start', atMs: mark.atMs, by: whoStarted(mark.atMs, former, context)})
      openSince = mark.atMs
      continue
    }
    // What was started before this boot is not what ended in it.
    const boot = openSince === undefined ? undefined : context.boots.find(({atMs}) => atMs > (openSince ?? 0) && atMs <= mark.atMs)
    if (boot && mark.upMs === undefined) close(boot.atMs)
    if (wasNone(mark)) close(mark.atMs)
    else if (openSince === undefined) entries.push({kind: 'gap', atMs: former?.atMs ?? -Infinity, untilMs: mark.atMs})
    const end = endEntry(mark, openSince, context)
    entries.push(end)
    former = end
    openSince = undefined
  }
  if (openSince !== undefined && isUp === false) close(nowMs)
  // It runs, and nobody has noted since when.
  if (openSince === undefined && isUp === true) entries.push({kind: 'gap', atMs: former?.atMs ?? -Infinity, untilMs: nowMs})
  return entries
}

/** The end of a gateway of which nobody has noted one, before the next moment at which another one was there. */
function lostEnd(startMs: number, untilMs: number, {boots, unclean, events}: Context): EndEntry {
  const boot = boots.find(({atMs}) => atMs > startMs && atMs <= untilMs)
  const lastSignMs = Math.max(startMs, ...events.filter(({atMs}) => atMs > startMs && atMs < untilMs).map(({atMs}) => atMs))
  if (boot) {
    const knownMs = boot.formerEndMs !== undefined && boot.formerEndMs > startMs ? Math.min(boot.formerEndMs, boot.atMs) : undefined
    const reason: EndReason = {kind: 'power-off', isClean: false}
    if (knownMs !== undefined) return {kind: 'end', atMs: knownMs, reason, by: {who: 'machine'}, upMs: knownMs - startMs}
    return {kind: 'end', atMs: boot.atMs, reason, by: {who: 'machine'}, notBeforeMs: Math.min(lastSignMs, boot.atMs)}
  }
  const found = unclean.find(({atMs}) => atMs >= untilMs - SLACK_MS && atMs <= untilMs + LATE_START_MS)
  const reason: EndReason = found ? {kind: 'unclean', wasShortOfMemory: found.wasShortOfMemory} : {kind: 'unknown'}
  return {kind: 'end', atMs: untilMs, reason, by: {who: 'unknown'}, notBeforeMs: lastSignMs}
}

function endEntry(end: EndFact, startedMs: number | undefined, context: Context): EndEntry {
  const upMs = wasNone(end) ? undefined : (end.upMs ?? (startedMs === undefined ? undefined : end.atMs - startedMs))
  const reason = reasonOf({...end, upMs}, context)
  const {failures, delayMs} = end
  return {kind: 'end', atMs: end.atMs, reason, by: whoEnded(end, reason, context), upMs, failures, delayMs}
}

/** Why it ended; without a `context` by what is noted of the end alone. */
export function reasonOf(end: EndFact, context: Context = NOTHING): EndReason {
  const {how, status, result, reason} = end
  // Of a kill of our own, after one of a child by the kernel, the helper cannot tell.
  if (isOomKill(result)) return ourWatchdog(end.atMs, context) ? {kind: 'watchdog', whose: 'hermes-svc'} : {kind: 'oom'}
  if (result === 'watchdog') return {kind: 'watchdog', whose: 'manager'}
  if (reason === 'called-off') return {kind: 'called-off'}
  // Of what the manager alone tells: it was told to stop the one that ran.
  const sinceMs = end.atMs - (end.upMs ?? SLACK_MS)
  const wasStopped = context.stoppings.some((atMs) => atMs >= sinceMs && atMs <= end.atMs + CLOCK_MS)
  const isAsked = reason === undefined ? wasStopped : reason === 'stop'
  if (isAsked && result === 'timeout') return {kind: 'stop-timeout'}
  if (isAsked) return offWithMachine(end.atMs, context) ? {kind: 'power-off', isClean: true} : {kind: 'stop-asked'}
  if (reason === 'planned') return {kind: 'planned-restart'}
  if (reason === 'loop') return {kind: 'watchdog', whose: 'gateway'}
  if (reason === 'config') return {kind: 'config'}
  if (how === '') return {kind: 'start-failed', result: result === undefined || result === '' ? null : result}
  if (how === 'killed' || how === 'dumped') {
    if (status === 'KILL' && ourWatchdog(end.atMs, context)) return {kind: 'watchdog', whose: 'hermes-svc'}
    return {kind: 'signal', signal: status ?? '', isDumped: how === 'dumped'}
  }
  if (how !== 'exited' || status === undefined || !/^\d{1,3}$/.test(status)) return {kind: 'unknown'}
  const exit = Number(status)
  // Where no helper has told them apart, by its rule for where no file tells.
  if (reason === undefined && exit === GatewayExit.fatalConfiguration) return {kind: 'config'}
  const hasRun = (end.upMs ?? 0) >= DEFAULT_RESTART_POLICY.plannedAfterMs
  if (reason === undefined && exit === GatewayExit.restart && hasRun) return {kind: 'planned-restart'}
  return {kind: 'exit', status: exit}
}

const isNear = (one: number, other: number): boolean => Math.abs(one - other) <= SLACK_MS

/** The next thing after this stop is a boot: not long after what was last heard of the one before it, or after the stop itself where that is not known. */
function offWithMachine(atMs: number, context: Context): boolean {
  if (commandAt(atMs, ENDING, context) !== undefined) return false
  const boot = context.boots.find((one) => one.atMs > atMs)
  if (!boot) return false
  if (boot.formerEndMs === undefined) return boot.atMs - atMs <= BOOT_MS && !context.starts.some((ms) => ms > atMs && ms < boot.atMs)
  return boot.formerEndMs >= atMs - SLACK_MS && boot.formerEndMs - atMs <= BOOT_MS
}

function ourWatchdog(atMs: number, {events, commands}: Context): boolean {
  const isOurs = ({event, atMs: at}: EventFact) => event === 'watchdog-restart' && isNear(at, atMs)
  return events.some(isOurs) || commands.some((one) => one.command === WATCHDOG && isNear(one.atMs, atMs))
}

/** What the watchdog's kills are in the home's journal. */
const WATCHDOG = 'watchdog'

function whoEnded({atMs, laterMs, witness}: EndFact, reason: EndReason, context: Context): By {
  const command = commandAt(atMs, reason.kind === 'planned-restart' ? RESTARTING : ENDING, context, laterMs)
  switch (reason.kind) {
    case 'oom':
      return {who: 'kernel'}
    case 'watchdog':
      return {who: reason.whose === 'gateway' ? 'gateway' : reason.whose === 'manager' ? 'manager' : 'watchdog'}
    case 'power-off':
      return {who: 'machine'}
    case 'stop-asked':
    case 'stop-timeout':
    case 'called-off':
      return command ?? {who: witness === 'gateway' ? 'unknown' : 'tool'}
    case 'planned-restart':
      return command ?? {who: 'gateway'}
    case 'config':
    case 'exit':
      return {who: 'gateway'}
    case 'start-failed':
      return {who: 'manager'}
    case 'signal':
      return command ?? {who: 'unknown'}
    case 'unclean':
    case 'unknown':
      return {who: 'unknown'}
  }
}

const NOTHING: Context = {commands: [], boots: [], events: [], unclean: [], stoppings: [], starts: []}

/** Commands after which a gateway that is down is meant to be; where `fix desired-state` has started it, its start tells. */
export const STOPPING: ReadonlySet<string> = new Set(['stop', 'uninstall', 'fix desired-state'])
/** Commands that end gateways, and those that start them. */
const ENDING: ReadonlySet<string> = new Set(['stop', 'restart', 'uninstall', 'install', 'setup', 'config set', 'config unset'])
const STARTING: ReadonlySet<string> = new Set(['start', 'restart', 'install', 'setup', 'config set', 'config unset'])
/** Those that do both: a stop that begins in the same second has no part in a planned restart. */
const RESTARTING: ReadonlySet<string> = new Set([...ENDING].filter((command) => STARTING.has(command)))
/** Their steps are timed by another clock than a manager's. */
const CLOCK_MS = 100

/** The command of ours during which it was, of those that could have done it; `laterMs`: see EndFact. */
function commandAt(atMs: number, able: ReadonlySet<string>, {commands}: Context, laterMs = 0): By | undefined {
  const during = commands.find(
    ({command, beganMs: fromMs, atMs: doneMs}) =>
      (able.has(command) || command.startsWith('fix ')) && fromMs - CLOCK_MS <= atMs + laterMs && atMs <= doneMs + CLOCK_MS,
  )
  return during && {who: 'command', command: during.command}
}

/** When a command began that does not say how long it took. */
export function beganMs(doneMs: number, tookMs: number | undefined): number {
  return doneMs - (tookMs ?? COMMAND_MS)
}

/** After such an end a manager starts nothing by itself. */
const STOPPED: ReadonlySet<EndReason['kind']> = new Set(['stop-asked', 'stop-timeout', 'called-off'])

function whoStarted(atMs: number, former: EndEntry | undefined, context: Context): By {
  const command = commandAt(atMs, STARTING, context)
  if (command) return command
  const sinceMs = former?.atMs ?? -Infinity
  if (context.boots.some((boot) => boot.atMs >= sinceMs && boot.atMs <= atMs && atMs - boot.atMs <= BOOT_MS)) return {who: 'machine'}
  if (!former || former.reason.kind === 'config') return {who: 'unknown'}
  return {who: STOPPED.has(former.reason.kind) ? 'tool' : 'manager'}
}

/** What is no end, and is told as a time: the others are seen by their ends. */
const PHASES: ReadonlySet<string> = new Set(['wedged', 'platform-down', 'start-limit'] satisfies EventFact['event'][])

/** Each from when it began to when it was over: what is about the gateway ends with it, too. */
function phases(events: readonly EventFact[], marks: readonly Mark[]): PhaseEntry[] {
  return events.flatMap(({event, about, sinceMs, atMs}, index) => {
    if (!PHASES.has(event)) return []
    const over = events.slice(index + 1).find((later) => later.about === about && later.event === 'recovered')
    const again = events.slice(index + 1).find((later) => later.about === about && later.event === event)
    const end = about === 'gateway' && event === 'wedged' ? marks.find((mark) => mark.kind === 'end' && mark.atMs > sinceMs) : undefined
    const ends = [over?.atMs, again?.sinceMs, end?.atMs].filter((ms): ms is number => ms !== undefined && ms >= sinceMs)
    return [
      {kind: 'phase' as const, atMs: Math.min(sinceMs, atMs), what: event, about, untilMs: ends.length > 0 ? Math.min(...ends) : undefined},
    ]
  })
}
