import path from 'node:path'
import type {Document, LineCounter, Node, Pair, YAMLMap} from 'yaml'
import {ExitStatus, ServiceError} from '../errors.js'
import {refusedVariableName, refusedVariableValue} from '../service/environment-variable.js'
import {PROFILE_NAME} from '../service/profile.js'
import {shown} from '../service/text-check.js'
import {didYouMean} from '../text/suggest.js'
import {
  DEFAULT_STATE,
  type DeclaredService,
  DOCUMENT_VERSION,
  IDENTITY_KEYS,
  type IdentityKey,
  REFERENCE_KINDS,
  SCOPES,
  SERVICE_KEYS,
  STATES,
  type Value,
} from './machine-keys.js'
import {NOTIFY_SETTING_NAMES, type NotifySettingName, notifySettingOf} from './notify-settings.js'
import {settingOf, type SettingName, SETTING_NAMES} from './setting-list.js'

/** More than any machine has services. */
const MOST_SERVICES = 1000
const MOST_TOLD = 20
/** The parser of YAML takes minutes for a few kilobytes of brackets that open and never close. */
const DEEPEST = 100
const TOP_KEYS = ['schemaVersion', 'services', 'ok']

type Yaml = typeof import('yaml')

/**
 * Reads the document of a machine, YAML or JSON. `file`: how it was named, for messages. Throws a usage error that names each place that is wrong, as
 * `FILE:line:column`; no value that may be a secret is in it. Pure.
 */
export async function parseMachine(text: string, file: string): Promise<DeclaredService[]> {
  requireShallow(text, file)
  const yaml = await import('yaml')
  const lines = new yaml.LineCounter()
  const document = yaml.parseDocument(text, {lineCounter: lines, prettyErrors: false, version: '1.2'})
  const reader = new MachineReader(yaml, document, lines, file)
  for (const {pos, message} of document.errors) reader.refuse(pos[0], message)
  const services = reader.problems.length > 0 ? [] : reader.services()
  const [first, ...others] = reader.problems
  if (first === undefined) return services
  const evidence = others.slice(0, MOST_TOLD)
  if (others.length > evidence.length) evidence.push(`and ${others.length - evidence.length} more`)
  throw new ServiceError(first, {code: 'usage', exitStatus: ExitStatus.usage, evidence, next: ['hermes-svc apply --help']})
}

function requireShallow(text: string, file: string): void {
  let depth = 0
  let line = 1
  for (const character of text) {
    if (character === '\n') line++
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth = Math.max(0, depth - 1)
    if (depth > DEEPEST) {
      throw new ServiceError(`${file}:${line}: brackets are nested more than ${DEEPEST} deep here`, {
        ...{code: 'usage', exitStatus: ExitStatus.usage, next: ['hermes-svc apply --help']},
      })
    }
  }
}

/** Reads the nodes of a document, and notes what is wrong with them. */
class MachineReader {
  readonly problems: string[] = []

  constructor(
    private readonly yaml: Yaml,
    private readonly document: Document.Parsed,
    private readonly lines: LineCounter,
    private readonly file: string,
  ) {}

  refuse(place: Node | number | null | undefined, why: string): void {
    this.problems.push(`${this.at(place)}: ${why}`)
  }

  services(): DeclaredService[] {
    const top = this.mapping(this.document.contents, 'the document', TOP_KEYS)
    if (!top) return []
    const version = top.get('schemaVersion')
    if (version === undefined || this.text(version, 'schemaVersion') !== String(DOCUMENT_VERSION)) {
      this.refuse(version ?? this.document.contents, `schemaVersion must be ${DOCUMENT_VERSION}`)
    }
    const list = this.resolved(top.get('services'))
    if (!this.yaml.isSeq(list)) {
      this.refuse(list ?? this.document.contents, 'services must be a list')
      return []
    }
    if (list.items.length > MOST_SERVICES)
      this.refuse(list, `the document has ${list.items.length} services; at most ${MOST_SERVICES} are allowed`)
    return list.items.slice(0, MOST_SERVICES).flatMap((node, index) => this.service(node as Node, `services[${index}]`) ?? [])
  }

  private service(node: Node, name: string): DeclaredService | undefined {
    const members = this.mapping(node, name, SERVICE_KEYS)
    if (!members) return undefined
    const identity: Partial<Record<IdentityKey, string>> = {}
    for (const key of IDENTITY_KEYS) {
      const value = this.member(members, key)
      if (value) identity[key] = this.identityOf(key, value)
    }
    const state = this.member(members, 'state')
    const settings = SETTING_NAMES.flatMap((key) => {
      const value = this.member(members, key)
      return value && this.isSetting(key, value) ? [[key, value] as const] : []
    })
    const told = NOTIFY_SETTING_NAMES.flatMap((key) => {
      const found = members.get(key)
      return found === undefined ? [] : [[key, this.toldOf(key, found)] as const]
    })
    return {
      ...{where: `${this.at(node)}: ${name}`, identity, settings: new Map<SettingName, {where: string; text: string}>(settings)},
      ...{
        state: state ? this.oneOf(STATES, 'state', state) : DEFAULT_STATE,
        told: new Map(told),
        env: this.environmentOf(members.get('env')),
      },
    }
  }

  private identityOf(key: IdentityKey, {where, text, node}: Text): string {
    if (text === '') this.refuse(node, `${key} must not be empty`)
    else if (key === 'scope') this.oneOf(SCOPES, key, {where, text, node})
    else if (key === 'home' && !path.isAbsolute(text)) this.refuse(node, `home must be an absolute path, not ${shown(text)}`)
    else if (key === 'profile' && !PROFILE_NAME.test(text)) {
      this.refuse(
        node,
        `${shown(text)} is not a profile name: use at most 64 lower-case letters, digits, "-" and "_", and begin with a letter or digit`,
      )
    }
    return text
  }

  private oneOf<Word extends string>(words: readonly Word[], key: string, {text, node}: Text): Word | never {
    const found = words.find((word) => word === text)
    if (found === undefined) this.refuse(node, `${key} ${shown(text)}: must be one of: ${words.join(', ')}${didYouMean(text, words)}`)
    return found ?? (words[0] as Word)
  }

  private isSetting(key: SettingName, value: Text): boolean {
    const setting = settingOf(key)
    if (!setting) return false
    if (setting.options && !setting.options.includes(value.text)) {
      this.refuse(value.node, `${key} ${shown(value.text)}: must be one of: ${setting.options.join(', ')}`)
      return false
    }
    return this.canBe(() => setting.parse(value.text, value.where))
  }

  /** What it refuses has its place in the message. */
  private canBe(parse: () => unknown): boolean {
    try {
      parse()
      return true
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      this.problems.push(error.message)
      return false
    }
  }

  private toldOf(key: NotifySettingName, node: Node): {where: string; value: Value}[] {
    const setting = notifySettingOf(key)
    const list = this.resolved(node)
    const items = setting?.isMany && this.yaml.isSeq(list) ? (list.items as Node[]) : [node]
    return items.flatMap((item) => {
      const where = `${this.at(item)}: ${key}`
      const value = this.value(item, key, setting?.mayBeSecret === true)
      if (value && 'text' in value) this.canBe(() => setting?.parse(value.text, where))
      return value ? [{where, value}] : []
    })
  }

  private environmentOf(node: Node | undefined): DeclaredService['env'] {
    const variables = node === undefined ? undefined : this.mapping(node, 'env', undefined)
    const found = [...(variables ?? [])].flatMap(([name, item]) => {
      const refused = refusedVariableName(name)
      if (refused) this.refuse(item, `env: ${shown(name)}: ${refused}`)
      const where = `${this.at(item)}: env.${name}`
      const value = this.value(item, `env.${name}`, true)
      const bad = value && 'text' in value ? refusedVariableValue(value.text) : undefined
      if (bad) this.refuse(item, `env.${name}: its value ${bad}`)
      return value && !refused ? [[name, {where, value}] as const] : []
    })
    return new Map(found)
  }

  /** What is written there, or where it is to be taken from. */
  private value(node: Node, key: string, mayRefer: boolean): Value | undefined {
    const found = this.resolved(node)
    if (!mayRefer || !this.yaml.isMap(found)) {
      const text = this.text(node, key, mayRefer ? `a text, or a mapping with one of: ${REFERENCE_KINDS.join(', ')}` : 'a text')
      return text === undefined ? undefined : {text}
    }
    const members = this.mapping(found, key, REFERENCE_KINDS)
    const [first, ...others] = members ?? []
    if (first === undefined || others.length > 0) {
      if (members) this.refuse(node, `${key} must be a mapping with exactly one of: ${REFERENCE_KINDS.join(', ')}`)
      return undefined
    }
    const kind = REFERENCE_KINDS.find((one) => one === first[0])
    const name = this.text(first[1], `${key}.${first[0]}`)
    if (kind === undefined || name === undefined) return undefined
    const why = kind === 'fromFile' ? (path.isAbsolute(name) ? undefined : 'an absolute path') : refusedReference(kind, name)
    if (why !== undefined) this.refuse(first[1], `${key}.${kind} must be ${why}`)
    return {kind, name}
  }

  /** A member that is one text. */
  private member(members: ReadonlyMap<string, Node>, key: string): Text | undefined {
    const node = members.get(key)
    const text = node === undefined ? undefined : this.text(node, key)
    return node === undefined || text === undefined ? undefined : {where: `${this.at(node)}: ${key}`, text: this.asTyped(text, key), node}
  }

  /** `true` and `false` are what YAML 1.1 makes of on and off. */
  private asTyped(text: string, key: string): string {
    const options: readonly string[] = settingOf(key)?.options ?? []
    if (!options.includes('on')) return text
    return text === 'true' ? 'on' : text === 'false' ? 'off' : text
  }

  /** The text of a scalar, as it is written: `0x10` and `1.0` stay so. Undefined for what is none, which is noted. */
  private text(node: Node | undefined | null, key: string, what = 'a text'): string | undefined {
    const found = this.resolved(node)
    if (this.yaml.isScalar(found)) {
      if (typeof found.value === 'string') return found.value
      if (typeof found.value === 'number' || typeof found.value === 'boolean' || typeof found.value === 'bigint') {
        return found.source ?? String(found.value)
      }
      this.refuse(node, `${key} has no value: it must be ${what}`)
      return undefined
    }
    this.refuse(node, `${key} must be ${what}`)
    return undefined
  }

  /** The members of a mapping, by their names. `keys`: all that it can have. */
  private mapping(node: Node | null | undefined, name: string, keys: readonly string[] | undefined): Map<string, Node> | undefined {
    const found = this.resolved(node)
    if (!this.yaml.isMap(found)) {
      this.refuse(node, `${name} must be a mapping`)
      return undefined
    }
    const members = new Map<string, Node>()
    for (const pair of (found as YAMLMap<Node, Node | null>).items) {
      const key = this.keyOf(pair)
      if (keys && !keys.includes(key)) this.refuse(pair.key, `${name}: unknown key ${shown(key)}${didYouMean(key, keys)}`)
      else members.set(key, pair.value ?? pair.key)
    }
    return members
  }

  private keyOf({key}: Pair<Node, Node | null>): string {
    return this.yaml.isScalar(key) ? (key.source ?? String(key.value)) : String(key)
  }

  private resolved(node: Node | null | undefined): Node | undefined {
    return (this.yaml.isAlias(node) ? node.resolve(this.document) : node) ?? undefined
  }

  /** `FILE:line:column` of a node, or of an offset. */
  private at(place: Node | number | null | undefined): string {
    const offset = typeof place === 'number' ? place : (place?.range?.[0] ?? 0)
    const {line, col} = this.lines.linePos(offset)
    return `${this.file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
}

interface Text {
  readonly where: string
  readonly text: string
  readonly node: Node
}

function refusedReference(kind: 'fromEnv' | 'fromCredential', name: string): string | undefined {
  if (kind === 'fromEnv') return /^[A-Za-z_]\w*$/.test(name) ? undefined : 'the name of a variable'
  // systemd's own rule (credential_name_valid): the name of a file, at most NAME_MAX.
  return /^[\x21-\x2e\x30-\x39\x3b-\x7e]{1,255}$/.test(name) && name !== '.' && name !== '..' ? undefined : 'the name of a credential'
}
