import {type UnitPlace, withoutSpecifiers} from './specifiers.js'

/** What a unit starts, as far as its text tells. */
export interface ExecStart {
  /** Absolute path; undefined if it starts nothing. */
  readonly program: string | undefined
  readonly words: readonly string[]
}

/**
 * The command of a unit, from its files in the order in which systemd reads them: each ExecStart= counts, an empty one forgets those before
 * (systemd.service(5)), and of several the last is taken. Read from the files, since `systemctl show` prints the words of a command as they
 * are: one with blank lines in it would pass for other units. `place`: has specifiers replaced, as systemd does; a program that hangs on one
 * whose value cannot be told is undefined.
 */
export function execStartOf(texts: readonly string[], place?: UnitPlace): ExecStart {
  const values = texts.flatMap((text) => valuesOf(text, 'ExecStart'))
  const line = values.slice(values.lastIndexOf('') + 1).at(-1) ?? ''
  const written = wordsOf(line)
  const told = written.map((word) => (place ? withoutSpecifiers(word, place) : word.replace(/%%/g, '%')))
  const words = told.map((word, index) => word ?? written[index] ?? '')
  if (told[0] === undefined) return {program: undefined, words}
  // Our own way to start a program whose path systemd would not take.
  const isCarried = words[0]?.endsWith('/nice') && words[1] === '-n'
  return {program: isCarried ? words[3] : words[0], words}
}

/** All values that a text gives a directive, in their order; lines that end in a backslash go on (systemd.syntax(7)). */
export function valuesOf(text: string, directive: string): string[] {
  const pattern = new RegExp(`^[ \\t]*${directive}[ \\t]*=(.*)$`, 'gm')
  return [...text.replaceAll('\\\n', ' ').matchAll(pattern)].map(([, value = '']) => withoutBlanks(value))
}

/** The words of a command line, prefixes and quotes taken away. Good enough to tell a program and a gateway; not for running it. */
function wordsOf(line: string): string[] {
  return [...line.replace(/^[-@:+!|]+/, '').matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double?.replace(/\\(["\\])/g, '$1') ?? single ?? plain ?? '',
  )
}

/** Without blanks and tabs at its ends. By an expression it would take quadratic time for a long run of them within. */
function withoutBlanks(text: string): string {
  const isBlank = (at: number) => text[at] === ' ' || text[at] === '\t'
  let [start, end] = [0, text.length]
  while (isBlank(start)) start++
  while (end > start && isBlank(end - 1)) end--
  return text.slice(start, end)
}
