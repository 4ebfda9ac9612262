import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {
  environmentAssignment,
  environmentFileLine,
  execWord,
  freeText,
  isSafeProgram,
  parseEnvironmentFile,
  pathSetting,
  patternSetting,
} from '../../../src/managers/systemd/escape.js'

const LINE_ENDS = /[\n\r]/
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', '\\', '%', '$', '`', "'", '\n', '\t', '\u0001', '\u007f', ' ', '#', '=', 'é', '🎉', '\u2028'),
    fc.string({unit: 'grapheme', maxLength: 1}),
  ),
})

describe('a word of an Exec line', () => {
  it.each([
    ['plain', '"plain"'],
    ['a b', '"a b"'],
    ['50%', '"50%%"'],
    ['$HOME', '"$HOME"'],
    ['say "x"', '"say \\"x\\""'],
    ['back\\slash', '"back\\\\slash"'],
    ['a\nb\tc', '"a\\nb\\tc"'],
    ['\u0001\u007f\r', '"\\x01\\x7f\\x0d"'],
    ['', '""'],
  ])('%j is written %s', (value, expected) => {
    expect(execWord(value)).toBe(expected)
  })

  it('never breaks its line', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(execWord(value)).not.toMatch(LINE_ENDS)
      }),
    )
  })
})

describe('isSafeProgram', () => {
  it.each(["/opt/it's/hermes", '/opt/"x"/hermes', '/opt/a\\b/hermes'])('is false for %s, which systemd takes for no program', (program) => {
    expect(isSafeProgram(program)).toBe(false)
  })

  it('is true for whatever else can be in a path', () => {
    expect(isSafeProgram('/opt/a b%$;#*é/hermes')).toBe(true)
  })
})

describe('other settings', () => {
  it('writes an assignment as one word', () => {
    expect(environmentAssignment('A', 'x y%$"')).toBe('"A=x y%%$\\""')
  })

  it('doubles the beginning of a specifier in a path, and nothing else', () => {
    expect(pathSetting('/a b/%n$"\\')).toBe('/a b/%%n$"\\')
  })

  it('takes the meaning from the characters of a pattern', () => {
    expect(patternSetting('/a*b?[c]\\%n')).toBe('/a\\*b\\?\\[c\\]\\\\%%n')
  })

  it('keeps free text on its line', () => {
    expect(freeText('a\r\nb\n\n100%')).toBe('a b 100%%')
  })
})

describe('an environment file', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)

  it('is read back as it was written, whatever the values are', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, text), {selector: ([key]) => key}), (entries) => {
        const lines = entries.map(([key, value]) => environmentFileLine(key, value))
        expect([...parseEnvironmentFile(['# comment', ...lines, ''].join('\n'))]).toEqual(entries)
      }),
    )
  })

  it('escapes what systemd reads specially within double quotes, and nothing else', () => {
    expect(environmentFileLine('A', 'x"\\`$\'%n\n#;')).toBe('A="x\\"\\\\\\`\\$\'%n\n#;"')
  })

  it('does not take a line within a value for one of its own', () => {
    expect([...parseEnvironmentFile(environmentFileLine('A', 'x\nB="y"\n'))]).toEqual([['A', 'x\nB="y"\n']])
  })

  it('leaves lines alone that it did not write', () => {
    expect([...parseEnvironmentFile('A=1\nexport B="2"\n# C="3"\nD="4"\n1E="5"\nF="6')]).toEqual([['D', '4']])
  })
})
