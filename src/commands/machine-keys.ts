import type {DesiredState} from '../gateway/contract.js'
import {SCOPES} from '../service/service.js'
import {NOTIFY_SETTING_NAMES, type NotifySettingName} from './notify-settings.js'
import {SETTING_NAMES, type SettingName} from './setting-list.js'

// What the document of a machine can say. Settings are in it by the names of their flags, so a new one is in it, in its schema and in what `export` prints.

/** The version of the document's shape. */
export const DOCUMENT_VERSION = 1

/** What says which service is meant, and whose it is. */
export const IDENTITY = {
  profile: 'the profile of the gateway (default: the profile of `home`, else default)',
  home: "absolute path of the gateway's home: the root home (~/.hermes) or the home of a profile (default: the root home of the account)",
  scope: 'scope of the service: one user (user) or the whole machine (system); default: system for root, else user',
  account: 'the account that the gateway runs as (--run-as)',
} as const
export type IdentityKey = keyof typeof IDENTITY
export const IDENTITY_KEYS = Object.keys(IDENTITY) as readonly IdentityKey[]

export const STATES: readonly DesiredState[] = ['running', 'stopped']
export const DEFAULT_STATE: DesiredState = 'running'
export {SCOPES}

/** Where a value that is not written down is taken from when the document is applied. */
export const REFERENCES = {
  fromEnv: 'the variable of this name in the environment of hermes-svc apply',
  fromFile: 'the content of the file at this absolute path, without the newline at its end',
  fromCredential:
    'the systemd credential of this name, from the unit that runs hermes-svc apply ($CREDENTIALS_DIRECTORY), else from /etc/credstore or /etc/credstore.encrypted',
} as const
export type ReferenceKind = keyof typeof REFERENCES
export const REFERENCE_KINDS = Object.keys(REFERENCES) as readonly ReferenceKind[]

/** All that can be said of a service. */
export const SERVICE_KEYS: readonly string[] = [...IDENTITY_KEYS, 'state', ...SETTING_NAMES, ...NOTIFY_SETTING_NAMES, 'env']

/** A value of the document: written down, or where it is to be taken from. */
export type Value =
  | {readonly text: string}
  | {readonly [Kind in ReferenceKind]: {readonly kind: Kind; readonly name: string}}[ReferenceKind]

/** One service as it is declared. */
export interface DeclaredService {
  /** Where it stands, for messages: `FILE:3:5: services[0]`. */
  readonly where: string
  readonly identity: Readonly<Partial<Record<IdentityKey, string>>>
  readonly state: DesiredState
  readonly settings: ReadonlyMap<SettingName, {readonly where: string; readonly text: string}>
  readonly told: ReadonlyMap<NotifySettingName, readonly {readonly where: string; readonly value: Value}[]>
  readonly env: ReadonlyMap<string, {readonly where: string; readonly value: Value}>
}
