/** Reading `systemctl show`: one block of NAME=VALUE lines a unit, blocks apart by an empty line (systemctl(1)). */

export type Properties = Readonly<Record<string, string>>

/** Parses the output for one or more units, in the order they were asked for. A property that is printed several times has as many lines. */
export function parseShow(output: string): Properties[] {
  return output
    .replace(/\n$/, '')
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const properties = Object.create(null) as Record<string, string>
      for (const line of block.split('\n')) {
        const equals = line.indexOf('=')
        if (equals <= 0) continue
        const [name, value] = [line.slice(0, equals), line.slice(equals + 1)]
        // One line for each command of an Exec…=, and for each file of EnvironmentFile=.
        properties[name] = properties[name] === undefined ? value : `${properties[name]}\n${value}`
      }
      return properties
    })
}

/** Months and years are those of systemd.time(7), 30.44 and 365.25 days. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ...{us: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000},
  ...{month: 2_629_800_000, y: 31_557_600_000},
}

/** A time span as systemctl prints it, such as "1min 30s", "1.500000s" or "infinity", in ms to the μs; undefined if it is not one. */
export function parseSpanMs(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (text === 'infinity') return Infinity
  if (text === '0') return 0
  let total = 0
  for (const part of text.split(' ')) {
    const match = /^(\d+(?:\.\d+)?)(us|ms|s|min|h|d|w|month|y)$/.exec(part)
    if (!match) return undefined
    total += Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? NaN)
  }
  return Math.round(total * 1000) / 1000
}

/**
 * Splits the value of a list property such as Environment= into its entries. systemctl puts double quotes around an entry that needs
 * them, or writes it as $'…'; both with C escapes for control characters inside (escape.c, shell_maybe_quote).
 */
export function splitEntries(value: string): string[] {
  const entries: string[] = []
  let entry = ''
  let inEntry = false
  let quote: '"' | "$'" | undefined
  for (let index = 0; index < value.length; index++) {
    const character = value[index] ?? ''
    if (character === '\\' && quote !== undefined) {
      const [text, used] = cEscape(value, ++index)
      entry += text
      index += used
    } else if (quote === undefined && character === ' ') {
      if (inEntry) entries.push(entry)
      entry = ''
      inEntry = false
    } else if (quote === undefined && character === '"') {
      quote = '"'
      inEntry = true
    } else if (quote === undefined && character === '$' && value[index + 1] === "'" && !inEntry) {
      quote = "$'"
      inEntry = true
      index++
    } else if ((quote === '"' && character === '"') || (quote === "$'" && character === "'")) {
      quote = undefined
    } else {
      entry += character
      inEntry = true
    }
  }
  if (inEntry) entries.push(entry)
  return entries
}

/** One escape, `index` being at the character after the backslash: its text, and how many more characters it took. */
function cEscape(value: string, index: number): [string, number] {
  const character = value[index] ?? ''
  const simple: Readonly<Record<string, string>> = {n: '\n', t: '\t', r: '\r', a: '\u0007', b: '\b', f: '\f', v: '\v', s: ' '}
  if (simple[character] !== undefined) return [simple[character], 0]
  if (character === 'x') return [String.fromCharCode(parseInt(value.slice(index + 1, index + 3), 16)), 2]
  const octal = /^[0-7]{3}/.exec(value.slice(index, index + 3))
  if (octal) return [String.fromCharCode(parseInt(octal[0], 8)), 2]
  return [character, 0]
}

/** The files that a unit reads variables from, each as `PATH (ignore_errors=yes)` in what systemctl shows. */
export function environmentFilesOf({EnvironmentFiles = ''}: Properties): string[] {
  return EnvironmentFiles.split('\n').flatMap((line) => /^(.*) \(ignore_errors=(?:yes|no)\)$/.exec(line)?.[1] ?? [])
}

/** A timestamp of the monotonic clock in ms; undefined for 0, which is never. */
export function microsecondsToMs(text: string | undefined): number | undefined {
  const value = positive(text)
  return value === undefined ? undefined : value / 1000
}

/** A number above 0; undefined for anything else. */
export function positive(text: string | undefined): number | undefined {
  const value = Number(text)
  return Number.isInteger(value) && value > 0 ? value : undefined
}
