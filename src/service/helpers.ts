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

/**
 * What is known of processes and of locks stands in parts of one platform each, which define the same functions: `linux-…` reads /proc,
 * `darwin-…` asks ps and lsof.
 */
type PlatformPart = 'process' | 'identity'

export type HelperPart =
  | 'common'
  | 'record'
  | 'delay'
  | 'identity'
  | `${'linux' | 'darwin'}-${PlatformPart}`
  | 'before-start'
  | 'before-stop'
  | 'after-exit'

/** The templates that make up each helper, in order. */
const HELPER_PARTS = {
  'before-start.sh': ['common', 'record', 'delay', 'own-process', 'own-identity', 'identity', 'before-start'],
  'before-stop.sh': ['common', 'record', 'own-process', 'before-stop'],
  'after-exit.sh': ['common', 'record', 'delay', 'own-process', 'after-exit'],
} as const satisfies Record<string, readonly (HelperPart | `own-${PlatformPart}`)[]>

export const HELPER_NAMES = Object.keys(HELPER_PARTS) as HelperName[]

const TOOLS = ['date', 'head', 'ls', 'mv', 'rm', 'sleep', 'tr'] as const
/** Tools of one platform's parts. */
const DARWIN_TOOLS = ['lsof', 'ps'] as const

/** How long a program that a helper runs may take. All of them together stay well below what a manager gives a start (3 min). */
const PROGRAM_LIMIT_SEC = 5

/** The system's own tools first: a service outlives the PATH of whoever installs it. */
const TOOL_PATH = '/usr/bin:/bin:/usr/sbin:/run/current-system/sw/bin'

/**
 * Renders the helpers of a service, each self-contained. Throws a RangeError for a policy that is none or a home with NUL, a ServiceError
 * if this machine lacks one of the standard tools that they call.
 */
export async function renderHelpers(host: Host, view: HelperView): Promise<Helper[]> {
  const helpers: Helper[] = []
  for (const [name, parts] of Object.entries(HELPER_PARTS) as [HelperName, (typeof HELPER_PARTS)[HelperName]][]) {
    helpers.push({
      name,
      text: await renderHelperParts(
        host,
        view,
        parts.map((part) => ownPart(host, part)),
      ),
    })
  }
  return helpers
}

/** The part of this machine's platform where one is meant. */
export function ownPart(host: Host, part: HelperPart | `own-${PlatformPart}`): HelperPart {
  if (part !== 'own-process' && part !== 'own-identity') return part
  return `${host.platform === 'darwin' ? 'darwin' : 'linux'}-${part === 'own-process' ? 'process' : 'identity'}`
}

/** Renders some parts of a helper, one after the other; errors as `renderHelpers`. */
export async function renderHelperParts(host: Host, view: HelperView, parts: readonly HelperPart[]): Promise<string> {
  requireValidPolicy(view.policy)
  const values: Record<string, string> = {home: shellQuote(view.home), uncountedMs: String(Math.min(UNCOUNTED_MS, view.policy.capMs))}
  for (const name of ['firstMs', 'capMs', 'forgetAfterMs', 'plannedAfterMs'] as const) values[name] = String(view.policy[name])
  const tools = parts.some((part) => part.startsWith('darwin-')) ? [...TOOLS, ...DARWIN_TOOLS] : TOOLS
  values.limitSec = String(PROGRAM_LIMIT_SEC)
  // A delay is its own limit.
  for (const tool of tools) values[tool] = `${tool === 'sleep' ? '' : 'limited '}${shellQuote(toolPath(host, tool))}`
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
    next: [`install ${tool}, then the same command again`],
  })
}
