import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {columns, duration} from '../../src/ui/text.js'

describe('columns', () => {
  it('aligns cells two blanks apart, and does not pad the last one', () => {
    expect(
      columns([
        ['A', 'BBB', 'C'],
        ['aaaa', 'b', 'c'],
      ]),
    ).toEqual(['A     BBB  C', 'aaaa  b    c'])
  })

  it('aligns what is not ASCII', () => {
    expect(
      columns([
        ['ä🎉', 'x'],
        ['abc', 'y'],
      ]),
    ).toEqual(['ä🎉   x', 'abc  y'])
  })

  it('has nothing to align in nothing', () => {
    expect(columns([])).toEqual([])
  })

  it('begins each column at the same place in every row, and keeps every cell', () => {
    const rows = fc
      .integer({min: 1, max: 4})
      .chain((width) =>
        fc.array(fc.array(fc.string({unit: 'grapheme', minLength: 1}), {minLength: width, maxLength: width}), {minLength: 1}),
      )
    fc.assert(
      fc.property(rows, (table) => {
        const lines = columns(table).map((line) => [...line])
        const width = (column: number) => Math.max(...table.map((row) => [...(row[column] ?? '')].length))
        let start = 0
        for (let column = 0; column < (table[0]?.length ?? 0); column++) {
          for (const [index, row] of table.entries()) {
            const cell = [...(row[column] ?? '')]
            expect(lines[index]?.slice(start, start + cell.length)).toEqual(cell)
          }
          start += width(column) + 2
        }
        expect(lines.map((line) => line.length)).toEqual(
          table.map((row) => start - 2 - width(row.length - 1) + [...(row.at(-1) ?? '')].length),
        )
      }),
    )
  })
})

describe('duration', () => {
  it.each([
    [0, '0.0 s'],
    [440, '0.4 s'],
    [9940, '9.9 s'],
    [9960, '9 s'],
    [12_300, '12 s'],
    [119_999, '119 s'],
    [120_000, '2 min'],
    [3_599_999, '59 min'],
    [3_600_000, '1 h 0 min'],
    [7_500_000, '2 h 5 min'],
    [172_799_999, '47 h 59 min'],
    [172_800_000, '2 d 0 h'],
    [356_400_000, '4 d 3 h'],
  ])('%d ms is %s', (ms, expected) => {
    expect(duration(ms)).toBe(expected)
  })

  it('never says more than has passed, and never less by more than its last unit', () => {
    const units: Record<string, number> = {s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000}
    fc.assert(
      fc.property(fc.integer({min: 10_000, max: 10 ** 10}), (ms) => {
        const parts = [...duration(ms).matchAll(/(\d+) (s|min|h|d)/g)]
        const said = parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ''] ?? NaN), 0)
        expect(said).toBeLessThanOrEqual(ms)
        expect(said).toBeGreaterThan(ms - (units[parts.at(-1)?.[2] ?? ''] ?? NaN))
      }),
    )
  })
})
