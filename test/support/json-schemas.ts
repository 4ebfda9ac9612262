import fs from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {checkModules} from '../../src/doctor/checks/index.js'
import {Ajv2020, type AnySchemaObject} from 'ajv/dist/2020.js'

/** The kinds of documents that commands print with --json; each has a schema of that name. */
export type DocumentKind =
  | 'apply'
  | 'boot'
  | 'change'
  | 'checks'
  | 'config'
  | 'diff'
  | 'doctor'
  | 'failure'
  | 'heartbeat'
  | 'history'
  | 'list'
  | 'log-line'
  | 'machine'
  | 'notify-list'
  | 'notify-test'
  | 'render'
  | 'setup'
  | 'smoke'
  | 'status'

/** What each command prints when it does not fail; `logs` prints one a line. */
export const DOCUMENT_OF_COMMAND: Readonly<Record<string, DocumentKind | undefined>> = {
  apply: 'apply',
  autocomplete: undefined,
  boot: 'boot',
  config: 'config',
  'config:get': 'config',
  'config:set': 'change',
  'config:unset': 'change',
  diff: 'diff',
  doctor: 'doctor',
  fix: 'doctor',
  ...Object.fromEntries(Object.keys(checkModules).map((id) => [`fix:${id}`, 'change'] as const)),
  export: 'machine',
  // The WebUI's payload and nothing else: it has no schemaVersion of ours.
  health: undefined,
  heartbeat: 'heartbeat',
  history: 'history',
  install: 'change',
  list: 'list',
  logs: 'log-line',
  'notify:add': 'change',
  'notify:list': 'notify-list',
  'notify:remove': 'change',
  'notify:test': 'notify-test',
  render: 'render',
  restart: 'change',
  // Its output is the gateway's own.
  run: undefined,
  setup: 'setup',
  smoke: 'smoke',
  start: 'change',
  status: 'status',
  stop: 'change',
  uninstall: 'change',
}

export const SCHEMA_FOLDER = fileURLToPath(new URL('../../src/schemas', import.meta.url))
const SUFFIX = '.schema.json'
/** What all of them share; no document is of this kind. */
export const DEFINITIONS = 'definitions'

/** Every schema file by the name before `.schema.json`. */
export const schemas: ReadonlyMap<string, AnySchemaObject> = new Map(
  fs.readdirSync(SCHEMA_FOLDER).map((file) => {
    return [path.basename(file, SUFFIX), JSON.parse(fs.readFileSync(path.join(SCHEMA_FOLDER, file), 'utf8')) as AnySchemaObject]
  }),
)

const ajv = new Ajv2020({strict: true, allErrors: true, schemas: [...schemas.values()]})

/** What is wrong with a document of that kind, one line an error; empty if nothing is. Throws if the schema does not compile. */
export function schemaErrors(kind: string, document: unknown): string[] {
  const validate = ajv.getSchema(`${kind}${SUFFIX}`)
  if (!validate) throw new Error(`there is no schema ${kind}`)
  if (validate(document)) return []
  return (validate.errors ?? []).map(({instancePath, message, params}) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`)
}
