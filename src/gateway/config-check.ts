import path from 'node:path'
import {HomeFile} from './contract.js'
import {judgeYaml, type YamlTop} from './yaml-check.js'
import {type AccountHost, HostError} from '../host/host.js'
import {whyUnreadable} from '../host/tolerant-read.js'

/** A longer one is not read: upstream's own, with every setting in it, has some tens of kilobytes. */
export const MAX_CONFIG_BYTES = 1_048_576

/** What keeps the gateway from taking its configuration as it is written. */
export interface ConfigFault {
  readonly kind: 'unparsable' | 'wrong-type' | 'unreadable'
  readonly file: string
  /** From 1; absent where it is about the whole file. */
  readonly line?: number
  readonly column?: number
  readonly reason: string
}

/** What came of a look at a home's configuration. */
export interface ConfigJudgement {
  readonly faults: readonly ConfigFault[]
  /** What could not be told, one clause each. */
  readonly unsure: readonly string[]
}

const TOPS: Readonly<Record<YamlTop, string | undefined>> = {
  mapping: undefined,
  empty: undefined,
  list: 'it is a list, but the gateway needs named settings (name: value)',
  text: 'it is a single text, but the gateway needs named settings (name: value)',
}

/**
 * Judges config.yaml and .env of a home as its gateway would find them at its next start, with the ids that it has. No file is no fault: then the
 * gateway's defaults hold. Of .env only that it can be read: the gateway passes over lines that it does not understand. Never throws for what it finds.
 */
export async function judgeConfig(userHost: AccountHost, home: string): Promise<ConfigJudgement> {
  const file = path.join(home, HomeFile.config)
  const [config, variables] = [read(userHost, file), read(userHost, path.join(home, HomeFile.environment))]
  const judged = 'bytes' in config && config.bytes !== undefined ? await judgeConfigText(file, config.bytes) : NOTHING
  const unread = [config, variables].flatMap((one) => ('fault' in one ? [one.fault] : []))
  const unsure = [config, variables].flatMap((one) => ('unsure' in one ? [one.unsure] : []))
  return {faults: [...judged.faults, ...unread], unsure: [...judged.unsure, ...unsure]}
}

const NOTHING: ConfigJudgement = {faults: [], unsure: []}

/** Judges the content of a config.yaml; `file`: what it is called. */
export async function judgeConfigText(file: string, bytes: Buffer): Promise<ConfigJudgement> {
  const text = decoded(bytes)
  if (text === undefined) {
    const line = 1 + bytes.subarray(0, firstBadByte(bytes)).filter((byte) => byte === 0x0a).length
    return {faults: [{kind: 'unparsable', file, line, reason: 'it is not UTF-8'}], unsure: []}
  }
  const judgement = await judgeYaml(text)
  if (judgement.kind === 'cannot-tell') return {faults: [], unsure: [`hermes-svc cannot tell whether ${file} is valid: ${judgement.why}`]}
  if (judgement.kind === 'broken') return {faults: [{kind: 'unparsable', file, ...judgement.fault}], unsure: []}
  const wrong = TOPS[judgement.top]
  return wrong === undefined ? NOTHING : {faults: [{kind: 'wrong-type', file, reason: wrong}], unsure: []}
}

/** A fault in one line, as compilers say it: `file:line:column: reason`. */
export function faultText({file, line, column, reason}: ConfigFault): string {
  return `${[file, line, column].filter((part) => part !== undefined).join(':')}: ${reason}`
}

/** Text of UTF-8; undefined for what is none. */
export function decoded(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes)
  } catch {
    return undefined
  }
}

function firstBadByte(bytes: Buffer): number {
  const [lossy, length] = [bytes.toString('utf8'), bytes.length]
  const at = lossy.indexOf('\ufffd')
  return at < 0 ? length : Buffer.byteLength(lossy.slice(0, at))
}

type Read = {readonly bytes: Buffer | undefined} | {readonly fault: ConfigFault} | {readonly unsure: string}

function read(userHost: AccountHost, file: string): Read {
  try {
    const part = userHost.readPart(file, 0, MAX_CONFIG_BYTES)
    if (part && part.size > MAX_CONFIG_BYTES) return {unsure: `hermes-svc cannot tell whether ${file} is valid: it is larger than 1 MB`}
    return {bytes: part?.bytes}
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return {fault: {kind: 'unreadable', file, reason: `${userHost.account.name} cannot read it (${whyUnreadable(error)})`}}
  }
}
