import type {ApplyListener} from '../plan/apply.js'
import {duration} from './text.js'

/** Without a terminal, what is being waited for is said this often. */
const QUIET_EVERY_MS = 5000
const SHOW_TIME_FROM_MS = 500

/**
 * Shows a plan's steps as they are done, on stderr. On a terminal the current wait stands in one line that is rewritten; elsewhere it is
 * said every few seconds. `write` gets text without a newline of its own.
 */
export function stepReporter(write: (text: string) => void, isTty: boolean, nowMs: () => number): ApplyListener {
  let saidAtMs = nowMs()
  const line = (text: string) => write(`${isTty ? '\r\u001b[K' : ''}${text}\n`)
  return {
    begin: (why) => {
      if (isTty) write(`\r\u001b[K  …  ${why}`)
    },
    progress: (text) => {
      if (isTty) {
        write(`\r\u001b[K  …  ${text}`)
      } else if (nowMs() - saidAtMs >= QUIET_EVERY_MS) {
        saidAtMs = nowMs()
        line(`  …  ${text}`)
      }
    },
    end: (why, durationMs, outcome) => {
      saidAtMs = nowMs()
      if (outcome === 'unchanged') {
        if (isTty) write('\r\u001b[K')
        return
      }
      const time = durationMs >= SHOW_TIME_FROM_MS ? ` (${duration(durationMs)})` : ''
      line(`  ${outcome === 'done' ? 'done' : 'FAILED'}  ${why}${time}`)
    },
  }
}
