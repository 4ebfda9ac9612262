import {ExitStatus, ServiceError} from '../errors.js'
import type {Host} from '../host/host.js'
import {requireValidPolicy, type RestartPolicy, UNCOUNTED_MS} from './restart-policy.js'
import {shellQuote} from './shell-quote.js'
import {renderTemplate} from './template.js'

/** A POSIX sh script that a definition calls: `name` is its file name, `text` the whole script. */
export interface Helper {
  readonly name: HelperName
  readonly text: string
}

export type HelperName = keyof typeof HELPER_PARTS

/** What the helpers of one service are made for. */
export interface HelperView {
  /** Absolute path of the gateway's home. */
  readonly home: string
  readonly policy: RestartPolicy
}

export type HelperPart = 'common' | 'record' | 'delay' | 'linux-process' | 'linux-identity' | 'before-start' | 'before-stop' | 'after-exit'

/**
 * The templates that make up each helper, in order. All that is known of /proc stands in the linux-… parts: another platform's parts
 * define the same functions.
 */
const HELPER_PARTS = {
  'before-start.sh': ['common', 'record', 'delay', 'linux-process', 'linux-identity', 'before-start'],
  'before-stop.sh': ['common', 'record', 'linux-process', 'before-stop'],
  'after-exit.sh': ['common', 'record', 'delay', 'linux-process', 'after-exit'],
} as const satisfies Record<string, readonly HelperPart[]>

const TOOLS = ['date', 'head', 'ls', 'mv', 'rm', 'sleep', 'tr'] as const

/** The system's own tools first: a service outlives the PATH of whoever installs it. */
const TOOL_PATH = '/usr/bin:/bin:/run/current-system/sw/bin'

/**
 * Renders the helpers of a service, each self-contained. Throws a RangeError for a policy that is none or a home with NUL, a ServiceError
 * if this machine lacks one of the standard tools that they call.
 */
export async function renderHelpers(host: Host, view: HelperView): Promise<Helper[]> {
  const helpers: Helper[] = []
  for (const [name, parts] of Object.entries(HELPER_PARTS) as [HelperName, readonly HelperPart[]][]) {
    helpers.push({name, text: await renderHelperParts(host, view, parts)})
  }
  return helpers
}

/** Renders some parts of a helper, one after the other; errors as `renderHelpers`. */
export async function renderHelperParts(host: Host, view: HelperView, parts: readonly HelperPart[]): Promise<string> {
  requireValidPolicy(view.policy)
  const values: Record<string, string> = {home: shellQuote(view.home), uncountedMs: String(Math.min(UNCOUNTED_MS, view.policy.capMs))}
  for (const name of ['firstMs', 'capMs', 'forgetAfterMs', 'plannedAfterMs'] as const) values[name] = String(view.policy[name])
  for (const tool of TOOLS) values[tool] = shellQuote(toolPath(host, tool))
  // Without it a lock of another container's stays untold, and the record of its gateway untouched.
  values.flock = shellQuote(host.which('flock', TOOL_PATH) ?? '')
  let text = ''
  for (const part of parts) text += await renderTemplate(host, `helpers/${part}.sh.ejs`, values)
  return text
}

/** Where a standard tool is on this machine, for a definition. Throws a ServiceError if it is nowhere. */
export function toolPath(host: Host, tool: string): string {
  const found = host.which(tool, TOOL_PATH) ?? host.which(tool)
  if (found) return found
  throw new ServiceError(`The service needs ${tool}, which is neither in ${TOOL_PATH} nor on PATH`, {
    code: 'tool-missing',
    exitStatus: ExitStatus.failed,
  })
}
