/**
 * Splits the command line that a shell's user has typed so far into its words, with quotes taken away as POSIX sh does (XCU 2.2). The last
 * word is the one under the cursor, '' after a blank; a quote that is still open ends with the line. `~` and `$HOME` at the beginning of an
 * unquoted word become `home`; nothing else is expanded.
 */
export function shellWords(line: string, home: string): string[] {
  const words: string[] = []
  let word = ''
  let raw = ''
  let quote = ''
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? ''
    if (quote === '' && /\s/.test(character)) {
      if (raw !== '') words.push(expanded(word, raw, home))
      word = raw = ''
      continue
    }
    raw += character
    if (quote === "'") {
      if (character === "'") quote = ''
      else word += character
    } else if (character === '\\') {
      const next = line[++at] ?? ''
      raw += next
      // Within double quotes a backslash stands for itself but before these.
      word += quote === '"' && !'$`"\\'.includes(next) ? `\\${next}` : next
    } else if (character === '"' || (character === "'" && quote === '')) {
      quote = quote === character ? '' : character
    } else {
      word += character
    }
  }
  return [...words, expanded(word, raw, home)]
}

/** `raw`: the word as it was typed. */
function expanded(word: string, raw: string, home: string): string {
  if (/^~(?:\/|$)/.test(raw)) return home + word.slice(1)
  const variable = /^"?(\$HOME|\$\{HOME\})(?=[/"]|$)/.exec(raw)?.[1]
  return variable === undefined ? word : home + word.slice(variable.length)
}
