import path from 'node:path'
import {HomeFile} from '../gateway/contract.js'
import {ServiceError} from '../errors.js'
import {HostError} from '../host/host.js'
import {readIfAllowed} from '../host/tolerant-read.js'
import type {Target} from '../observe/where.js'

/** A shorter one is found in too many words. */
const SHORTEST = 6
const MOST = 500

/**
 * The values that hermes-svc knows to be meant for the gateway alone: those that it was given for the service, and those of the home's `.env`. Values
 * that are places in the home or words of a switch tell nothing, and are left. Never throws: what cannot be read is not known.
 */
export function knownSecrets({manager, userHost, service}: Target): string[] {
  const {home} = service.profile
  const own = [...serviceValues({manager, service})]
  const text = readIfAllowed(userHost, path.join(home, HomeFile.environment)) ?? ''
  const values = [...own, ...text.split('\n').flatMap(valueOfLine)]
  const isTelling = (value: string) => value.length >= SHORTEST && !home.startsWith(value) && !value.startsWith(home)
  return [...new Set(values)].filter(isTelling).slice(0, MOST)
}

function serviceValues({manager, service}: Pick<Target, 'manager' | 'service'>): string[] {
  try {
    // A value of several lines is found line by line.
    return [...manager.definition.readEnvironment(service).values()].flatMap((value) => value.split('\n'))
  } catch (error) {
    if (error instanceof HostError || error instanceof ServiceError) return []
    throw error
  }
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
