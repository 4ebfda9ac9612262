import path from 'node:path'
import {HomeFile, STANDARD_ROOT} from '../gateway/contract.js'
import {profileOfCommandLine} from '../gateway/process.js'
import type {Account, Door} from '../host/host.js'
import {realPathIfAllowed} from '../host/tolerant-read.js'

/**
 * The home, links followed, that a definition's gateway runs in. `named`: what the definition sets HERMES_HOME to, empty where it sets
 * none; then it is the one upstream derives from the command line's profile and the account's home directory.
 */
export function homeOfDefinition(host: Door, named: string, command: readonly string[], account: Account): string {
  const root = path.join(account.home, STANDARD_ROOT)
  const profile = profileOfCommandLine(command)
  return realPathIfAllowed(
    host,
    named || (profile === undefined || profile === 'default' ? root : path.join(root, HomeFile.profiles, profile)),
  )
}
