import fc from 'fast-check'
import {beforeAll, describe, expect, it} from 'vitest'
import {columns, duration, prepareWidths, table, truncated, widthOf} from '../../src/text/layout.js'

const TABLE = fc.integer({min: 1, max: 4}).chain((width) =>
  fc.array(
    fc.array(fc.string({unit: fc.constantFrom('a', 'b', ' ', 'é', '日', '🎉'), minLength: 1}), {minLength: width, maxLength: width}),
    {
      minLength: 1,
    },
  ),
)

beforeAll(() => prepareWidths('日本語'))

describe('columns', () => {
  it('aligns cells two blanks apart, and does not pad the last one', () => {
    expect(
      columns([
        ['A', 'BBB', 'C'],
        ['aaaa', 'b', 'c'],
      ]),
    ).toEqual(['A     BBB  C', 'aaaa  b    c'])
  })

  it('aligns what is not ASCII: a wide character takes two columns', () => {
    expect(
      columns([
        ['ä🎉', 'x'],
        ['abc', 'y'],
      ]),
    ).toEqual(['ä🎉  x', 'abc  y'])
  })

  it('has nothing to align in nothing', () => {
    expect(columns([])).toEqual([])
  })

  it('begins each column at the same place in every row, and keeps every cell', () => {
    fc.assert(
      fc.property(TABLE, (cells) => {
        const lines = columns(cells)
        const width = (column: number) => Math.max(...cells.map((row) => widthOf(row[column] ?? '')))
        for (const [index, row] of cells.entries()) {
          const padded = row.slice(0, -1).map((cell, column) => cell + ' '.repeat(width(column) - widthOf(cell)))
          expect(lines[index]).toBe([...padded, row.at(-1)].join('  '))
        }
      }),
    )
  })
})

describe('a table that is too wide', () => {
  const ROWS = [
    ['SEVERITY', 'FINDING', 'WHAT'],
    ['ERROR', 'stale-state', 'gateway.pid names a process that is gone'],
    ['info', 'path', 'the service does not find uvx'],
  ]

  it('breaks its last column at blanks', () => {
    expect(table(ROWS, 50).flat()).toEqual([
      'SEVERITY  FINDING      WHAT',
      'ERROR     stale-state  gateway.pid names a process',
      '                       that is gone',
      'info      path         the service does not find',
      '                       uvx',
    ])
  })

  it('becomes a block for each row where too little is left for its last column', () => {
    expect(table(ROWS, 40).flat()).toEqual([
      'SEVERITY:  ERROR',
      'FINDING:   stale-state',
      'WHAT:      gateway.pid names a process',
      '           that is gone',
      '',
      'SEVERITY:  info',
      'FINDING:   path',
      'WHAT:      the service does not find uvx',
    ])
  })

  it('has no line wider than the terminal but for a single word, and loses none', () => {
    fc.assert(
      fc.property(TABLE, fc.integer({min: 20, max: 100}), (cells, width) => {
        const lines = table(
          cells.map((row) => row.map((cell) => cell.trim() || 'x')),
          width,
        ).flat()
        const label = Math.max(...(cells[0] ?? []).map(widthOf)) + 3
        const longest = Math.max(...cells.flat().flatMap((cell) => cell.split(' ').map(widthOf)))
        const before = Math.max(...cells.map((row) => row.slice(0, -1).reduce((sum, cell) => sum + widthOf(cell) + 2, 0)))
        // What must stand in one line at least: a name and a word, or in a table of two columns the first and a word.
        const least = Math.max(width, label + longest, cells[0]?.length === 2 ? before + longest : 0)
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(least)
        const said = lines.join(' ')
        for (const word of cells
          .slice(1)
          .flat()
          .flatMap((cell) => cell.split(/ +/)))
          expect(said).toContain(word)
      }),
    )
  })

  it('is left alone where nobody knows how wide the terminal is', () => {
    expect(table(ROWS)).toEqual(table(ROWS, 1000))
  })
})

describe('truncated', () => {
  it.each([
    ['short', 10, 'short'],
    ['a long line', 6, 'a lon…'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['x', 0, ''],
  ])('%s in %i columns is %s', (text, width, expected) => {
    expect(truncated(text, width)).toBe(expected)
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
