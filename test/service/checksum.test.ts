import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {checksum} from '../../src/service/checksum.js'

describe('checksum', () => {
  it.each([
    // From the reference code of its authors.
    ['', '811c9dc5'],
    ['a', 'e40c292c'],
    ['foobar', 'bf9cf968'],
  ])('of %o is that of FNV-1a', (text, sum) => {
    expect(checksum(text)).toBe(sum)
  })

  it('tells every change of one byte', () => {
    fc.assert(
      fc.property(fc.string({minLength: 1}), fc.nat(), (text, at) => {
        const bytes = Buffer.from(text)
        const index = at % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ 1
        const changed = bytes.toString()
        fc.pre(changed !== text)
        expect(checksum(changed)).not.toBe(checksum(text))
      }),
    )
  })
})
