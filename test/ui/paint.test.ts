import {describe, expect, it} from 'vitest'
import {writable} from '../../src/text/visible.js'
import {NO_PAINT, paintFor} from '../../src/ui/paint.js'

describe('colours', () => {
  it.each([
    ['on a terminal', true, {}, true],
    ['not elsewhere', false, {}, false],
    ['not with NO_COLOR', true, {NO_COLOR: '1'}, false],
    ['with an empty NO_COLOR, which counts for nothing', true, {NO_COLOR: ''}, true],
    ['not on a dumb terminal', true, {TERM: 'dumb'}, false],
    ['elsewhere with FORCE_COLOR', false, {FORCE_COLOR: '1'}, true],
    ['with FORCE_COLOR, whatever NO_COLOR and TERM say', false, {FORCE_COLOR: 'true', NO_COLOR: '1', TERM: 'dumb'}, true],
    ['not with FORCE_COLOR=0', true, {FORCE_COLOR: '0'}, false],
  ])('are there %s', async (_, isTty, env, expected) => {
    const paint = await paintFor(isTty, env)
    expect(paint !== NO_PAINT).toBe(expected)
    expect(writable(paint.bad('word'))).toBe(expected ? '\u001b[31mword\u001b[39m' : 'word')
  })
})
