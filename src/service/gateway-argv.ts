import {DEFAULT_PROFILE} from './profile.js'

/** The gateway's whole command line: its program with leading arguments, the profile where it is not the default one, and what it is to do. */
export function gatewayArgv(command: readonly string[], profileName: string): string[] {
  return [...command, ...(profileName === DEFAULT_PROFILE ? [] : ['--profile', profileName]), 'gateway', 'run']
}
