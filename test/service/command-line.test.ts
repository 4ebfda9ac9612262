import {execFileSync} from 'node:child_process'
import fc from 'fast-check'
import {expect, it} from 'vitest'
import {splitCommandLine} from '../../src/service/command-line.js'
import {shellQuote} from '../../src/text/shell-quote.js'
import {anyCharacter} from '../support/any-text.js'

/** Ends what is printed for a line: no piece of a line is in it. */
const END = '--- end ---'
/** One shell for all lines, since starting one takes longer than all that it does; each in a subshell of its own, which a wrong line ends. */
const PRINT_WORDS = `for line; do (eval "printf '%s\\0' first $line"); printf '%s\\0' '${END}'; done`

/** What /bin/sh makes of the words that stand behind a command, for each of these. */
function wordsOfShell(lines: readonly string[]): string[][] {
  const printed = execFileSync('/bin/sh', ['-c', PRINT_WORDS, 'sh', ...lines], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']})
  return printed
    .split(`${END}\0`)
    .slice(0, -1)
    .map((words) => words.split('\0').slice(1, -1))
}

const PIECES = [
  ...["'", '"', '\\', ' ', '  ', '\t', '\n', '$', '$X', '`', '*', '?', '[', ']', '#', '~', ';', '&', '|', '<', '(', ')'],
  ...['{', '}', '!', '=', '%'],
  ...['\\"', "\\'", '\\$', '\\`', '\\\\', '\\\n', '\\ ', '""', "''", '" "', "' '", 'a', 'b c', 'é', '🎉', '-x', '\u00a0'],
]
const line = fc.array(fc.constantFrom(...PIECES), {maxLength: 8}).map((pieces) => pieces.join(''))

it('splits every line that it takes into the words that /bin/sh makes of it', () => {
  const taken = fc.sample(line, 1500).flatMap((text) => {
    const split = splitCommandLine(text)
    return 'refused' in split ? [] : [{text, words: split.words}]
  })
  expect(taken.length).toBeGreaterThan(100)
  const ofShell = wordsOfShell(taken.map(({text}) => text))
  expect(taken).toEqual(taken.map(({text}, index) => ({text, words: ofShell[index]})))
})

it('gives back whatever words were quoted, newlines included', () => {
  const word = fc.string({unit: anyCharacter}).filter((text) => !text.includes('\0'))
  fc.assert(
    fc.property(fc.array(word), (words) => {
      expect(splitCommandLine(words.map(shellQuote).join(' '))).toEqual({words})
    }),
  )
})

it.each(['$HOME/x', '"$HOME"', '`id`', '"`id`"', 'a | b', 'a; b', 'a &', '(a)', 'a > b', 'a *', 'a ?', 'a [x]', 'a # b', '~/x', 'a\nb'])(
  'refuses %j, of which a shell would make something else',
  (text) => {
    expect(splitCommandLine(text)).toEqual({refused: expect.stringContaining('expands and pipes nothing')})
  },
)

it.each(["'a", '"a', '"a\\"', "a 'b"])('refuses %j, whose quote is not closed', (text) => {
  expect(splitCommandLine(text)).toEqual({refused: 'has a quote that is not closed'})
})

it('refuses a backslash with nothing behind it', () => {
  expect(splitCommandLine('a \\')).toEqual({refused: 'ends in a backslash'})
})

it('makes no word of blanks, and an empty word of quotes', () => {
  expect(splitCommandLine(' \t ')).toEqual({words: []})
  expect(splitCommandLine(`a '' ""`)).toEqual({words: ['a', '', '']})
})
