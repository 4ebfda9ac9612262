import {describe, expect, it} from 'vitest'
import {unitPath} from '../../src/service/unit-path.js'
import {type FakeFile, FakeHost, USER} from '../fakes/fake-host.js'

const HOME = '/home/user/.hermes'
const SYSTEM = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const folders = (...names: string[]): Record<string, FakeFile> => Object.fromEntries(names.map((name) => [name, {folder: true}]))

const pathFor = (files: Record<string, FakeFile>, command: readonly string[], env = {}) =>
  unitPath(new FakeHost({files, env}), HOME, USER, command)

describe('unitPath', () => {
  it("puts the folders that are there of the program, the home's node and the user before the system's", () => {
    const files = folders(
      '/opt/venv/bin',
      `${HOME}/node/bin`,
      `${HOME}/hermes-agent/node_modules/.bin`,
      '/home/user/.cargo/bin',
      '/home/user/.local/bin',
    )
    expect(pathFor(files, ['/opt/venv/bin/python', '-m', 'x'])).toBe(
      `/opt/venv/bin:${HOME}/node/bin:${HOME}/hermes-agent/node_modules/.bin:/home/user/.local/bin:/home/user/.cargo/bin:${SYSTEM}`,
    )
  })

  it('does not depend on the PATH of whoever installs', () => {
    const files = folders('/opt/shell/bin')
    expect(pathFor(files, ['/usr/bin/hermes'], {PATH: '/opt/shell/bin'})).toBe(pathFor(files, ['/usr/bin/hermes'], {PATH: '/bin'}))
  })

  it('names every folder once', () => {
    const files = folders('/home/user/.local/bin', '/usr/bin')
    expect(pathFor(files, ['/home/user/.local/bin/hermes'])).toBe(`/home/user/.local/bin:${SYSTEM}`)
    expect(
      pathFor(files, ['/usr/bin/hermes'])
        .split(':')
        .filter((folder) => folder === '/usr/bin'),
    ).toHaveLength(1)
  })

  it('leaves out a folder whose name would be read as two, and what is no folder', () => {
    expect(pathFor({...folders('/opt/a:b'), '/home/user/.cargo/bin': {text: ''}}, ['/opt/a:b/hermes'])).toBe(SYSTEM)
  })

  it("has the system's folders alone where the command is not ours", () => {
    expect(pathFor({}, [])).toBe(SYSTEM)
  })
})
