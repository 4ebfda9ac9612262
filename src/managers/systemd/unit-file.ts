import {accountNamed} from '../../host/account-door.js'
import type {Account, Door, Host} from '../../host/host.js'
import {readIfAllowed} from '../../host/tolerant-read.js'
import {checksum} from '../../service/checksum.js'
import {SYSTEM_FOLDERS} from '../../service/unit-path.js'
import {type UnitPlace, withoutSpecifiers} from './specifiers.js'

/** Where systemd looks a program up that has no path, and the PATH of a service that is given none (systemd.exec(5)). */
export const SYSTEM_PATH = SYSTEM_FOLDERS.join(':')
/** How each file of systemd's that we wrote begins; upstream's rewriting of the unit takes the line away. */
const OWN_MARK = '# Written by hermes-svc'
const CHECKSUM_MARK = '# Checksum: '
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

/** True for a file of systemd's that we wrote, edited since or not. */
export function isOwn(text: string): boolean {
  return text.startsWith(OWN_MARK)
}

/** True for a file that we wrote and somebody changed by hand: its second line no longer fits the rest. */
export function isEdited(text: string): boolean {
  return isOwn(text) && sumOf(stamped(text)) !== sumOf(text)
}

/** The checksum in a text's second line, whatever words follow it: they differ between versions. */
function sumOf(text: string): string | undefined {
  return new RegExp(`^${CHECKSUM_MARK}(\\S+)`).exec(text.split('\n')[1] ?? '')?.[1]
}

/** Puts a checksum of the text into its second line, in place of one that is there. */
export function stamped(text: string): string {
  const [first = '', ...rest] = text.split('\n')
  const body = rest.filter((line, index) => index > 0 || !line.startsWith(CHECKSUM_MARK))
  const sum = checksum([first, ...body].join('\n'))
  return [first, `${CHECKSUM_MARK}${sum} (it shows hermes-svc edits by hand, which it keeps)`, ...body].join('\n')
}

/**
 * Whom a unit of the machine runs as, by the text of its file: without User= it is root (systemd.exec(5)). Undefined if the user database does not know
 * them; `place.account` is known without asking it.
 */
export function accountOfUnit(host: Host, text: string, place: UnitPlace): Account | undefined {
  const {account} = place
  const user = userOfUnit(text, place)
  return user === account.name || user === String(account.uid) ? account : accountNamed(host, user)
}

/** The value of User= in a unit, a name or a uid; `0` without one. */
export function userOfUnit(text: string, place: UnitPlace): string {
  const user = valuesOf(text, 'User').at(-1) || '0'
  return withoutSpecifiers(user, place) ?? user
}

/** The value that the last of these files to set a variable gives it (EnvironmentFile=, systemd.exec(5)); undefined if none does, or may be read. */
export function variableOfFiles(host: Door, files: readonly string[], name: string): string | undefined {
  for (const file of files.toReversed()) {
    const line = [...(readIfAllowed(host, file) ?? '').matchAll(new RegExp(`^[ \\t]*${name}[ \\t]*=[ \\t]*(.*)$`, 'gm'))].at(-1)?.[1]
    if (line !== undefined) return /^(["'])(.*)\1[ \t]*$/.exec(line)?.[2] ?? line.trimEnd()
  }
  return undefined
}
