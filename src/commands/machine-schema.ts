import {PROFILE_NAME} from '../service/profile.js'
import {DEFAULT_STATE, DOCUMENT_VERSION, IDENTITY, REFERENCE_KINDS, REFERENCES, SCOPES, STATES} from './machine-keys.js'
import {NOTIFY_SETTING_NAMES, type NotifySetting, notifySettingOf} from './notify-settings.js'
import {type Setting, SETTING_NAMES, settingOf} from './setting-list.js'

/** The name of its file among the schemas. */
export const MACHINE_SCHEMA_FILE = 'machine.schema.json'

/** What is typed may look like a number. */
const TEXT = {oneOf: [{type: 'string'}, {type: 'number'}]}

/**
 * The JSON Schema of the document that `apply` takes and `export` prints, by which editors complete it. It stands alone, and follows from the settings: see
 * `npm run docs`. Pure.
 */
export function machineSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: MACHINE_SCHEMA_FILE,
    title: 'The services of a machine: hermes-svc apply FILE, hermes-svc export',
    description: 'The services that hermes-svc apply sets up. A setting that a service leaves out has its default value.',
    type: 'object',
    additionalProperties: false,
    required: ['schemaVersion', 'services'],
    properties: {
      schemaVersion: {description: 'Version of the format of this document.', const: DOCUMENT_VERSION},
      ok: {description: 'Printed by hermes-svc export --json. hermes-svc apply ignores it.', const: true},
      services: {description: 'The services, in the order in which apply changes them.', type: 'array', maxItems: 1000, items: service()},
    },
    $defs: {
      reference: {
        description: 'Where hermes-svc apply reads the value.',
        type: 'object',
        additionalProperties: false,
        minProperties: 1,
        maxProperties: 1,
        properties: Object.fromEntries(
          REFERENCE_KINDS.map((kind) => [
            kind,
            {description: sentence(REFERENCES[kind]), type: 'string', ...(kind === 'fromFile' ? {pattern: '^/'} : {minLength: 1})},
          ]),
        ),
      },
      value: {
        description: 'The value, or where hermes-svc apply reads it.',
        oneOf: [{type: 'string'}, {type: 'number'}, {type: 'boolean'}, {$ref: '#/$defs/reference'}],
      },
    },
  }
}

function service(): object {
  const {profile, home, scope, account} = IDENTITY
  return {
    description: 'One service.',
    type: 'object',
    additionalProperties: false,
    properties: {
      profile: {description: sentence(profile), type: 'string', pattern: PROFILE_NAME.source},
      home: {description: sentence(home), type: 'string', pattern: '^/'},
      scope: {description: sentence(scope), type: 'string', enum: [...SCOPES]},
      account: {
        description: sentence(account),
        oneOf: [
          {type: 'string', minLength: 1},
          {type: 'integer', minimum: 0},
        ],
      },
      state: {description: 'Whether the gateway should run.', type: 'string', enum: [...STATES], default: DEFAULT_STATE},
      ...Object.fromEntries(SETTING_NAMES.map((name) => [name, ofSetting(settingOf(name))])),
      ...Object.fromEntries(NOTIFY_SETTING_NAMES.map((name) => [name, ofNotify(notifySettingOf(name))])),
      env: {
        description:
          'Variables for the gateway, in a file that only its account can read. hermes-svc apply removes variables that are not listed here.',
        type: 'object',
        additionalProperties: false,
        patternProperties: {'^[A-Za-z_][A-Za-z0-9_]*$': {$ref: '#/$defs/value'}},
      },
    },
  }
}

function ofSetting(setting: Setting | undefined): object {
  if (!setting) return {}
  const {description, options} = setting
  if (!options) return {description: sentence(description), ...TEXT}
  // What YAML 1.1 makes of on and off.
  return {description: sentence(description), enum: [...options, ...(options.includes('on') ? [true, false] : [])]}
}

function ofNotify(setting: NotifySetting | undefined): object {
  if (!setting) return {}
  const one = setting.mayBeSecret ? {$ref: '#/$defs/value'} : TEXT
  const description = sentence(setting.description)
  return setting.isMany ? {description, oneOf: [one, {type: 'array', items: one}]} : {description, ...one}
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.`
}
