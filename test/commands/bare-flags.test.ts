import {describe, expect, it} from 'vitest'
import {withBareFlags} from '../../src/commands/base.js'

const BARE = {watchdog: '3'}

describe('a flag whose value may be left out', () => {
  it.each([
    [['--watchdog'], ['--watchdog', '3']],
    [
      ['--watchdog', '--json'],
      ['--watchdog', '3', '--json'],
    ],
    [
      ['--watchdog', '-p', 'work'],
      ['--watchdog', '3', '-p', 'work'],
    ],
    [
      ['--watchdog', '5', '--json'],
      ['--watchdog', '5', '--json'],
    ],
    [
      ['--watchdog', 'off'],
      ['--watchdog', 'off'],
    ],
    [['--watchdog=7'], ['--watchdog=7']],
    [
      ['--', '--watchdog'],
      ['--', '--watchdog'],
    ],
    [
      ['--watchdog', '--'],
      ['--watchdog', '3', '--'],
    ],
    [
      ['--toString', '--json'],
      ['--toString', '--json'],
    ],
    [[], []],
  ])('%j is read as %j', (argv, meant) => {
    expect(withBareFlags(argv, BARE)).toEqual(meant)
  })
})
