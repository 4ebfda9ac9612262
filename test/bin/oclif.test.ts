import fs from 'node:fs'
import {createRequire} from 'node:module'
import path from 'node:path'
import vm from 'node:vm'
import {describe, expect, it} from 'vitest'
import {COLD_OCLIF_PARTS, OCLIF_VERSION, oclifFolder, withLazyRequires, withoutStdout} from '../../bin/build/oclif.mjs'
import {PACKAGE_ROOT} from '../support/built.js'

const require = createRequire(import.meta.url)
const filesOf = (folder: string) => (fs.readdirSync(folder, {recursive: true}) as string[]).filter((name) => name.endsWith('.js'))

describe('an upgrade of oclif, of which the build rewrites the compiled files', () => {
  it('is a new OCLIF_VERSION in bin/build/oclif.mjs and in package.json, exact in both, after all of the following was looked at', () => {
    const {devDependencies} = JSON.parse(fs.readFileSync(path.join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>
    }
    expect(devDependencies['@oclif/core']).toBe(OCLIF_VERSION)
    expect((require('@oclif/core/package.json') as {version: string}).version).toBe(OCLIF_VERSION)
  })

  it('has each file still written as TypeScript writes CommonJS: every require at the top becomes one at the first use', () => {
    const files = filesOf(oclifFolder())
    expect(files.length).toBeGreaterThan(50)
    for (const file of files) {
      const source = withoutStdout(file, fs.readFileSync(path.join(oclifFolder(), file), 'utf8'))
      expect(() => new vm.Script(`(function () {${withLazyRequires(file, source)}})`), file).not.toThrow()
    }
  })

  it('still has the files that only help and reports of errors need, which are left out of our bundles', () => {
    const missing = COLD_OCLIF_PARTS.filter((part) => {
      try {
        require.resolve(part.endsWith('.js') ? path.join(oclifFolder(), part) : part, {paths: [oclifFolder()]})
        return false
      } catch {
        return true
      }
    })
    expect(missing).toEqual([])
  })

  it('still touches stdout in command.js, once, which is taken out', () => {
    const source = fs.readFileSync(path.join(oclifFolder(), 'command.js'), 'utf8')
    expect(source).toContain("process.stdout.on('error'")
    expect(withoutStdout('command.js', source)).not.toContain('process.stdout.on(')
    expect(() => withoutStdout('command.js', 'nothing of it')).toThrow('not written as expected')
  })
})

describe('a file of oclif that is rewritten', () => {
  const SOURCE = '"use strict";\nconst a_1 = require("./a");\nexports.used = () => a_1.value;\n'

  it('loads what it requires when that is first used, and once', () => {
    const asked: string[] = []
    const exported: {used?: () => number} = {}
    const load = (name: string) => ({value: asked.push(name)})
    const run = vm.runInNewContext(`(function (exports, require) {${withLazyRequires('a.js', SOURCE)}})`) as (...given: unknown[]) => void
    run(exported, load)
    expect(asked).toEqual([])
    expect([exported.used?.(), exported.used?.()]).toEqual([1, 1])
    expect(asked).toEqual(['./a'])
  })

  it.each([
    ['has a require in another form', '"use strict";\nconst a_1 = wrap(require("./a"));\n'],
    ['uses the name that the build takes', '"use strict";\nlet lazy = 1;\n'],
    ['is not strict', 'const a_1 = require("./a");\n'],
  ])('fails the build if it %s', (_, source) => {
    expect(() => withLazyRequires('a.js', source)).toThrow('a.js is not written as expected')
  })
})
