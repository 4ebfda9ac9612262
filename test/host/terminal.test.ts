import fs from 'node:fs'
import {describe, expect, it} from 'vitest'
import {isTerminal} from '../../src/host/terminal.js'

describe('isTerminal', () => {
  it.each(['/dev/null', '/etc', '/etc/hostname', '/dev/zero'].filter((file) => fs.existsSync(file)))('is false for %s', (file) => {
    const fd = fs.openSync(file, 'r')
    expect(isTerminal(fd)).toBe(false)
    fs.closeSync(fd)
  })

  it('is false for a descriptor that is not open', () => {
    expect(isTerminal(4711)).toBe(false)
  })

  it.runIf(fs.existsSync('/dev/ptmx'))('is true for a terminal', () => {
    const fd = fs.openSync('/dev/ptmx', fs.constants.O_RDWR | fs.constants.O_NOCTTY)
    expect(isTerminal(fd)).toBe(true)
    fs.closeSync(fd)
  })
})
