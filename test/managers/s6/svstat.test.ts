import {describe, expect, it} from 'vitest'
import {parseLook} from '../../../src/managers/s6/svstat.js'

describe('parseLook', () => {
  it('reads a gateway that runs, with how it ended before', () => {
    const output = 'true true 167 -1 -1 12\n@400000006b029daa3357d5bb signal 9\n@400000006b029dab16936216 exitcode 75\n--\n'
    expect(parseLook(output)).toEqual([{up: true, wantedUp: true, pid: 167, forSec: 12, lastExit: {how: 'exited', status: 75}, deaths: 2}])
  })

  it('reads slots in their order, whatever state each is in', () => {
    const seen = parseLook('none\n--\nfalse false -1 78 0 3\n--\nhidden\n--\nfalse true -1 -1 15 0\n--\n')
    expect(seen).toEqual([
      'none',
      {up: false, wantedUp: false, pid: undefined, forSec: 3, lastExit: {how: 'exited', status: 78}, deaths: 0},
      'hidden',
      {up: false, wantedUp: true, pid: undefined, forSec: 0, lastExit: {how: 'killed', status: 15}, deaths: 0},
    ])
  })

  it.each(['', 'up (pid 12) 3 seconds', 'true true 12', 'yes no 1 2 3 4'])('refuses %j, such as the line for people', (line) => {
    expect(() => parseLook(`${line}\n--\n`)).toThrow(RangeError)
  })
})
