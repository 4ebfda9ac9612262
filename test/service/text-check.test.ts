import {describe, expect, it} from 'vitest'
import {refusedPath, refusedText, shown} from '../../src/service/text-check.js'

describe('a text', () => {
  it.each(['', 'a b', 'é🎉', '\n\t\u0001', '\u00a0\u2028\u202e\ufeff', '\ufffc', '\u{1fffd}'])('can be %j', (text) => {
    expect(refusedText(text)).toBeUndefined()
  })

  it.each([
    ['a\0', 'has a NUL character in it'],
    ['a\ufffd', 'is not valid UTF-8 (or has U+FFFD in it, which stands for that)'],
    ['\ud800', 'is not valid UTF-8 (or has U+FFFD in it, which stands for that)'],
    ['a\uffff', 'has U+FFFF in it, a noncharacter, which service managers refuse'],
    ['\ufdd0', 'has U+FDD0 in it, a noncharacter, which service managers refuse'],
    ['\u{10fffe}', 'has U+10FFFE in it, a noncharacter, which service managers refuse'],
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
    [`/${'x'.repeat(256)}`, /^is too long: a name in it has over 255 bytes$/],
    [`/${'é'.repeat(128)}`, /^is too long: a name in it has over 255 bytes$/],
    ['/y'.repeat(1901), /^is too long: 3802 bytes/],
    ['/a\nb', /^has a control character/],
    ['/a\u007fb', /^has a control character/],
    ['/a\uffff', /^has U\+FFFF in it/],
    ['/a\0', /^has a NUL character/],
  ])('cannot be %j', (path, reason) => {
    expect(refusedPath(path)).toMatch(reason)
  })
})

it('shows a long value on one line and in part', () => {
  expect(shown('a\n"b"')).toBe('"a\\n\\"b\\""')
  expect(shown('x'.repeat(1000))).toBe(`"${'x'.repeat(300)}…"`)
})
