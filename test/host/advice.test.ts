import {describe, expect, it} from 'vitest'
import {adviceFor} from '../../src/host/advice.js'
import {HostError} from '../../src/host/host.js'

describe('what to type after a system call that failed', () => {
  it.each([
    ['EACCES', '/etc/x', 'sudo'],
    ['EROFS', '/a b', "findmnt -T '/a b'"],
    ['ENOSPC', '/home/ann', 'df -h /home/ann'],
    ['ENOSPC', 'stdout', 'make room where its output goes'],
    ['EDQUOT', '/home/ann', 'df -h /home/ann'],
    ['ELOOP', '/etc/x', 'ls -ld /etc/x'],
    ['EMFILE', '/etc/x', 'ulimit'],
    ['ENOENT', '/a/b', 'ls -ld /a'],
    ['ENOENT', 'b', 'cd '],
    ['EIO', '/etc/x', 'dmesg'],
  ])('%s of %s', (code, path, expected) => {
    expect(adviceFor(new HostError(code, path, 'cannot do something with'))).toEqual([expect.stringContaining(expected)])
  })

  it('is to install what could not be run', () => {
    expect(adviceFor(new HostError('ENOENT', 'flock', 'cannot run'))).toEqual(['install flock, then the same command again'])
  })

  it('is nothing where there is nothing to try', () => {
    expect(adviceFor(new HostError('ETXTBSY', '/x', 'cannot write'))).toEqual([])
  })
})
