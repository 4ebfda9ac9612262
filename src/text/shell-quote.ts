/**
 * Writes a value as one word of POSIX sh (XCU 2.2.2, single quotes): nothing between the quotes is special but the quote itself.
 * Any string goes through exactly, newlines included; NUL cannot be part of a word in any shell and is a RangeError.
 */
export function shellQuote(value: string): string {
  if (value.includes('\0')) throw new RangeError('a word of a shell script cannot contain NUL')
  return `'${value.replaceAll("'", "'\\''")}'`
}

/** The same, without quotes where a word needs none: for people to read and to type. */
export function shellWord(value: string): string {
  return /^[\w./@:+=,%-]+$/.test(value) ? value : shellQuote(value)
}
