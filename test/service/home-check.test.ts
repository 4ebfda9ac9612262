import {describe, expect, it} from 'vitest'
import {type ServiceError} from '../../src/errors.js'
import type {Account} from '../../src/host/host.js'
import {otherWriterOf, requireUsableHome, unusableHome} from '../../src/service/home-check.js'
import {type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const GROUP = 'root:x:0:\nusers:x:100:user,ann\nuser:x:1000:\n'
const ANN: Account = {uid: 1001, gid: 1001, name: 'ann', home: '/home/ann'}

/** Why the home of `user` is refused on a machine with those files. */
function reason(home: string, files: Record<string, FakeFile>, group = GROUP): string | undefined {
  return unusableHome(new FakeHost({files: {'/etc/group': {text: group}, ...files}, accounts: [ANN]}), home, USER)
}

const folder = (mode = 0o755, more: Partial<FakeFile> = {}): FakeFile => ({folder: true, mode, ...more})

describe('a home that can carry a service', () => {
  it('is a folder that only its user and root can write', () => {
    expect(reason(HOME, {[HOME]: folder()})).toBeUndefined()
    expect(reason('/opt/data', {'/opt/data': folder(0o700, {uid: 1000})})).toBeUndefined()
    expect(reason('/opt/data', {'/opt/data': folder(0o755, {uid: 0})})).toBeUndefined()
  })

  it("may be writable by the user's own group if nobody else is in it", () => {
    expect(reason(HOME, {[HOME]: folder(0o775)})).toBeUndefined()
    expect(reason(HOME, {[HOME]: folder(0o775)}, 'user:x:1000:user\n')).toBeUndefined()
  })

  it('may lie below a folder for everybody in which only owners can replace what is theirs', () => {
    expect(reason('/srv/all/home', {'/srv/all': folder(0o1777, {uid: 0}), '/srv/all/home': folder(0o700, {uid: 1000})})).toBeUndefined()
  })

  it('may have blanks, quotes and specifiers in its path', () => {
    const home = `/home/user/a b'"%n$x{é}`
    expect(reason(home, {[home]: folder()})).toBeUndefined()
  })
})

describe('a home is refused that', () => {
  it.each([
    ['does not exist', HOME, {}, 'does not exist'],
    ['is a file', HOME, {[HOME]: {text: ''}}, 'is not a folder'],
    ['is a link that leads nowhere', HOME, {[HOME]: {link: '/nowhere'}}, 'does not exist'],
    [
      'everybody can write',
      HOME,
      {[HOME]: folder(0o777)},
      'other users can write to /home/user/.hermes (mode 777). Type: chmod go-w /home/user/.hermes',
    ],
    ['everybody can write, owners alone replacing', HOME, {[HOME]: folder(0o1777)}, 'other users can write to /home/user/.hermes'],
    ['a shared group can write', HOME, {[HOME]: folder(0o775, {gid: 100})}, 'other users can write to /home/user/.hermes (mode 775)'],
    ['somebody else owns', HOME, {[HOME]: folder(0o755, {uid: 1001})}, 'belongs to ann, who could replace what user runs'],
    ['nobody owns', HOME, {[HOME]: folder(0o755, {uid: 4711})}, 'belongs to uid 4711'],
    [
      'lies in a folder that everybody can write',
      '/srv/all/home',
      {'/srv/all': folder(0o777, {uid: 0}), '/srv/all/home': folder(0o700, {uid: 1000})},
      'other users can write to /srv/all ',
    ],
    [
      'lies in a folder of somebody else',
      '/home/ann/h',
      {'/home/ann': folder(0o755), '/home/ann/h': folder(0o700, {uid: 1000})},
      '/home/ann belongs to ann',
    ],
  ] satisfies [string, string, Record<string, FakeFile>, string][])('%s', (_, home, files, why) => {
    expect(reason(home, files)).toContain(why)
  })

  it("can be written by the user's own group if somebody else is in it", () => {
    expect(reason(HOME, {[HOME]: folder(0o775)}, 'user:x:1000:ann\n')).toContain('other users can write to /home/user/.hermes')
    expect(reason(HOME, {[HOME]: folder(0o775)}, 'staff:x:1000:\n')).toContain('other users can write to /home/user/.hermes')
    expect(reason(HOME, {[HOME]: folder(0o775)}, '')).toContain('other users can write to /home/user/.hermes')
  })

  it.each(['/tmp/h', '/tmp', '/var/tmp/a/b', '/run/user/1000/h', '/dev/shm/h', '/private/var/folders/x/h'])('is temporary: %s', (home) => {
    expect(reason(home, {[home]: folder(0o700, {uid: 1000})})).toContain('temporary folder')
  })

  it.each(['/tmpfiles/h', '/home/user/tmp', '/running'])('is not taken for temporary by its name: %s', (home) => {
    expect(reason(home, {[home]: folder(0o700, {uid: 1000})})).toBeUndefined()
  })

  it.each([
    ['h', 'not an absolute path'],
    ['/home/user/a\nb', 'control character'],
    ['/home/user/a\u007f', 'control character'],
    ['/home/user/a\0b', 'NUL'],
    ['/home/user/a ', 'ends in a space'],
    ['/home/user/a\\', 'ends in a backslash'],
    ['/home/user/\ufffd', 'not valid UTF-8'],
    [`/home/user/${'x'.repeat(256)}`, 'too long'],
  ])('has a path that no definition can carry: %j', (home, why) => {
    expect(reason(home, {})).toContain(why)
  })
})

describe('requireUsableHome', () => {
  it('is a usage error that names the flag, the path and the reason', () => {
    const host = new FakeHost()
    expect(() => requireUsableHome(host, {name: 'default', home: '/opt/a b'}, USER, '--home')).toThrow('--home "/opt/a b": does not exist')
    try {
      requireUsableHome(host, {name: 'default', home: '/opt/data'}, USER, '--home')
    } catch (error) {
      expect((error as ServiceError).exitStatus).toBe(2)
    }
  })
})

describe('a home that does not exist', () => {
  const next = (profile: {name: string; home: string}) => {
    try {
      requireUsableHome(new FakeHost(), profile, USER, 'home')
    } catch (error) {
      return (error as ServiceError).next
    }
    return undefined
  }

  it('is made by upstream, and what to type for it is said', () => {
    expect(next({name: 'default', home: '/home/user/.hermes'})).toEqual([
      'hermes setup   # creates the home; then run the same command again',
      'hermes gateway setup   # connects the gateway to a chat',
    ])
    expect(next({name: 'default', home: '/srv/my agent'})?.[0]).toBe(
      "HERMES_HOME='/srv/my agent' hermes setup   # creates the home; then run the same command again",
    )
    expect(next({name: 'work', home: '/home/user/.hermes/profiles/work'})).toEqual([
      'hermes profile create work   # then run the same command again',
    ])
  })
})

describe('what Homebrew of another administrator has installed', () => {
  const ADMIN = {uid: 502, gid: 20, name: 'bob', home: '/Users/bob'}
  const brew = (groups: string) =>
    new FakeHost({
      platform: 'darwin',
      accounts: [ADMIN],
      files: {
        '/opt/homebrew/bin/node': {mode: 0o755, uid: 502, gid: 80},
        '/opt/homebrew/bin': {folder: true, mode: 0o775, uid: 502, gid: 80},
      },
      commands: Array.from({length: 2}, () => ({argv: ['/usr/bin/id', '-G', '502'], via: 'read' as const, stdout: `${groups}\n`})),
    })

  it('is as good as root, who that one can become', () => {
    expect(otherWriterOf(brew('20 12 61 80 702'), '/opt/homebrew/bin/node', USER)).toBeUndefined()
  })

  it("is not, if its owner is none: then it is another user's", () => {
    expect(otherWriterOf(brew('20 12 61'), '/opt/homebrew/bin/node', USER)).toContain('belongs to bob, who could replace what user runs')
  })
})

describe('otherWriterOf', () => {
  it('looks at a program itself and at every folder above it', () => {
    const host = (files: Record<string, FakeFile>) => new FakeHost({files, accounts: [ANN]})
    expect(otherWriterOf(host({'/opt/bin/hermes': {mode: 0o755}}), '/opt/bin/hermes', USER)).toBeUndefined()
    expect(otherWriterOf(host({'/opt/bin/hermes': {mode: 0o757}}), '/opt/bin/hermes', USER)).toContain(
      'other users can write to /opt/bin/hermes',
    )
    expect(otherWriterOf(host({'/opt/bin/hermes': {mode: 0o1757}}), '/opt/bin/hermes', USER)).toContain(
      'other users can write to /opt/bin/hermes',
    )
    expect(otherWriterOf(host({'/opt/bin/hermes': {mode: 0o755}, '/opt': folder(0o777)}), '/opt/bin/hermes', USER)).toContain(
      'other users can write to /opt ',
    )
  })
})
