import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {
  limitBytes,
  parseCpuWeight,
  parseLimit,
  parseNice,
  parseResources,
  refusedTogether,
  withResources,
} from '../../src/service/resources.js'

describe('a limit of memory', () => {
  it.each([
    ['64M', 67_108_864],
    ['1.5G', 1_610_612_736],
    ['2t', 2 * 1024 ** 4],
    ['100000000', 100_000_000],
    ['50%', 500],
    ['100%', 1000],
  ])('%s is %d bytes on a machine of 1000', (text, bytes) => {
    expect(limitBytes(parseLimit(text) ?? '', 1000)).toBe(bytes)
  })

  it.each(['', '0', '63M', '1', '1GB', '-1G', '0%', '101%', '1.5%', 'infinity', '1G ', '1G\nNice=1', '99999999999999T', '1e9', '.5G'])(
    '%j is none',
    (text) => {
      expect(parseLimit(text)).toBeUndefined()
    },
  )

  it('is kept in one way, and is a word that ends no line', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,5}(\.\d)?[KMGTkmgt%]?$/)), (text) => {
        const limit = parseLimit(text)
        if (limit === undefined) return
        expect(limit).toMatch(/^[0-9.]+[KMGT%]?$/)
        expect(parseLimit(limit)).toBe(limit)
      }),
    )
  })

  it('that slows down is not beyond the one that kills', () => {
    expect(refusedTogether({memoryHigh: '2G', memoryMax: '1G'})).toContain('--memory-high (2G) must not be higher than --memory-max (1G)')
    expect(refusedTogether({memoryHigh: '90%', memoryMax: '80%'})).toContain('must not be higher')
    for (const resources of [{memoryHigh: '1G', memoryMax: '1024M'}, {memoryHigh: '90%', memoryMax: '1G'}, {memoryMax: '1G'}, {}])
      expect(refusedTogether(resources)).toBeUndefined()
  })
})

describe('what a service may take', () => {
  it('is a whole number within its bounds', () => {
    expect(['-20', '0', '+5', '19'].map(parseNice)).toEqual([-20, 0, 5, 19])
    expect(['-21', '20', '', '1.5', 'x'].map(parseNice)).toEqual([undefined, undefined, undefined, undefined, undefined])
    expect(['1', '10000', '0', '10001', 'idle'].map(parseCpuWeight)).toEqual([1, 10_000, undefined, undefined, undefined])
  })

  it('stays as it was chosen until it is taken away', () => {
    const before = {memoryMax: '1G', nice: 5}
    expect(withResources(before, undefined)).toEqual(before)
    expect(withResources(before, {nice: null, cpuWeight: 50})).toEqual({memoryMax: '1G', cpuWeight: 50})
    expect(withResources(undefined, {nice: null})).toEqual({})
  })

  it('is read from a record only if it is whole', () => {
    expect(parseResources(undefined)).toEqual({})
    expect(parseResources({memoryMax: '1G', later: 1})).toEqual({memoryMax: '1G'})
    expect(parseResources({memoryMax: 'infinity'})).toBeUndefined()
    expect(parseResources({keepAwake: true})).toEqual({keepAwake: true})
    expect(parseResources({keepAwake: false})).toBeUndefined()
  })
})
