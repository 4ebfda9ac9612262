import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {parseShow, parseSpanMs, splitEntries} from '../../../src/managers/systemd/show.js'
import {captured, SITUATIONS} from '../../fakes/captures.js'

describe('parseShow', () => {
  it.each(SITUATIONS)('reads every line of what a real systemctl said: %s', (situation) => {
    const text = captured(situation, 'systemctl-show.txt') ?? ''
    const blocks = parseShow(text)
    expect(blocks).toHaveLength(1)
    expect(
      Object.entries(blocks[0] ?? {})
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    ).toBe(text)
  })

  it('keeps the units in the order they were asked for', () => {
    expect(parseShow('Id=a.service\nMainPID=1\n\nId=b.service\nMainPID=0\n')).toEqual([
      {Id: 'a.service', MainPID: '1'},
      {Id: 'b.service', MainPID: '0'},
    ])
  })

  it('takes the first equals sign for the end of the name', () => {
    expect(parseShow('Environment=A=1 B=2\nUser=\n')).toEqual([{Environment: 'A=1 B=2', User: ''}])
  })

  it('has nothing to say of nothing', () => {
    expect(parseShow('')).toEqual([])
    expect(parseShow('\n')).toEqual([])
  })

  it('reads back any units that are written one block each', () => {
    const name = fc.stringMatching(/^[A-Z][A-Za-z]{0,9}$/)
    const value = fc.string({unit: 'grapheme'}).filter((text) => !text.includes('\n'))
    fc.assert(
      fc.property(fc.array(fc.dictionary(name, value, {minKeys: 1, maxKeys: 5}), {maxLength: 4}), (units) => {
        const text = units
          .map((unit) =>
            Object.entries(unit)
              .map(([key, member]) => `${key}=${member}\n`)
              .join(''),
          )
          .join('\n')
        expect(parseShow(text)).toEqual(units.map((unit) => ({...unit})))
      }),
    )
  })

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string({unit: fc.constantFrom('=', '\n', 'a', ' ', '"', '\\', '$', "'", '__proto__')}),
        (text) => void parseShow(text),
      ),
    )
  })
})

/** systemd's format_timespan (time-util.c) with an accuracy of 1 μs, as `systemctl show` prints times. */
function formatTimespan(us: number): string {
  const units: [number, string][] = [
    [31_557_600e6, 'y'],
    [2_629_800e6, 'month'],
    [604_800e6, 'w'],
    [86_400e6, 'd'],
    [3600e6, 'h'],
    [60e6, 'min'],
    [1e6, 's'],
    [1000, 'ms'],
    [1, 'us'],
  ]
  if (us === 0) return '0'
  const parts: string[] = []
  let left = us
  for (const [size, name] of units) {
    if (left < size || left === 0) continue
    const whole = Math.floor(left / size)
    const rest = left % size
    if (left < 60e6 && rest > 0) {
      parts.push(`${whole}.${String(rest).padStart(Math.round(Math.log10(size)), '0')}${name}`)
      break
    }
    parts.push(`${whole}${name}`)
    left = rest
  }
  return parts.join(' ')
}

describe('parseSpanMs', () => {
  it.each([
    ['0', 0],
    ['100ms', 100],
    ['5s', 5000],
    ['1min 30s', 90_000],
    ['3min 30s', 210_000],
    ['1.500000s', 1500],
    ['1.001s', 1001],
    ['1us', 0.001],
    ['2w 1d 3h', 1_306_800_000],
    ['1month', 2_629_800_000],
    ['1y', 31_557_600_000],
    ['infinity', Infinity],
  ])('reads %s', (text, expected) => {
    expect(parseSpanMs(text)).toBe(expected)
  })

  it.each([undefined, '', '5', 's', '5 s', '1min30s', '5parsec', '-1s', '[not set]', '1s '])('makes nothing of %j', (text) => {
    expect(parseSpanMs(text)).toBeUndefined()
  })

  it('reads back every time that systemctl prints', () => {
    const times = fc.oneof(
      fc.nat(120_000_000),
      fc.nat(100_000).map((ms) => ms * 1000),
      fc.integer({min: 0, max: 40_000_000}).map((seconds) => seconds * 1e6),
    )
    fc.assert(
      fc.property(times, (us) => {
        expect(parseSpanMs(formatTimespan(us))).toBe(us / 1000)
      }),
    )
  })
})

const C_ESCAPES: Readonly<Record<string, string>> = {'\u0007': 'a', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v'}

/** systemd's shell_maybe_quote (escape.c): in double quotes, as `systemctl show` writes a list, or as $'…'. */
function shellMaybeQuote(text: string, posix: boolean): string {
  if (!/[\u0000-\u001f\u007f "\\`$*?['()<>|&;!]/.test(text)) return text

  const escaped = text.replace(posix ? /[\\'\u0000-\u001f\u007f]/g : /["\\`$\u0000-\u001f\u007f]/g, (character) => {
    if (character >= ' ' && character !== '\u007f') return `\\${character}`
    return `\\${C_ESCAPES[character] ?? character.charCodeAt(0).toString(8).padStart(3, '0')}`
  })
  return posix ? `$'${escaped}'` : `"${escaped}"`
}

describe('splitEntries', () => {
  it('reads back every list that systemctl writes, in either of its quotings', () => {
    const special = fc.constantFrom(
      ' ',
      '"',
      "'",
      '\\',
      '$',
      '`',
      '\n',
      '\t',
      '\u0001',
      '\u001b',
      '\u007f',
      '=',
      'é',
      '🎉',
      '%',
      '#',
      '0',
      '1',
      'n',
      'x',
      's',
      "$'",
    )
    const entry = fc
      .array(fc.oneof(special, fc.string({unit: 'grapheme-ascii'})), {minLength: 1})
      .map((parts) => parts.join(''))
      .filter((text) => text !== '')
    fc.assert(
      fc.property(fc.array(entry), fc.boolean(), (entries, posix) => {
        expect(splitEntries(entries.map((text) => shellMaybeQuote(text, posix)).join(' '))).toEqual(entries)
      }),
    )
  })

  it('reads the environment of a real unit', () => {
    const [unit] = parseShow(captured('running', 'systemctl-show.txt') ?? '')
    expect(splitEntries(unit?.Environment ?? '')).toEqual([
      'PATH=/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'VIRTUAL_ENV=/opt/hermes-agent/venv',
      'HERMES_HOME=/home/hermes/.hermes',
    ])
  })

  it('never throws, and has no entries for nothing', () => {
    expect(splitEntries('')).toEqual([])
    fc.assert(fc.property(fc.string({unit: fc.constantFrom('"', "'", '\\', '$', ' ', 'x', '3')}), (text) => void splitEntries(text)))
  })
})
