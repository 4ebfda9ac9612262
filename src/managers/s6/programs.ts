import type {Account, Host} from '../../host/host.js'
import type {RunStep} from '../../plan/plan.js'
import {packageText} from '../../service/package-text.js'

/** s6-overlay keeps the programs of s6 here, which is not always on PATH. */
const TOOLS_FOLDER = '/command'
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/run/current-system/sw/bin'
export const S6_PATH = `${TOOLS_FOLDER}:${SYSTEM_PATH}`

/** The environment in which the programs of s6 are run. */
export const S6_ENVIRONMENT: Readonly<Record<string, string>> = {PATH: S6_PATH, LC_ALL: 'C.UTF-8'}

const CHANGE_TIMEOUT_MS = 60_000

/** Where a program of s6 is; undefined if it is nowhere. */
export function s6Tool(host: Host, tool: string): string | undefined {
  return host.which(tool, S6_PATH)
}

/** The sh programs in templates/s6/programs, which say what their arguments are. */
export type SlotProgram =
  | 'abort'
  | 'announce'
  | 'forget'
  | 'look'
  | 'publish'
  | 'publish-shared'
  | 'release'
  | 'remove'
  | 'set-all'
  | 'skeleton'
  | 'start'
  | 'stop'
  | 'supervised'

/** The argv of a program with its arguments. It is handed over as text: not each account whose ids it runs with may read the package. */
export function slotProgram(host: Host, program: SlotProgram, ...args: readonly string[]): string[] {
  return ['/bin/sh', '-c', packageText(host, 's6', 'programs', `${program}.sh`), 'hermes-svc', ...args]
}

/** One call of s6's programs, or of a standard tool, that changes something. */
export function changeStep(why: string, argv: readonly string[], as?: Account): RunStep {
  return {kind: 'run', why, argv, env: S6_ENVIRONMENT, timeoutMs: CHANGE_TIMEOUT_MS, ...(as ? {as} : {})}
}
