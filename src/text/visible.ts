/**
 * The one door for text to people: whatever of it others wrote (names, log lines, words of the gateway's files, command lines of processes) is
 * shown in printable characters, so that it can neither steer a terminal, turn the order of what is read, nor begin a line of its own. JSON
 * documents do not come through here: they have their own escapes.
 */

/**
 * Control characters but the tab, line and paragraph separators, marks that turn the direction of text, halves of a surrogate pair, and what
 * begins a command to a CI server wherever in a line it stands (`##[error]`, `##vso[`, `##teamcity[`).
 */
const UNPRINTABLE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\p{Surrogate}]|#(?=#\w{0,20}\[)/u
const EVERY_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu')
const SHORT: ReadonlyMap<string, string> = new Map([
  ['\b', '\\b'],
  ['\n', '\\n'],
  ['\f', '\\f'],
  ['\r', '\\r'],
])
/** What chalk makes: one number. */
const EVERY_COLOUR = /\u001b\[(\d+)m/g

/** Our own colours are marked by a word that nobody else can know, so that they are told from those in the text of others. */
interface Marks {
  readonly key: string
  readonly every: RegExp
  /** A mark, or what is not printable. */
  readonly everyOrUnprintable: RegExp
}
let marks: Marks | undefined

/** Text with everything in it that is not printable escaped as in JSON; on one line. Our own colours stay. What it was given back it leaves alone. */
export function visible(text: string): string {
  if (!UNPRINTABLE.test(text)) return text
  if (!marks) return text.replace(EVERY_UNPRINTABLE, escaped)
  return text.replace(marks.everyOrUnprintable, (found) => (found.length > 2 ? found : escaped(found)))
}

/** A line as it may be written: visible, and none that a CI server takes for a command by its beginning (`::error::`, GitHub). */
export function writable(line: string): string {
  const text = visible(line).replace(/^(\s*):(?=:[a-z])/i, '$1\\u003a')
  return marks ? text.replace(marks.every, '\u001b[$1m') : text
}

/** A text that chalk has coloured, with its colours marked as ours. */
export function ownColours(coloured: string): string {
  marks ??= newMarks()
  return coloured.replace(EVERY_COLOUR, `\u001b${marks.key};$1m`)
}

/** The text without the colours that we added. */
export function withoutOwnColours(text: string): string {
  return marks ? text.replace(marks.every, '') : text
}

function newMarks(): Marks {
  const key = process.getBuiltinModule('node:crypto').randomBytes(16).toString('hex')
  const every = `\\u001b${key};(\\d{1,3})m`
  return {key, every: new RegExp(every, 'g'), everyOrUnprintable: new RegExp(`${every}|${UNPRINTABLE.source}`, 'gu')}
}

function escaped(character: string): string {
  return SHORT.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
