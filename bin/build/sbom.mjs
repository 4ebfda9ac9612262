import fs from 'node:fs'
import path from 'node:path'
import {Enums, Models, Serialize, Spec} from '@cyclonedx/cyclonedx-library'
import {packagesOf} from './licences.mjs'
import {ROOT} from './places.mjs'

/** What is in the outputs, as a CycloneDX document (cyclonedx.org, 1.6, JSON). The same outputs give the same text: it has no date and no serial number. */
export function sbom(metafiles) {
  const own = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  const bom = new Models.Bom()
  bom.metadata.component = component(own, Enums.ComponentType.Application)
  for (const folder of packagesOf(metafiles)) {
    const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, folder, 'package.json'), 'utf8'))
    bom.components.add(component(manifest, Enums.ComponentType.Library))
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6))
  return `${serializer.serialize(bom, {sortLists: true, space: 2})}\n`
}

function component({name, version, license, description}, type) {
  const [, group, ownName = name] = /^(?:(@[^/]+)\/)?(.*)$/.exec(name)
  const purl = `pkg:npm/${group ? `${encodeURIComponent(group)}/` : ''}${ownName}@${version}`
  const made = new Models.Component(type, ownName, {group, version, description, bomRef: purl, purl})
  if (license) made.licenses.add(new Models.SpdxLicense(license))
  return made
}
