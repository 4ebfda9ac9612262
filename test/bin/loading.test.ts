import fs from 'node:fs'
import path from 'node:path'
import {afterEach, expect, it, vi} from 'vitest'
import {FakeHost, USER} from '../fakes/fake-host.js'
import {PACKAGE_ROOT} from '../support/built.js'

const MANAGERS = path.join(PACKAGE_ROOT, 'src/managers')

const filesOf = (kind: string) =>
  fs.readdirSync(path.join(MANAGERS, kind), {recursive: true, encoding: 'utf8'}).filter((name) => name.endsWith('.ts'))

afterEach(() => vi.resetModules())

/** Has each file of these managers note that it was loaded. */
function noted(kinds: readonly string[]): string[] {
  const loaded: string[] = []
  for (const kind of kinds) {
    for (const name of filesOf(kind)) {
      const file = path.join(MANAGERS, kind, name)
      vi.doMock(file, async (original) => {
        loaded.push(`${kind}/${name}`)
        return original()
      })
    }
  }
  return loaded
}

it('status under systemd loads no file of another manager, and all that it needs of its own', async () => {
  const loaded = noted(['systemd', 'launchd', 's6'])
  await import('../../src/commands/status.js')
  const {detectManager} = await import('../../src/managers/index.js')
  expect(loaded).toEqual([])
  const host = new FakeHost({files: {'/run/systemd/system': {folder: true}}})
  expect(await detectManager(host, undefined, 'user', USER)).toMatchObject({kind: 'systemd'})
  expect(loaded).toEqual(expect.arrayContaining(['systemd/detect.ts', 'systemd/index.ts', 'systemd/observe.ts']))
  expect(loaded.filter((file) => !file.startsWith('systemd/'))).toEqual([])
})

it('to see a manager nothing but its detect is loaded', async () => {
  const loaded = noted(['systemd', 'launchd', 's6'])
  const {managersHere} = await import('../../src/managers/index.js')
  expect(await managersHere(new FakeHost({files: {'/run/systemd/system': {folder: true}}}))).toEqual(['systemd'])
  expect(loaded.sort()).toEqual(['launchd/detect.ts', 's6/detect.ts', 'systemd/detect.ts'])
})
