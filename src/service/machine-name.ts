import {TOOL_ENVIRONMENT} from '../gateway/process-darwin.js'
import type {Door} from '../host/host.js'
import {readIfAllowed} from '../host/tolerant-read.js'

/** The machine's name, as its logs have it; '' if it cannot be told. */
export function machineName(host: Door): string {
  if (host.platform === 'linux') return readIfAllowed(host, '/proc/sys/kernel/hostname')?.trim() ?? ''
  return host.read(['/bin/hostname', '-s'], {env: TOOL_ENVIRONMENT}).stdout.trim()
}
