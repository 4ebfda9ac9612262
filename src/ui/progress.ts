import type {Host} from '../host/host.js'
import {writeText} from '../host/stdio.js'
import type {ApplyListener} from '../plan/apply.js'
import {duration, sentence, truncated} from '../text/layout.js'
import {visible, writable} from '../text/visible.js'
import {NO_PAINT, type Paint} from './paint.js'
import {Sign} from './sign.js'

/** Without a terminal, what is being waited for is said this often. */
const QUIET_EVERY_MS = 5000
const SHOW_TIME_FROM_MS = 500
/** A line that is rewritten tells the time this often. */
const REWRITE_EVERY_MS = 500
const CLEAR_LINE = '\r\u001b[K'

/** Where progress is shown. */
export interface ProgressPlace {
  /** Gets text without a newline of its own. */
  readonly write: (text: string) => void
  /** A line can be rewritten. */
  readonly isTty: boolean
  /** Columns of the terminal; undefined if nobody knows. */
  readonly columns?: number | undefined
  readonly nowMs: () => number
}

/** Stderr as the place for progress. `isShared`: other lines are written there meanwhile, so that none can be rewritten. */
export function progressOnStderr(host: Host, isShared: boolean): ProgressPlace {
  const isTty = host.stderrIsTty && host.env.TERM !== 'dumb' && !isShared
  return {
    write: (text) => writeText('stderr', text),
    isTty,
    columns: isTty ? host.stderrColumns : undefined,
    nowMs: () => host.monotonicMs(),
  }
}

/** How a plan is shown while it is applied. */
export interface ReporterOptions {
  readonly paint?: Paint
  /** Each step has a line of its own, before that of its phase. */
  readonly eachStep?: boolean
}

/**
 * Shows a plan while it is applied: a line with the elapsed time for each phase that changed something, and for each such step without a phase. What is
 * done right now stands in a line that goes away.
 */
export function stepReporter(place: ProgressPlace, {paint = NO_PAINT, eachStep = false}: ReporterOptions = {}): ApplyListener {
  const wait = new WaitLine(place)
  let current: {readonly phase: string; readonly beganMs: number; endedMs: number; hasChanged: boolean} | undefined
  const say = (text: string) => place.write(`${writable(text)}\n`)
  const sayDone = (what: string, ms: number) => say(`${paint.good(Sign.good)} ${what} (${duration(ms)})`)
  const closePhase = () => {
    if (current?.hasChanged) sayDone(current.phase, current.endedMs - current.beganMs)
    current = undefined
  }
  return {
    begin: ({why, phase}) => {
      if (current?.phase !== phase) closePhase()
      const nowMs = place.nowMs()
      if (phase !== undefined) current ??= {phase, beganMs: nowMs, endedMs: nowMs, hasChanged: false}
      wait.begin(phase ?? sentence(why), 0, current?.beganMs)
    },
    progress: (text) => wait.change(current ? `${current.phase}: ${text}` : text),
    end: ({why}, durationMs, outcome) => {
      wait.end()
      if (outcome === 'failed') {
        const isPart = current && sentence(why) !== current.phase
        say(paint.bad(`${Sign.bad} failed: ${isPart ? `${current?.phase}: ${why}` : sentence(why)} (${duration(durationMs)})`))
        current = undefined
      } else if (outcome === 'done') {
        if (current) {
          current.endedMs = place.nowMs()
          current.hasChanged = true
          if (eachStep) say(`  - ${why}${timeText(durationMs)}`)
        } else sayDone(sentence(why), durationMs)
      }
    },
    close: closePhase,
  }
}

/** Says what is being waited for, with the time, if it takes over half a second. Leaves nothing behind on a terminal. */
export async function during<T>(place: ProgressPlace, what: string, work: () => Promise<T>): Promise<T> {
  const wait = new WaitLine(place)
  wait.begin(what, SHOW_TIME_FROM_MS)
  try {
    return await work()
  } finally {
    wait.end()
  }
}

/** On a terminal one line that is rewritten; elsewhere a line every few seconds. */
class WaitLine {
  private text = ''
  private beganMs = 0
  private saidMs = 0
  private isShown = false
  private timer: ReturnType<typeof setInterval> | undefined

  constructor(private readonly place: ProgressPlace) {
    this.saidMs = this.beganMs = place.nowMs()
  }

  /** `afterMs`: shown only once it has taken that long; `sinceMs`: from when the time is told. */
  begin(text: string, afterMs: number, sinceMs = this.place.nowMs()): void {
    this.text = visible(text)
    this.beganMs = sinceMs
    this.saidMs = this.place.nowMs()
    if (this.place.isTty && afterMs === 0) this.show()
    clearInterval(this.timer)
    this.timer = setInterval(() => this.show(), REWRITE_EVERY_MS)
    this.timer.unref()
  }

  change(text: string): void {
    this.text = visible(text)
    this.show()
  }

  end(): void {
    clearInterval(this.timer)
    if (this.isShown) this.place.write(CLEAR_LINE)
    this.isShown = false
    this.saidMs = this.place.nowMs()
  }

  private show(): void {
    const {place} = this
    const line = `… ${this.text}${timeText(place.nowMs() - this.beganMs)}`
    if (place.isTty) {
      // A line that is broken could not be taken back.
      place.write(CLEAR_LINE + (place.columns === undefined ? line : truncated(line, place.columns - 1)))
      this.isShown = true
    } else if (place.nowMs() - this.saidMs >= QUIET_EVERY_MS) {
      this.saidMs = place.nowMs()
      place.write(`${writable(line)}\n`)
    }
  }
}

function timeText(ms: number): string {
  return ms >= SHOW_TIME_FROM_MS ? ` (${duration(ms)})` : ''
}
