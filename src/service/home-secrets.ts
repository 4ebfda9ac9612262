import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import type {AccountHost} from '../host/host.js'
import {readIfAllowed} from '../host/tolerant-read.js'

/** A shorter one is found in too many words. */
const SHORTEST = 6
const MOST = 500

/** The values of a home's `.env` that are meant for the gateway alone. Never throws: what cannot be read is not known. */
export function homeSecrets(host: AccountHost, home: string): string[] {
  return tellingOf(dotenvValues(host, home), home)
}

/** Those of some values that may be secrets: places in the home and words of a switch tell nothing. Pure. */
export function tellingOf(values: readonly string[], home: string): string[] {
  const isTelling = (value: string) => value.length >= SHORTEST && !home.startsWith(value) && !value.startsWith(home)
  return [...new Set(values)].filter(isTelling).slice(0, MOST)
}

/** All values of a home's `.env`. Never throws. */
export function dotenvValues(host: AccountHost, home: string): string[] {
  const text = readIfAllowed(host, path.join(home, HomeFile.environment)) ?? ''
  return text.split('\n').flatMap(valueOfLine)
}

/** The value of a line as python-dotenv reads it: quotes taken away, and a comment behind one that has none. */
function valueOfLine(line: string): string[] {
  const equals = line.indexOf('=')
  if (equals < 0 || line.trimStart().startsWith('#')) return []
  const value = line.slice(equals + 1).trim()
  const quote = value[0]
  if (quote === '"' || quote === "'") {
    const end = value.indexOf(quote, 1)
    return [value.slice(1, end < 0 ? undefined : end)]
  }
  const comment = value.indexOf(' #')
  return [(comment < 0 ? value : value.slice(0, comment)).trim()]
}
