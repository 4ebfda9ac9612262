import path from 'node:path'
import type {Host} from '../host/host.js'

/** The version of this hermes-svc, as its package says. */
export function ownVersion(host: Host): string {
  const text = host.readText(path.join(host.packageRoot, 'package.json'))
  if (text === undefined) throw new Error('the package is incomplete: package.json is missing')
  return (JSON.parse(text) as {version: string}).version
}
