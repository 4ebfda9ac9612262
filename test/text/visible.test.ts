import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {paintFor} from '../../src/ui/paint.js'
import {table, truncated, widthOf, wrapped} from '../../src/text/layout.js'
import {ownColours, visible, writable} from '../../src/text/visible.js'
import {anyCharacter} from '../support/any-text.js'
import {UNPRINTABLE} from '../support/unprintable.js'

/** Text in which what is not printable is not rare. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({unit: anyCharacter}),
      fc.integer({min: 0, max: 0x2100}).map((code) => String.fromCharCode(code)),
      fc.constant('::error::'),
    ),
  )
  .map((parts) => parts.join(''))

describe('the door for text of others', () => {
  it.each([
    ['a colour', '\u001b[31mred', '\\u001b[31mred'],
    ['a title of the terminal', '\u001b]0;PWNED\u0007', '\\u001b]0;PWNED\\u0007'],
    ['a C1 control character', 'a\u009b2Jb\u007f', 'a\\u009b2Jb\\u007f'],
    ['a line of its own', 'x\r\n::error::forged', 'x\\r\\n::error::forged'],
    ['separators of lines and paragraphs', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
    ['marks that turn the text', 'a\u202eb\u2066c\u200fd\u061c', 'a\\u202eb\\u2066c\\u200fd\\u061c'],
    ['half of a character', 'a\ud800b', 'a\\ud800b'],
  ])('shows %s', (_, text, expected) => {
    expect(visible(text)).toBe(expected)
  })

  it.each(['', 'a\tb', 'C:\\new "x" \\u001b', 'grüße 你好 🚀 e\u0301', '👩\u200d💻'])('leaves %j as it is', (text) => {
    expect(visible(text)).toBe(text)
    expect(writable(text)).toBe(text)
  })

  it.each([
    ['::error::forged', '\\u003a:error::forged'],
    [' \t\u00a0::stop-commands::x', ' \t\u00a0\\u003a:stop-commands::x'],
    ['a ##[error]forged ##vso[task.complete]', 'a \\u0023#[error]forged \\u0023#vso[task.complete]'],
    ['::1 is this machine', '::1 is this machine'],
    ['### a heading', '### a heading'],
    ['### a [link]', '### a [link]'],
  ])('lets no line command a CI server: %j', (line, expected) => {
    expect(writable(line)).toBe(expected)
  })

  it('lets nothing through that is not printable, and changes nothing a second time', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = visible(text)
        expect(shown).not.toMatch(UNPRINTABLE)
        expect(visible(shown)).toBe(shown)
        expect(writable(text)).not.toMatch(UNPRINTABLE)
        expect(writable(text)).not.toMatch(/^\s*::[a-z]/i)
      }),
    )
  })

  it('tells our own colours from those of others', async () => {
    const paint = await paintFor(true, {})
    fc.assert(
      fc.property(hostile, (text) => {
        const line = writable(`${paint.bad(`x${text}`)} ${text}`)
        expect(line.startsWith('\u001b[31mx')).toBe(true)
        expect(line.slice(6).replace('\u001b[39m', '')).not.toMatch(UNPRINTABLE)
      }),
    )
    expect(writable(paint.strong(paint.good('a')))).toBe('\u001b[1m\u001b[32ma\u001b[39m\u001b[22m')
  })

  it('counts for the width what is shown', () => {
    const cell = `\u001b[2J${ownColours('\u001b[31mx\u001b[39m')}`
    expect(widthOf(visible(cell))).toBe('\\u001b[2Jx'.length)
    expect(
      table([
        ['a', 'b'],
        [cell, 'c'],
      ]).flat()[0],
    ).toBe(`a${' '.repeat('\\u001b[2Jx'.length - 1)}  b`)
    expect(wrapped('a\nb', 80)).toEqual(['a\\nb'])
    expect(truncated('\n\n\n', 5)).toBe('\\n\\n…')
  })
})
