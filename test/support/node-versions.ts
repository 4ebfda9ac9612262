import {execFile} from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const INSTALL_TIMEOUT_MS = 10 * 60_000

/**
 * sh program. $1: folder that holds the finished installation. $2: package with its version.
 * A download that is killed leaves nothing that looks finished.
 */
const INSTALL = `set -eu
[ ! -d "$1" ] || exit 0
rm -rf "$1.tmp"
mkdir "$1.tmp"
npm install --no-save --no-audit --no-fund --ignore-scripts --loglevel=error --prefix "$1.tmp" "$2"
mv "$1.tmp" "$1"
`

/**
 * Path of a Linux build of node of that version (`22`: the newest 22), or the reason why there is none. It is taken from the npm registry
 * once, into the user's cache folder; of several processes that ask at the same time one downloads and the others wait.
 */
export async function nodeOfVersion(version: string): Promise<{readonly node?: string; readonly reason?: string}> {
  if (process.platform !== 'linux') return {reason: 'needs Linux'}
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'hermes-svc-tests')
  const folder = path.join(cache, `node-${version}`)
  const name = `node-linux-${process.arch}`
  const node = path.join(folder, 'node_modules', name, 'bin', 'node')
  if (fs.existsSync(node)) return {node}
  fs.mkdirSync(cache, {recursive: true})
  const argv = [`${folder}.lock`, 'sh', '-c', INSTALL, 'install', folder, `${name}@${version}`]
  // vitest.config.ts has put it aside.
  const certificates = process.env.NODE_EXTRA_CA_CERTS ?? process.env.HERMES_SVC_EXTRA_CA_CERTS
  const env = {...process.env, NODE_EXTRA_CA_CERTS: certificates}
  const output = await new Promise<string | undefined>((resolve) => {
    execFile('flock', argv, {env, timeout: INSTALL_TIMEOUT_MS}, (error, stdout, stderr) => {
      resolve(error ? stderr || stdout || error.message : undefined)
    })
  })
  if (output === undefined) return {node}
  return {reason: `npm could not get ${name}@${version}: ${output.trim().split('\n')[0]}`}
}
