import {describe, expect, it} from 'vitest'
import {parseLocks, readLock} from '../../src/gateway/lock.js'
import {type FakeFile, FakeHost} from '../fakes/fake-host.js'
import {type FakeProcess, processFiles} from '../fakes/fake-process.js'

const HOME = '/home/user/.hermes'
const LOCK = `${HOME}/gateway.lock`
/** The mounts of the machine: that of the home is device 00:29 of /proc/locks. */
const MOUNTS = ['22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw', '36 22 0:41 / /home rw - tmpfs tmpfs rw', ''].join('\n')
const NOISE = '1: POSIX  ADVISORY  WRITE 812 fe:01:393 0 EOF\n2: FLOCK  ADVISORY  WRITE 700 00:1a:99999 0 EOF\n'

/** A machine with that lock file and those processes; `lines` makes /proc/locks from the inode of gateway.lock. */
function machine(
  lines: ((inode: number) => string) | undefined,
  processes: readonly FakeProcess[] = [],
  files: Record<string, string | FakeFile> = {[LOCK]: ''},
) {
  const mounts = {'/proc/self/mountinfo': MOUNTS}
  const host = new FakeHost({
    files: {...mounts, ...files, ...(Object.assign({}, ...processes.map(processFiles)) as Record<string, FakeFile>)},
  })
  if (lines) host.put('/proc/locks', NOISE + lines(host.stat(LOCK)?.inode ?? 0))
  return host
}

const flock =
  (pid: number, device = '00:29') =>
  (inode: number) =>
    `3: FLOCK  ADVISORY  WRITE ${pid} ${device}:${inode} 0 EOF\n`
const open = {3: {path: LOCK, isLocked: true}}

describe('parseLocks', () => {
  it('takes held write locks of flock alone', () => {
    const text = [
      '1: FLOCK  ADVISORY  WRITE 468 00:29:928 0 EOF',
      '1: -> FLOCK  ADVISORY  WRITE 469 00:29:928 0 EOF',
      '2: FLOCK  ADVISORY  READ 470 00:29:929 0 EOF',
      '3: POSIX  ADVISORY  WRITE 471 00:29:930 0 EOF',
      '4: OFDLCK ADVISORY  WRITE -1 00:29:931 0 EOF',
      '5: LEASE  ACTIVE    READ 472 08:01:932 0 EOF',
      '6: FLOCK  ADVISORY  WRITE 0 fd:1f:18446744 0 EOF',
      '7: FLOCK  ADVISO',
    ].join('\n')
    expect(parseLocks(text)).toEqual([
      {pid: 468, device: '0:41', inode: 928},
      {pid: 0, device: '253:31', inode: 18446744},
    ])
  })
})

describe('readLock', () => {
  it('finds the lock among the open files of a process that a record names, without /proc/locks', () => {
    const host = machine(undefined, [{pid: 468, open: {2: {path: '/dev/null'}, ...open}}])
    expect(readLock(host, HOME, [468])).toEqual({kind: 'held', pid: 468, unlinked: false})
  })

  it('does not take a file that is merely open for a locked one', () => {
    const host = machine(() => '', [{pid: 468, open: {3: {path: LOCK}}}])
    expect(readLock(host, HOME, [468])).toEqual({kind: 'free'})
  })

  it('does not take the lock of another home for this one', () => {
    const host = machine(() => '', [{pid: 468, open: {3: {path: '/srv/other/gateway.lock', isLocked: true}}}], {
      [LOCK]: '',
      '/srv/other/gateway.lock': '',
    })
    expect(readLock(host, HOME, [468])).toEqual({kind: 'free'})
  })

  it('tells of a lock whose file has been deleted', () => {
    const host = machine(undefined, [{pid: 468, open: {3: {path: `${LOCK} (deleted)`, isLocked: true}}}], {[HOME]: {folder: true}})
    expect(readLock(host, HOME, [468])).toEqual({kind: 'held', pid: 468, unlinked: true})
  })

  it('finds a holder that no record names in /proc/locks', () => {
    expect(readLock(machine(flock(468), [{pid: 468, open}]), HOME, [])).toEqual({kind: 'held', pid: 468, unlinked: false})
  })

  it('finds a gateway whose open files may not be seen', () => {
    expect(readLock(machine(flock(468), [{pid: 468, uid: 5}]), HOME, [468])).toEqual({kind: 'held', pid: 468, unlinked: false})
  })

  it('tells of a holder that cannot be seen at all', () => {
    expect(readLock(machine(flock(0)), HOME, [])).toEqual({kind: 'held', pid: 0, unlinked: false})
    expect(readLock(machine(flock(31_000)), HOME, [])).toEqual({kind: 'held', pid: 31_000, unlinked: false})
  })

  it('does not take a lock on a file of the same number on another file system for this one', () => {
    const elsewhere = {pid: 700, argv: ['cron'], open: {4: {path: '/run/crond.pid', isLocked: true}}}
    expect(readLock(machine(flock(700, '00:1a'), [elsewhere]), HOME, [])).toEqual({kind: 'free'})
    expect(readLock(machine(flock(700, '00:1a'), [{pid: 700, uid: 0, argv: ['cron']}]), HOME, [])).toEqual({kind: 'free'})
  })

  it("does not take another user's gateway for this one where homes are file systems of their own, which number their files alike", () => {
    const anns = {pid: 700, uid: 1001}
    expect(readLock(machine(flock(700, '00:2a'), [anns]), HOME, [])).toEqual({kind: 'free'})
    expect(readLock(machine(flock(700, '00:29'), [anns]), HOME, [])).toEqual({kind: 'held', pid: 700, unlinked: false})
  })

  it('goes by the mount that covers the others', () => {
    const files = {
      [LOCK]: '',
      '/proc/self/mountinfo': `${MOUNTS}40 36 0:50 / /home/user rw - tmpfs x rw\n41 36 0:51 / /home/user rw - tmpfs x rw\n`,
    }
    expect(readLock(machine(flock(700, '00:33'), [{pid: 700, uid: 1001}], files), HOME, [])).toMatchObject({kind: 'held'})
    expect(readLock(machine(flock(700, '00:32'), [{pid: 700, uid: 1001}], files), HOME, [])).toEqual({kind: 'free'})
    expect(readLock(machine(flock(700), [{pid: 700, uid: 1001}], files), HOME, [])).toEqual({kind: 'free'})
  })

  it('cannot tell of a gateway whose open files may not be seen where file systems cannot be told apart', () => {
    const files = {[LOCK]: '', '/proc/self/mountinfo': ''}
    expect(readLock(machine(flock(700), [{pid: 700, uid: 1001}], files), HOME, [])).toEqual({
      kind: 'unreadable',
      why: expect.stringContaining('process 700 holds a lock on a file with the same inode number') as string,
    })
    expect(readLock(machine(flock(700), [{pid: 700, uid: 0, argv: ['cron']}], files), HOME, [])).toEqual({kind: 'free'})
    expect(readLock(machine(flock(700), [{pid: 700, open}], files), HOME, [])).toEqual({kind: 'held', pid: 700, unlinked: false})
  })

  it('looks on where a lock of the same number is on another file system', () => {
    const processes = [
      {pid: 700, argv: ['cron'], open: {4: {path: '/run/crond.pid', isLocked: true}}},
      {pid: 468, open},
    ]
    expect(
      readLock(
        machine((inode) => flock(700)(inode) + flock(468)(inode), processes),
        HOME,
        [],
      ),
    ).toMatchObject({kind: 'held', pid: 468})
  })

  it('tells a lock that nobody holds from a file that is not there', () => {
    expect(
      readLock(
        machine(() => ''),
        HOME,
        [468],
      ),
    ).toEqual({kind: 'free'})
    expect(
      readLock(
        machine(() => '', [], {[HOME]: {folder: true}}),
        HOME,
        [468],
      ),
    ).toEqual({kind: 'absent'})
  })

  it('cannot tell where the file or the table of locks may not be read', () => {
    expect(readLock(machine(undefined), HOME, [])).toEqual({kind: 'unreadable', why: '/proc/locks does not exist here'})
    const closed = new FakeHost({files: {'/srv/h': {folder: true, mode: 0o700, uid: 5}, '/srv/h/gateway.lock': ''}})
    expect(readLock(closed, '/srv/h', [])).toEqual({kind: 'unreadable', why: 'EACCES'})
  })
})
