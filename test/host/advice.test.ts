import {describe, expect, it} from 'vitest'
import {adviceFor} from '../../src/host/advice.js'
import {HostError} from '../../src/host/host.js'

const USER = {uid: 1000, name: 'ann', home: '/home/ann'}

describe('what to type where one is refused', () => {
  const refused = (path: string, who = USER) => adviceFor(new HostError('EACCES', path, 'cannot write'), who)

  it("is to give back what is in one's own home, for sudo would make more of it another's", () => {
    expect(refused('/home/ann/Library/LaunchAgents/x.plist')).toEqual([
      'ls -ld /home/ann/Library/LaunchAgents /home/ann/Library/LaunchAgents/x.plist   # if another user owns it: sudo chown ann /home/ann/Library/LaunchAgents /home/ann/Library/LaunchAgents/x.plist',
    ])
  })

  it('is sudo elsewhere, and never to root', () => {
    expect(refused('/etc/x')).toEqual(['run the same command as a user with permission, for example with sudo'])
    expect(refused('/etc/x', {uid: 0, name: 'root', home: '/root'})[0]).not.toContain('sudo')
  })
})

describe('what to type after a system call that failed', () => {
  it.each([
    ['ENOMEM', 'sh', 'no memory'],
    ['EAGAIN', 'sh', 'ulimit -u'],
    ['EROFS', '/a b', "findmnt -T '/a b'"],
    ['ENOSPC', '/home/ann', 'df -h /home/ann'],
    ['ENOSPC', 'stdout', 'free some space on the disk that the output goes to'],
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
    expect(adviceFor(new HostError('ENOENT', 'flock', 'cannot run'))).toEqual(['install flock, then run the same command again'])
  })

  it('is nothing where there is nothing to try', () => {
    expect(adviceFor(new HostError('ETXTBSY', '/x', 'cannot write'))).toEqual([])
  })
})
