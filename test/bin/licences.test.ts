import fs from 'node:fs'
import path from 'node:path'
import {beforeAll, describe, expect, inject, it} from 'vitest'
import {METAFILES} from '../support/build.js'
import {PACKAGE_ROOT} from '../support/built.js'

interface Metafile {
  readonly outputs: Record<string, {readonly inputs: Record<string, {readonly bytesInOutput: number}>}>
}

describe('the licences of what is bundled', () => {
  /** Folders of the packages that have a part in what is built. */
  let folders: string[]
  let shipped: string

  beforeAll(() => {
    const metafiles = JSON.parse(fs.readFileSync(path.join(inject('runFolder'), METAFILES), 'utf8')) as Metafile[]
    const inputs = metafiles.flatMap(({outputs}) => Object.values(outputs).flatMap((output) => Object.keys(output.inputs)))
    const parts = inputs.map((input) => input.split('node_modules/')).filter((split) => split.length > 1)
    const names = parts.map((split) => {
      const words = (split.at(-1) ?? '').split('/')
      const name = words.slice(0, words[0]?.startsWith('@') ? 2 : 1).join('/')
      return [...split.slice(0, -1), name].join('node_modules/')
    })
    folders = [...new Set(names)]
    shipped = fs.readFileSync(path.join(PACKAGE_ROOT, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')
  })

  it('are shipped, each by its name and version and with its whole text', () => {
    expect(folders.length).toBeGreaterThan(50)
    const missing = folders.filter((folder) => {
      const files = fs.readdirSync(path.join(PACKAGE_ROOT, folder))
      const {name, version} = JSON.parse(fs.readFileSync(path.join(PACKAGE_ROOT, folder, 'package.json'), 'utf8')) as Record<string, string>
      const texts = files.filter((file) => /^(licen[cs]e|copying|notice)\b/i.test(file))
      const has = (file: string) => shipped.includes(fs.readFileSync(path.join(PACKAGE_ROOT, folder, file), 'utf8').trim())
      return texts.length === 0 || !texts.every(has) || !shipped.includes(`${name} ${version} (`)
    })
    expect(missing).toEqual([])
  })

  it('allow it: none asks for the source of what it is a part of', () => {
    const licences = [...shipped.matchAll(/^\S+ \d\S* \((.+)\)$/gm)].map(([, licence]) => licence ?? '')
    expect(licences.length).toBeGreaterThanOrEqual(folders.length)
    expect([...new Set(licences)].sort()).toEqual(expect.arrayContaining(['MIT']))
    expect(licences.filter((licence) => !/^(MIT|ISC|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|0BSD)$/.test(licence))).toEqual([])
  })
})
