import fs from 'node:fs'
import {fileURLToPath} from 'node:url'
import xterm from '@xterm/headless'

const DRIVER = fs.readFileSync(fileURLToPath(new URL('terminal.py', import.meta.url)), 'utf8')

export const UP = '\u001b[A'
export const DOWN = '\u001b[B'
export const ENTER = '\r'
export const SPACE = ' '
export const CTRL_C = '\u0003'

/** What is waited for, and what is then typed. */
export type Typed = readonly [until: string, keys: string]

export interface TerminalOptions {
  /** Default 200: hardly any line is broken. */
  readonly columns?: number
  readonly env?: Readonly<Record<string, string>>
}

/** How a program on a pseudo-terminal ended. */
export interface TerminalEnd {
  /** Exit status; null if a signal ended it. */
  readonly code: number | null
  readonly signal: number | null
  /** What was waited for in vain. */
  readonly missed: string | null
  /** All that it printed, control sequences included. */
  readonly output: string
  /** What a person sees in the end, with all that has scrolled by. */
  readonly screen: string
  /** The lines of it that the terminal has broken. */
  readonly wrapped: readonly string[]
}

const COLUMNS = 200
const ROWS = 40
const LIMIT_SEC = 90

/** The argv that runs a program on a pseudo-terminal of its own, and types at it; it prints what `terminalEnd` reads. */
export function onTerminal(
  argv: readonly string[],
  typed: readonly Typed[],
  {columns = COLUMNS, env = {}}: TerminalOptions = {},
): string[] {
  const steps = typed.map(([until, keys]) => ({until: until.replaceAll('[^]', '[\\s\\S]'), type: keys}))
  const order = {argv, columns, rows: ROWS, env: {TERM: 'xterm-256color', ...env}, steps, limit: LIMIT_SEC}
  return ['/usr/bin/python3', '-IS', '-c', DRIVER, JSON.stringify(order)]
}

/** Reads what the driver printed, and lets a terminal show it. Throws, with what was seen, if something was waited for in vain. */
export async function terminalEnd(stdout: string, columns = COLUMNS): Promise<TerminalEnd> {
  const end = JSON.parse(stdout) as Omit<TerminalEnd, 'screen' | 'wrapped'>
  const {screen, wrapped} = await shownOf(end.output, columns)
  if (end.missed !== null) throw new Error(`waited in vain for ${end.missed}; on the terminal:\n${screen}`)
  return {...end, screen, wrapped}
}

/** What is on a terminal that got this, as lines without blanks at their ends. */
async function shownOf(output: string, columns: number): Promise<Pick<TerminalEnd, 'screen' | 'wrapped'>> {
  const terminal = new xterm.Terminal({cols: columns, rows: ROWS, scrollback: 10_000, allowProposedApi: true})
  await new Promise<void>((resolve) => terminal.write(output, resolve))
  const {active} = terminal.buffer
  const lines = Array.from({length: active.length}, (_, index) => active.getLine(index))
  const texts = lines.map((line) => line?.translateToString(true) ?? '')
  const wrapped = texts.filter((_, index) => lines[index + 1]?.isWrapped)
  terminal.dispose()
  return {screen: texts.join('\n').trimEnd(), wrapped}
}
