import path from 'node:path'
import {STANDARD_ROOT, DEFAULT_PROFILE} from '../gateway/contract.js'

/**
 * The gateway's whole command line: its program with leading arguments, what it is to do, and always the profile. Without a profile flag
 * upstream follows `<root>/active_profile`, and the default profile's service would run another profile's home. It takes the flag from
 * anywhere in its line, and its own search for the default profile's gateway wants to read `hermes gateway`, and no `--profile` with a
 * blank behind it: so this one is a word at the end.
 */
export function gatewayArgv(command: readonly string[], profileName: string, home: string): string[] {
  if (profileName !== DEFAULT_PROFILE) return [...command, '--profile', profileName, 'gateway', 'run']
  return [...command, 'gateway', 'run', ...(isRootHome(home) ? ['--profile=default'] : [])]
}

/** Upstream takes whatever lies below `~/.hermes` for a part of that root home, and `default` would name the root itself. */
function isRootHome(home: string): boolean {
  return !path.dirname(home).split('/').includes(STANDARD_ROOT)
}
