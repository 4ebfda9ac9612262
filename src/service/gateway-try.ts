import path from 'node:path'
import {GatewayVariable} from '../gateway/contract.js'
import type {AccountHost, RunResult} from '../host/host.js'
import {TOOL_PATH} from './service-helper.js'

/** The longest that a gateway may take to say its version. */
export const TRY_TIMEOUT_MS = 30_000
/** The same without a network, where a program that needs one may wait for it in vain. */
const TRY_APART_TIMEOUT_MS = 15_000
/** Folders of a home in which a gateway's program is looked for (searchGateways). */
const PROGRAM_FOLDERS = ['hermes-agent', 'bin', 'venv', '.venv']

/**
 * Runs a gateway's program to see that it starts, with `--version`. That is no reading command of upstream's: it writes logs and the outcome of a
 * look for updates into its home. So it gets a home to throw away, and no network where one can be withheld; what fails without one, as a wrapper
 * that fetches its secrets does, is run again with it. `asUser`: the account's own door. `environment`: all of what the service has.
 */
export async function tryGateway(
  asUser: AccountHost,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<RunResult> {
  const home = environment[GatewayVariable.home]
  // A wrapper may name its program by the home.
  const there = home === undefined ? [] : PROGRAM_FOLDERS.map((name) => [name, path.join(home, name)] as const)
  const folder = asUser.temporaryFolder(new Map(there.filter(([, file]) => asUser.stat(file)?.kind === 'folder')))
  // Nor does Python keep what it has compiled beside a program that lies in the home.
  const env = {...environment, [GatewayVariable.home]: folder.path, PYTHONDONTWRITEBYTECODE: '1'}
  const words = [...argv, '--version']
  try {
    const unshare = asUser.platform === 'linux' ? asUser.which('unshare', TOOL_PATH) : undefined
    if (unshare !== undefined) {
      const apart = [unshare, '--user', '--map-current-user', '--net', '--', ...words]
      const result = await asUser.run(apart, {env, cwd: '/', timeoutMs: TRY_APART_TIMEOUT_MS})
      if (result.code === 0) return result
    }
    return await asUser.run(words, {env, cwd: '/', timeoutMs: TRY_TIMEOUT_MS})
  } finally {
    folder.remove()
  }
}
