import {spawnSync} from 'node:child_process'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {shellWords} from '../../src/completion/shell-words.js'
import {shellQuote} from '../../src/text/shell-quote.js'

const words = (line: string) => shellWords(line, '/home/ann')

describe('the words of a command line', () => {
  it.each([
    ['hermes-svc ', ['hermes-svc', '']],
    ['hermes-svc  st', ['hermes-svc', 'st']],
    ['a "b c" d', ['a', 'b c', 'd']],
    ["a 'b c'", ['a', 'b c']],
    ["a 'b c", ['a', 'b c']],
    ['a "b c', ['a', 'b c']],
    ['a b\\ c', ['a', 'b c']],
    ['a "b\\"c\\d"', ['a', 'b"c\\d']],
    ["a ''", ['a', '']],
    ["a '' b", ['a', '', 'b']],
    ['a b\\', ['a', 'b']],
    ['--home=~/x', ['--home=~/x']],
    ['a ~/x', ['a', '/home/ann/x']],
    ['a ~', ['a', '/home/ann']],
    ["a '~/x'", ['a', '~/x']],
    ['a $HOME/x', ['a', '/home/ann/x']],
    ['a "${HOME}/x y"', ['a', '/home/ann/x y']],
    ["a '$HOME/x'", ['a', '$HOME/x']],
    ['a $HOMEx', ['a', '$HOMEx']],
    ['', ['']],
  ])('%s', (line, expected) => {
    expect(words(line)).toEqual(expected)
  })

  it('are those that were quoted, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (given) => {
        expect(words([...given.map(shellQuote), ''].join(' '))).toEqual([...given, ''])
      }),
    )
  })

  it('are those that bash has quoted in its own way', () => {
    const given = fc.sample(fc.string({minLength: 1}), {numRuns: 300, seed: 7}).filter((word) => !/[\0-\u001f\u007f]/.test(word))
    const {stdout} = spawnSync('bash', ['-c', 'printf "%q " "$@"', 'bash', ...given], {encoding: 'utf8'})
    expect(words(stdout)).toEqual([...given, ''])
  })
})
