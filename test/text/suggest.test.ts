import {describe, expect, it} from 'vitest'
import {closest} from '../../src/text/suggest.js'

describe('closest', () => {
  it.each([
    ['stats', 'status'],
    ['statsu', 'status'],
    ['sttop', 'stop'],
    ['uninstal', 'uninstall'],
    ['--jsno', '--json'],
  ])('takes %s for %s', (word, meant) => {
    expect(closest(word, ['install', 'uninstall', 'start', 'status', 'stop', '--json', '--home'])).toBe(meant)
  })

  it.each(['x', 'dance', 'remove', ''])('makes no guess for %j', (word) => {
    expect(closest(word, ['install', 'start', 'status', 'stop'])).toBeUndefined()
  })

  it('prefers the nearest, and of equals the first', () => {
    expect(closest('start', ['restart', 'stat', 'start'])).toBe('start')
    expect(closest('sta', ['stay', 'stab'])).toBe('stay')
  })
})
