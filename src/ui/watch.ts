import type {Host} from '../host/host.js'
import {writeText} from '../host/stdio.js'
import {writable} from '../text/visible.js'

/** xterm's alternate screen, without a cursor and without breaking lines (xterm, ctlseqs: DECSET 1049, 25, 7). */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const END_OF_LINE = '\u001b[K'
const END_OF_SCREEN = '\u001b[J'
/** q, Escape by itself, Ctrl-C and Ctrl-D. In raw mode the terminal sends no signals. */
const ENDS = ['q', 'Q', '\u001b', '\u0003', '\u0004']

export interface WatchOptions {
  readonly host: Pick<Host, 'sleep'>
  readonly everyMs: number
  /** Lines that the terminal has. */
  readonly rows: () => number
  /** Aborted: the program is to end. */
  readonly signal: AbortSignal
}

/**
 * Shows lines on a screen of their own and makes them anew every `everyMs`, each over what was there, so that nothing flickers; until a key ends it or the signal
 * does. What was shown last is returned; the terminal is as it was.
 */
export async function watch(
  make: () => Promise<readonly string[]>,
  {host, everyMs, rows, signal}: WatchOptions,
): Promise<readonly string[]> {
  const {stdin} = process
  const canceller = new AbortController()
  const ended = AbortSignal.any([canceller.signal, signal])
  const onKey = (key: Buffer) => {
    if (ENDS.includes(key.toString())) canceller.abort()
  }
  let lines: readonly string[] = []
  if (stdin.isTTY) stdin.setRawMode(true).on('data', onKey).resume()
  writeText('stdout', ENTER)
  try {
    while (!ended.aborted) {
      lines = await make()
      const shown = [...lines.slice(0, Math.max(1, rows() - 2)), '', 'Press q to quit']
      const isRead = writeText('stdout', HOME + shown.map((line) => writable(line) + END_OF_LINE).join('\r\n') + END_OF_SCREEN)
      if (!isRead) break
      await host.sleep(everyMs, ended)
    }
  } finally {
    writeText('stdout', LEAVE)
    if (stdin.isTTY) stdin.off('data', onKey).setRawMode(false).pause()
  }
  return lines
}
