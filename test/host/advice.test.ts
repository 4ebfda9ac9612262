import {describe, expect, it} from 'vitest'
import {adviceFor} from '../../src/host/advice.js'

describe('what to type after a system call that failed', () => {
  it.each([
    ['EACCES', '/etc/x', 'sudo'],
    ['EROFS', '/a b', "findmnt -T '/a b'"],
    ['ENOSPC', '/home/ann', 'df -h /home/ann'],
    ['ENOSPC', 'stdout', 'make room where its output goes'],
    ['EDQUOT', '/home/ann', 'df -h /home/ann'],
    ['ELOOP', '/etc/x', 'ls -ld /etc/x'],
    ['EMFILE', '/etc/x', 'ulimit'],
    ['EIO', '/etc/x', 'dmesg'],
  ])('%s of %s', (code, path, expected) => {
    expect(adviceFor({code, path})).toEqual([expect.stringContaining(expected)])
  })

  it('is nothing where there is nothing to try', () => {
    expect(adviceFor({code: 'ETXTBSY', path: '/x'})).toEqual([])
  })
})
