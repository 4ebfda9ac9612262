import {describe, expect, it} from 'vitest'
import {ServiceError} from '../../src/errors.js'
import {findLastingNode, whyTooOld} from '../../src/service/lasting-node.js'
import type {Account} from '../../src/host/host.js'
import {type FakeCommand, type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'

const PROGRAM: FakeFile = {mode: 0o755}
const probe = (file: string, version: string): FakeCommand => ({argv: [file, '--version'], stdout: `${version}\n`, as: USER.name})

interface FindOptions {
  readonly commands?: readonly FakeCommand[]
  readonly inUse?: string
}

function find(nodePath: string, files: Record<string, FakeFile>, options: FindOptions = {}): string {
  const host = new FakeHost({nodePath, files, commands: options.commands ?? []})
  const node = findLastingNode(host, USER, options.inUse)
  host.assertAllUsed()
  return node
}

describe('the node of a timer', () => {
  it('is the one that runs the installation', () => {
    expect(find('/usr/bin/node', {'/usr/bin/node': PROGRAM, '/usr/local/bin/node': PROGRAM})).toBe('/usr/bin/node')
    const own = '/home/user/.nvm/versions/node/v20.17.0/bin/node'
    expect(find(own, {[own]: PROGRAM})).toBe(own)
  })

  it('is named by its real path where a version manager has a folder for one shell', () => {
    const real = '/home/user/.local/share/fnm/node-versions/v20.17.0/installation/bin/node'
    const shell = '/run/user/1000/fnm_multishells/7_1'
    expect(find(`${shell}/bin/node`, {[real]: PROGRAM, [shell]: {link: real.replace('/bin/node', '')}})).toBe(real)
  })

  it.each([
    ['a temporary folder', '/tmp/node/bin/node'],
    ['a folder that a reboot empties', '/run/user/1000/bin/node'],
    ['the cache of npx', '/home/user/.npm/_npx/0123456789abcdef/node_modules/node/bin/node'],
  ])('is the system’s where the own one is in %s', (_, own) => {
    const files = {[own]: PROGRAM, '/usr/bin/node': PROGRAM}
    expect(find(own, files, {commands: [probe('/usr/bin/node', 'v22.1.0')]})).toBe('/usr/bin/node')
  })

  it('is none that is too old, that others could replace, or that its user may not execute', () => {
    const files = {
      '/tmp/node': PROGRAM,
      '/usr/local/bin/node': {mode: 0o777},
      '/usr/bin/node': PROGRAM,
      '/bin/node': {mode: 0o644},
      '/run/current-system/sw/bin/node': PROGRAM,
    }
    const commands = [probe('/usr/bin/node', 'v18.19.0'), probe('/run/current-system/sw/bin/node', 'v20.17.0')]
    expect(find('/tmp/node', files, {commands})).toBe('/run/current-system/sw/bin/node')
  })

  it('is kept where it is another account’s, without being run: root learns nothing by a program of somebody else', () => {
    const theirs = '/home/user/.nvm/versions/node/v20.17.0/bin/node'
    const root: Account = {uid: 0, gid: 0, name: 'root', home: '/root'}
    // A command that is not announced fails the test.
    const asRoot = (files: Record<string, FakeFile>, commands: readonly FakeCommand[] = []) =>
      new FakeHost({account: root, accounts: [USER], nodePath: '/usr/bin/node', files: {'/usr/bin/node': PROGRAM, ...files}, commands})
    expect(findLastingNode(asRoot({[theirs]: PROGRAM}), USER, theirs)).toBe(theirs)
    expect(whyTooOld(asRoot({[theirs]: PROGRAM}), theirs, USER)).toBeUndefined()
    expect(whyTooOld(asRoot({'/usr/local/bin/node': {link: theirs}, [theirs]: PROGRAM}), '/usr/local/bin/node', USER)).toBeUndefined()
    expect(whyTooOld(asRoot({'/opt/node': {mode: 0o777}}), '/opt/node', USER)).toBeUndefined()
    expect(
      whyTooOld(asRoot({'/usr/local/bin/node': PROGRAM}, [probe('/usr/local/bin/node', 'v18.19.0')]), '/usr/local/bin/node', USER),
    ).toMatch(/^is too old/)
  })

  it('is the link to it where a package manager replaces its folder at every upgrade', () => {
    const cellar = '/home/linuxbrew/.linuxbrew/Cellar/node/22.1.0/bin/node'
    const link = '/home/linuxbrew/.linuxbrew/bin/node'
    expect(find(cellar, {[cellar]: PROGRAM, [link]: {link: cellar}})).toBe(link)
    const store = '/nix/store/0123-nodejs-22.1.0/bin/node'
    expect(find(store, {[store]: PROGRAM, '/run/current-system/sw/bin/node': {link: store}})).toBe('/run/current-system/sw/bin/node')
    expect(find(store, {[store]: PROGRAM})).toBe(store)
  })

  it('stays the one that is in use while that lasts', () => {
    const files = {'/usr/bin/node': PROGRAM, '/opt/node/bin/node': PROGRAM}
    const inUse = '/opt/node/bin/node'
    expect(find('/usr/bin/node', files, {inUse, commands: [probe(inUse, 'v20.17.1')]})).toBe(inUse)
    expect(find('/usr/bin/node', files, {inUse: '/opt/gone/bin/node'})).toBe('/usr/bin/node')
    expect(find('/usr/bin/node', files, {inUse, commands: [probe(inUse, 'v12.0.0')]})).toBe('/usr/bin/node')
  })

  it('is refused, with a reason for each, where none lasts', () => {
    const commands = [probe('/usr/bin/node', 'v18.0.0')]
    const attempt = () => find('/tmp/node', {'/tmp/node': PROGRAM, '/usr/bin/node': PROGRAM}, {commands})
    expect(attempt).toThrow(ServiceError)
    try {
      attempt()
    } catch (error) {
      expect(error).toMatchObject({
        code: 'node-not-lasting',
        evidence: ['/tmp/node is in a temporary folder', '/usr/bin/node is too old (v18.0.0; 20.17 or newer is needed)'],
        next: [expect.any(String), expect.stringContaining('--heartbeat off')],
      })
    }
  })
})
