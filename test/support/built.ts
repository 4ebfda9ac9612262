import {spawnSync} from 'node:child_process'
import path from 'node:path'
import {fileURLToPath} from 'node:url'

export const PACKAGE_ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
export const ENTRY = path.join(PACKAGE_ROOT, 'bin', 'hermes-svc.cjs')

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the built program in a process of its own. */
export function runBuilt(args: readonly string[], env: Readonly<Record<string, string>> = {}): Ended {
  const {status, stdout, stderr} = spawnSync(process.execPath, [ENTRY, ...args], {encoding: 'utf8', env: {...process.env, ...env}})
  return {status, stdout, stderr}
}
