import fc from 'fast-check'

/** What means something in a unit file, a shell, a pattern or a command line, and what else is rarely thought of. */
const SPECIAL = [
  ...[' ', '  ', '"', "'", '%', '$', '\\', ';', '#', '=', '-', '@', '!', '+', ':', '*', '?', '[', ']', '{', '}', '~', '`', '&', '|'],
  ...['<', '>', '(', ')', ',', '^', '%n', '%%', '%h', '%i', '$$', '${X}', '$HOME', '$(id)', '`id`', '\\n', '\\x41', '\\\\', '\\"'],
  ...["\\'", '\\ ', '"$@"', '--', '-p', '--profile', '.', '..', 'é', 'ß', '🎉', '👩‍👧', 'e\u0301'],
  ...['\u00a0', '\u0085', '\u2028', '\u202e', '\u200b', '\ufeff'],
]
const BLANKS = ['\n', '\t', '\n\n', ' \n', '\\\n', '"\nX="y']
/** What hardly any definition can hold. */
const CONTROLS = ['\u0001', '\u0007', '\b', '\v', '\f', '\r', '\u001b', '\u007f', '\uffff', '\ufffd']

/** Text without NUL; the weights say how often a piece is white space other than a blank, or a control character or the like. */
export function nastyText({blanks, controls, min = 0}: {blanks: number; controls: number; min?: number}): fc.Arbitrary<string> {
  const piece = fc.oneof(
    {weight: 30, arbitrary: fc.constantFrom(...SPECIAL)},
    {weight: 12, arbitrary: fc.stringMatching(/^[a-zA-Z0-9]{1,6}$/)},
    {weight: 4, arbitrary: fc.string({unit: 'grapheme', minLength: 1, maxLength: 4})},
    {weight: blanks, arbitrary: fc.constantFrom(...BLANKS)},
    {weight: controls, arbitrary: fc.constantFrom(...CONTROLS)},
  )
  return fc.array(piece, {minLength: min, maxLength: 10}).map((pieces) => pieces.join('').replaceAll('\0', ''))
}

/** One name in a folder, most of them without such a character. */
const nastyName = fc
  .oneof(
    {weight: 30, arbitrary: nastyText({blanks: 0, controls: 0, min: 1})},
    {weight: 2, arbitrary: nastyText({blanks: 4, controls: 4, min: 1})},
    {weight: 1, arbitrary: fc.constantFrom('x%'.repeat(120), '🎉'.repeat(60), 'é'.repeat(130))},
  )
  .map((name) => name.replaceAll('/', '').replace(/^\.{0,2}$/, 'dots'))

/** Paths about as long as there can be. */
const longPath = fc.constantFrom(13, 14, 15, 16, 18).map((names) => Array.from({length: names}, () => `${'long $ " '.repeat(28)}x`))

/** A relative path of some such names. */
export const nastyPath = fc
  .oneof({weight: 30, arbitrary: fc.array(nastyName, {minLength: 1, maxLength: 3})}, {weight: 1, arbitrary: longPath})
  .map((names) => names.join('/'))

/** The value of a variable. */
export const nastyValue = fc.oneof(
  {weight: 20, arbitrary: nastyText({blanks: 5, controls: 0})},
  {weight: 1, arbitrary: nastyText({blanks: 0, controls: 20})},
  {weight: 1, arbitrary: fc.constantFrom('"\\$`\n\'%'.repeat(12_000), '')},
)
