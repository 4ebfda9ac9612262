import fs from 'node:fs'
import path from 'node:path'
import {ROOT} from './places.mjs'

/** The folders, below that of the project, of every package that has a part in the outputs. */
export function packagesOf(metafiles) {
  const folders = new Set()
  for (const {outputs} of metafiles) {
    for (const {inputs} of Object.values(outputs)) {
      for (const input of Object.keys(inputs)) {
        const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]
        if (folder) folders.add(folder)
      }
    }
  }
  return [...folders].sort()
}

/** Name, version and licence text of every package that has a part in the outputs. */
export function licences(metafiles) {
  const texts = packagesOf(metafiles).map((folder) => {
    const {name, version, license} = JSON.parse(fs.readFileSync(path.join(ROOT, folder, 'package.json'), 'utf8'))
    const file = fs.readdirSync(path.join(ROOT, folder)).find((entry) => /^(licen[cs]e|copying)/i.test(entry))
    if (!file) throw new Error(`${folder} holds no licence text, so it cannot be shipped`)
    const text = fs.readFileSync(path.join(ROOT, folder, file), 'utf8').trim()
    return `${name} ${version} (${license ?? 'see below'})\n\n${text}\n`
  })
  return `The files of this folder contain parts of the following packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`
}
