import {visible, withoutOwnColours} from './visible.js'

/** Less than this is not enough to read a column of sentences in. */
const LEAST_LAST_COLUMN = 24
const GAP = '  '

let widthOfWide: ((text: string) => number) | undefined

/** To be awaited before texts are laid out that come from `data`. Only other than ASCII characters need the library, which loads ICU. */
export async function prepareWidths(data: unknown): Promise<void> {
  if (!/^[\u0000-\u007f]*$/.test(JSON.stringify(data))) widthOfWide ??= (await import('fast-string-width')).default
}

/** How many columns of a terminal a text takes: two for a wide character, none for an accent of its own or a colour. See `prepareWidths`. */
export function widthOf(text: string): number {
  const plain = withoutOwnColours(text)
  if (/^[\u0020-\u007e]*$/.test(plain)) return plain.length
  return widthOfWide ? widthOfWide(plain) : [...plain].length
}

/** Aligns rows in columns, two blanks apart; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  return table(rows).flat()
}

/**
 * The same, in at most `width` columns of a terminal if that is given, and as the lines of each row. The last column is broken into lines;
 * where too little is left for that, each row becomes a block with a line for each cell under the names in the first row, which is then not
 * shown by itself. A single word that is too long is never broken: it may be a path or a command to copy.
 */
export function table(cells: readonly (readonly string[])[], width?: number): string[][] {
  const rows = cells.map((row) => row.map(visible))
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell))
  }
  const before = sum(widths.slice(0, -1)) + GAP.length * (widths.length - 1)
  const isTooWide = width !== undefined && before + (widths.at(-1) ?? 0) > width
  const left = width === undefined ? Infinity : width - before
  if (isTooWide && left < Math.min(LEAST_LAST_COLUMN, widths.at(-1) ?? 0) && widths.length > 2) return blocks(rows, width)
  return rows.map((row) => {
    const head = row.slice(0, -1).map((cell, index) => padded(cell, widths[index] ?? 0) + GAP)
    return wrapped(row.at(-1) ?? '', Math.max(left, 1)).map((line, index) =>
      index === 0 ? head.join('') + line : ' '.repeat(before) + line,
    )
  })
}

/** Each row but the first as a block: its first cell, and under it the others, each after its name. */
function blocks([names = [], ...rows]: readonly (readonly string[])[], width: number): string[][] {
  const label = Math.max(...names.map(widthOf)) + 1
  const indent = label + GAP.length
  const lines = rows.map((row) =>
    row.flatMap((cell, index) => {
      const name = padded(`${names[index] ?? ''}:`, label) + GAP
      return wrapped(cell, Math.max(width - indent, 1)).map((line, part) => (part === 0 ? name : ' '.repeat(indent)) + line)
    }),
  )
  return [[], ...lines.map((block, index) => (index === 0 ? block : ['', ...block]))]
}

/** A text in lines of at most `width` columns, broken at blanks; a word that is longer stands alone. `indent` goes before all but the first. */
export function wrapped(written: string, width: number, indent = ''): string[] {
  const text = visible(written)
  if (widthOf(text) <= width) return [text]
  const lines: string[] = []
  const [margin = ''] = /^ */.exec(text) ?? []
  const words = text.slice(margin.length).split(/ +/)
  let line = margin
  for (const word of words) {
    const isEmpty = line.trim() === ''
    if (!isEmpty && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line)
      line = indent + word
    } else {
      line += isEmpty ? word : ` ${word}`
    }
  }
  return [...lines, line]
}

/** The text, or as much of it as `width` columns hold with an ellipsis at its end. */
export function truncated(written: string, width: number): string {
  const text = visible(written)
  if (widthOf(text) <= width) return text
  let short = ''
  for (const character of text) {
    if (widthOf(short + character) > width - 1) break
    short += character
  }
  return width < 1 ? '' : `${short}…`
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** A duration for people: "0.4 s", "12 s", "3 min", "2 h 5 min", "4 d 3 h". */
export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  if (seconds < 120) return `${Math.floor(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** A length of time in words, to the precision that a person needs, e.g. "2 h". */
export function inWords(ms: number): string {
  const sec = Math.round(ms / 1000)
  if (sec < 120) return `${sec} s`
  return sec < 7200 ? `${Math.round(sec / 60)} min` : sec < 172_800 ? `${Math.round(sec / 3600)} h` : `${Math.round(sec / 86_400)} days`
}

/** A phrase as the beginning of a line: with a capital letter, unless it begins with a path, a command or a number. */
export function sentence(phrase: string): string {
  return /^[a-z]+(?:[ ,]|$)/.test(phrase) ? phrase.charAt(0).toUpperCase() + phrase.slice(1) : phrase
}
