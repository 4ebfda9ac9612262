import {describe, expect, it} from 'vitest'
import {refusedPath, refusedText, shown} from '../../src/service/text-check.js'

describe('a text', () => {
  it.each(['', 'a b', 'é🎉', '\n\t\u0001', '\u00a0\u2028\u202e\ufeff', '\ufffc', '\u{1fffd}'])('can be %j', (text) => {
    expect(refusedText(text)).toBeUndefined()
  })

  it.each([
    ['a\0', 'contains a NUL character'],
    ['a\ufffd', 'is not valid UTF-8, or contains U+FFFD, the sign of invalid UTF-8'],
    ['\ud800', 'is not valid UTF-8, or contains U+FFFD, the sign of invalid UTF-8'],
    ['a\uffff', 'contains U+FFFF, a noncharacter, which service managers refuse'],
    ['\ufdd0', 'contains U+FDD0, a noncharacter, which service managers refuse'],
    ['\u{10fffe}', 'contains U+10FFFE, a noncharacter, which service managers refuse'],
  ])('cannot be %j', (text, reason) => {
    expect(refusedText(text)).toBe(reason)
  })
})

describe('a path', () => {
  it.each(['/', '/a b/%n $X "q" \\', '/x ', `/${'x'.repeat(255)}`, '/x'.repeat(1900)])('can be %j', (path) => {
    expect(refusedPath(path)).toBeUndefined()
  })

  it.each([
    ['a/b', /^is not an absolute path$/],
    ['', /^is not an absolute path$/],
    [`/${'x'.repeat(256)}`, /^is too long: a name in it has more than 255 bytes$/],
    [`/${'é'.repeat(128)}`, /^is too long: a name in it has more than 255 bytes$/],
    ['/y'.repeat(1901), /^is too long: it has 3802 bytes/],
    ['/a\nb', /^contains a control character/],
    ['/a\u007fb', /^contains a control character/],
    ['/a\uffff', /^contains U\+FFFF, a noncharacter/],
    ['/a\0', /^contains a NUL character/],
  ])('cannot be %j', (path, reason) => {
    expect(refusedPath(path)).toMatch(reason)
  })
})

it('shows a long value on one line and in part', () => {
  expect(shown('a\n"b"')).toBe('"a\\n\\"b\\""')
  expect(shown('x'.repeat(1000))).toBe(`"${'x'.repeat(300)}…"`)
})
