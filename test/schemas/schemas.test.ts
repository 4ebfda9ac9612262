import {MANAGER_KINDS} from '../../src/managers/index.js'
import fs from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {describe, expect, it} from 'vitest'
import {commandModules} from '../../src/commands/index.js'
import {machineSchema} from '../../src/commands/machine-schema.js'
import {SCHEMA_VERSION} from '../../src/ui/failure.js'
import {DEFINITIONS, DOCUMENT_OF_COMMAND, schemaErrors, schemas} from '../support/json-schemas.js'

const RECORDS = fileURLToPath(new URL('../fixtures/json-documents', import.meta.url))
const SOURCE = fileURLToPath(new URL('../../src', import.meta.url))

type Json = Record<string, unknown>

/** Documents that commands printed, `<kind>.<situation>.json`; test/integration/json-documents.test.ts records them. */
const records = fs.readdirSync(RECORDS).map((name) => {
  return {name, kind: name.slice(0, name.indexOf('.')), text: fs.readFileSync(path.join(RECORDS, name), 'utf8')}
})
/** All but what people write too, who may leave out nearly all of it, and have a text where a reference is. */
const printed = records.filter(({kind}) => kind !== 'machine')
const kinds = [...schemas.keys()].filter((name) => name !== DEFINITIONS)
const definitions = schemas.get(DEFINITIONS)?.$defs as Readonly<Record<string, Json>>

/** Every object within a value, the value included, each with its place. */
function objectsIn(value: unknown, place = ''): [string, Json][] {
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.entries(value).flatMap(([key, member]) => objectsIn(member, `${place}/${key}`))
  return Array.isArray(value) ? inner : [[place || '/', value as Json], ...inner]
}

/** The places at which a record with one of its objects changed is still accepted. `change` changes one member, or adds one. */
function stillAccepted({kind, text}: {kind: string; text: string}, change: (object: Json, member: string) => void): string[] {
  const places: string[] = []
  const document: unknown = JSON.parse(text)
  for (const [place, object] of objectsIn(document)) {
    const before = {...object}
    for (const member of Object.keys(before)) {
      change(object, member)
      if (schemaErrors(kind, document).length === 0) places.push(`${place} ${member}`)
      // As it was: reading the document anew for each member takes longer than all else.
      for (const key of Object.keys(object)) delete object[key]
      Object.assign(object, before)
    }
  }
  return places
}

/** A value of another type than any that may stand in this one's place. */
function otherType(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? 'text' : {}
}

/** What a record may go without: see its description in the schema. */
const OPTIONAL = /^(?:\/ lastEnd|\/services\/\d+ memoryBytes)$/

describe('the schemas', () => {
  it.each([...schemas.keys()])('%s is strict JSON Schema 2020-12 with all its references resolved', (name) => {
    expect(schemas.get(name)).toMatchObject({$schema: 'https://json-schema.org/draft/2020-12/schema', $id: `${name}.schema.json`})
    expect(() => schemaErrors(name, {})).not.toThrow()
  })

  it.each([...schemas.keys()])('%s describes every member', (name) => {
    const own = schemas.get(name)?.$defs as Record<string, Json> | undefined
    const isDescribed = (schema: Json) => {
      const [, definition] = typeof schema.$ref === 'string' ? schema.$ref.split('#/$defs/') : []
      return Boolean(schema.description ?? (definition && (own?.[definition] ?? definitions[definition])?.description))
    }
    const members = objectsIn(schemas.get(name)).filter(([place]) => place.endsWith('/properties'))
    const silent = members.flatMap(([place, properties]) => {
      return Object.keys(properties)
        .filter((member) => !isDescribed(properties[member] as Json))
        .map((member) => `${place}/${member}`)
    })
    expect(silent).toEqual([])
  })

  it('cover every command', () => {
    expect(Object.keys(DOCUMENT_OF_COMMAND).sort()).toEqual(Object.keys(commandModules).sort())
    // Any command can print a failure; the checks are what a flag of doctor lists.
    const used = [...Object.values(DOCUMENT_OF_COMMAND), 'failure', 'checks'].filter((kind) => kind !== undefined)
    expect([...new Set(used)].sort()).toEqual(kinds.sort())
  })

  it('are of the version that the documents say', () => {
    expect(definitions.schemaVersion?.const).toBe(SCHEMA_VERSION)
  })

  it('name every code of a failure that the source has, and no other', () => {
    const files = fs.readdirSync(SOURCE, {recursive: true, encoding: 'utf8'}).filter((file) => file.endsWith('.ts'))
    const source = files.map((file) => fs.readFileSync(path.join(SOURCE, file), 'utf8')).join('\n')
    const values = [...source.matchAll(/\bcode: ([^,}\n]*)/g)].map(([, value = '']) => value)
    const codes = values.flatMap((value) => [...value.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code))
    const named = (definitions.errorCode?.oneOf as {const: string}[]).map((entry) => entry.const)
    expect(named.sort()).toEqual([...new Set(codes)].sort())
  })

  it('have the one of the document of a machine as the settings are: else run `npm run docs`', () => {
    expect(schemas.get('machine')).toEqual(JSON.parse(JSON.stringify(machineSchema())))
  })

  it('know every manager', () => {
    const {manager} = definitions.serviceReport?.properties as {manager: {enum: string[]}}
    expect(manager.enum).toEqual(expect.arrayContaining([...MANAGER_KINDS]))
  })
})

describe('a recorded document', () => {
  it('is there of every kind', () => {
    expect([...new Set(records.map(({kind}) => kind))].sort()).toEqual(kinds.sort())
  })

  it.each(records)('is accepted: $name', ({kind, text}) => {
    expect(schemaErrors(kind, JSON.parse(text))).toEqual([])
  })

  it.each(printed)('is refused without any one of its members: $name', (record) => {
    const without = stillAccepted(record, (object, member) => delete object[member])
    expect(without.filter((place) => !OPTIONAL.test(place))).toEqual([])
  })

  it.each(records)('is refused with an unknown member beside any of its own: $name', (record) => {
    expect(stillAccepted(record, (object, member) => (object[`${member}2`] = null))).toEqual([])
  })

  it.each(printed)('is refused with any of its members of another type: $name', (record) => {
    expect(stillAccepted(record, (object, member) => (object[member] = otherType(object[member])))).toEqual([])
  })

  it.each(kinds.filter((kind) => kind !== 'failure'))('of kind %s is told from a failure', (kind) => {
    for (const {kind: recorded, text} of records) {
      if (recorded === kind) expect(schemaErrors('failure', JSON.parse(text))).not.toEqual([])
      if (recorded === 'failure') expect(schemaErrors(kind, JSON.parse(text))).not.toEqual([])
    }
  })
})
