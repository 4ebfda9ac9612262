import path from 'node:path'
import {type AccountHost, HostError} from '../host/host.js'
import {
  ALLOWING_ALL_VARIABLE,
  ALLOWING_KEY,
  ALLOWING_VARIABLE,
  APPROVED_SUFFIX,
  CHAT_VARIABLES,
  HomeFile,
  PAIRING_FOLDERS,
  YES_VALUES,
} from './contract.js'
import {dotenvVariables} from './dotenv.js'
import {isObject, readJson} from './records.js'

/** What a home says of who reaches its gateway, and by what. Names alone: no value of a variable is in it. */
export interface ChatSetup {
  /** Variables that set a platform up. */
  readonly platformVariables: readonly string[]
  /** Whether anybody may talk to it; undefined if that cannot be told. */
  readonly isAnybodyAllowed: boolean | undefined
}

/**
 * Reads it: the home's `.env`, `config.yaml` and the list of those who were let in by a code, and what else the gateway's environment has (`variables`,
 * which a value of `.env` overrides as it does in the gateway). Never throws for what it finds; what cannot be read may allow somebody.
 */
export function readChatSetup(userHost: AccountHost, home: string, variables: ReadonlyMap<string, string>): ChatSetup {
  const [env, config] = [HomeFile.environment, HomeFile.config].map((file) => textOf(userHost, path.join(home, file)))
  const all = [...new Map([...variables, ...dotenvVariables(env ?? '')])].filter(([, value]) => value !== '')
  const names = new Set(all.map(([name]) => name))
  const platforms = [...CHAT_VARIABLES.values()].filter((needed) => needed.every((name) => names.has(name)))
  const isAllowed =
    all.some(([name, value]) => (ALLOWING_ALL_VARIABLE.test(name) ? YES_VALUES.has(value.toLowerCase()) : ALLOWING_VARIABLE.test(name))) ||
    ALLOWING_KEY.test(config ?? '')
  return {
    platformVariables: platforms.flat(),
    isAnybodyAllowed: isAllowed || (env === undefined || config === undefined ? undefined : isPaired(userHost, home)),
  }
}

/** Undefined if it may not be read; empty without one. */
function textOf(userHost: AccountHost, file: string): string | undefined {
  try {
    return userHost.readText(file) ?? ''
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** True if somebody was let in by a code; undefined if that may not be read. */
function isPaired(userHost: AccountHost, home: string): boolean | undefined {
  try {
    const lists = PAIRING_FOLDERS.flatMap((folder) => {
      const place = path.join(home, folder)
      return (userHost.list(place) ?? []).filter((name) => name.endsWith(APPROVED_SUFFIX)).map((name) => path.join(place, name))
    })
    const read = lists.map((file) => readJson(userHost, file, (value) => (isObject(value) ? Object.keys(value).length : undefined)))
    if (read.some((list) => list.kind === 'present' && list.value > 0)) return true
    return read.every(({kind}) => kind === 'present' || kind === 'absent') ? false : undefined
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}
