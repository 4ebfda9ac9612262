import {refusedNice, type Resources} from './resources.js'
import {ExitStatus, ServiceError} from '../errors.js'
import type {Host} from '../host/host.js'
import {packageText} from './package-text.js'
import {requireValidPolicy, type RestartPolicy} from './restart-policy.js'

/**
 * The POSIX sh file that a definition has its manager call around each start and end of the gateway. It is the same for all services and has no
 * placeholders: what differs stands as arguments in the definition, where it can be read. Each service has a copy in its own folder, so that no
 * install or uninstall of another service, and no other version of hermes-svc, can take it away or change it.
 */
export const HELPER_NAME = 'service-helper.sh'
/** What its lines in the log of a service begin with. */
export const NOTE_PREFIX = 'hermes-svc: '

export type HelperVerb = 'before-start' | 'before-stop' | 'reload' | 'after-exit'

/** What a helper is called for. */
export interface HelperView {
  /** Absolute path of the gateway's home. */
  readonly home: string
  /** The folder of what it remembers from one start to the next, as the definition says it. */
  readonly state: string
  readonly policy: RestartPolicy
}

/** The text of the file. */
export function helperText(host: Host): string {
  return packageText(host, HELPER_NAME)
}

/** The words behind the file's name in a call. Throws a RangeError for a policy that is none. */
export function helperWords(verb: HelperVerb, {home, state, policy}: HelperView): string[] {
  requireValidPolicy(policy)
  const {firstMs, capMs, forgetAfterMs, plannedAfterMs} = policy
  const places = [`home=${home}`, `state=${state}`]
  const delays = [`first-ms=${firstMs}`, `cap-ms=${capMs}`]
  switch (verb) {
    case 'before-start':
      return [verb, ...places, ...delays]
    case 'after-exit':
      return [verb, ...places, ...delays, `forget-ms=${forgetAfterMs}`, `planned-ms=${plannedAfterMs}`]
    case 'before-stop':
    case 'reload':
      return [verb, ...places]
  }
}

/** The system's own tools first: a service outlives the PATH of whoever installs it. The helper has the same folders. */
export const TOOL_PATH = '/usr/bin:/bin:/usr/sbin:/run/current-system/sw/bin'

/** Where a standard tool is on this machine, for a definition. Throws a ServiceError if it is nowhere. */
export function toolPath(host: Host, tool: string): string {
  const found = host.which(tool, TOOL_PATH) ?? host.which(tool)
  if (found) return found
  throw new ServiceError(`The service needs ${tool}, which is neither in ${TOOL_PATH} nor on PATH`, {
    code: 'tool-missing',
    exitStatus: ExitStatus.failed,
    next: [`install ${tool}, then run the same command again`],
  })
}

/** A command line that stands as far back for the CPU as was chosen, for who cannot do it itself: nice(1) becomes the program. A record that somebody has edited keeps no gateway down. */
export function withNice(host: Host, {nice}: Resources = {}, argv: readonly string[]): string[] {
  return nice === undefined || refusedNice(nice) !== undefined ? [...argv] : [toolPath(host, 'nice'), '-n', String(nice), ...argv]
}
